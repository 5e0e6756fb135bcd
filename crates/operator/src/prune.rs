//! Deletes children that are no longer wanted.

use std::collections::BTreeSet;

use llmisvc_core::facts::Ref;
use llmisvc_core::object::LiveObject;
use llmisvc_kinds::Kind;

use crate::context::Context;
use crate::memo::shown;
use crate::metrics::Verb;
use crate::wire::Place;

/// Deletes these children, routes first.
///
/// # Guarantees
///
/// Each delete carries the UID that the watch has shown, so a successor of the same name is never hit. Guests,
/// which are objects of others, are left alone.
///
/// # Assumptions
///
/// The list follows from a pass whose writes went through: a partial one would delete what is still wanted.
///
/// Gives false when a delete failed and has to be tried again.
pub async fn run(ctx: &Context, service: &Ref, unwanted: &[(Kind, String, &LiveObject)]) -> bool {
    let guests: BTreeSet<(Kind, String)> = ctx.stores.guests(service);
    let mut done = true;
    for (kind, name, child) in unwanted.iter().rev() {
        if !guests.contains(&(*kind, name.clone())) {
            done &= delete(ctx, service, *kind, name, &child.uid).await;
        }
    }
    done
}

async fn delete(ctx: &Context, service: &Ref, kind: Kind, name: &str, uid: &str) -> bool {
    let served = kind.served();
    let place = Place { served: &served, namespace: &service.namespace, name };
    match ctx.wire.delete(place, uid).await {
        Ok(()) => ctx.metrics.did(Verb::Pruned, kind, 1),
        // Gone, or another object by now: the watch will tell.
        Err(error) if matches!(error.code(), Some(404 | 409)) => {}
        Err(error) => {
            let error = crate::wire::chain(&error);
            tracing::warn!(service = shown(service), kind = served.kind, name, error, "child not deleted");
            return false;
        }
    }
    // What waits for the end of one that scales is woken by the watch, which must find it there.
    if matches!(kind, Kind::HorizontalPodAutoscaler | Kind::ScaledObject) {
        return true;
    }
    let namespace = if served.namespaced { service.namespace.as_str() } else { "" };
    ctx.stores.remove_child(kind, &Ref::new(namespace, name), uid);
    true
}
