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
pub async fn run(ctx: &Context, service: &Ref, unwanted: &[(Kind, String, &LiveObject)]) -> Pruned {
    let guests: BTreeSet<(Kind, String)> = ctx.stores.guests(service);
    let mut pruned = Pruned::default();
    for (kind, name, child) in unwanted.iter().rev() {
        let slot = (*kind, name.clone());
        if guests.contains(&slot) {
            continue;
        }
        match delete(ctx, service, *kind, name, &child.uid).await {
            Some(true) => pruned.gone.push(slot),
            Some(false) => {}
            None => pruned.failed = true,
        }
    }
    pruned
}

/// What became of the deletes.
#[derive(Debug, Default)]
pub struct Pruned {
    /// What was deleted.
    pub gone: Vec<(Kind, String)>,
    /// A delete failed and has to be tried again.
    pub failed: bool,
}

/// Whether it was there; none when that could not be done.
async fn delete(ctx: &Context, service: &Ref, kind: Kind, name: &str, uid: &str) -> Option<bool> {
    let served = kind.served();
    let place = Place { served: &served, namespace: &service.namespace, name };
    let was_there = match ctx.wire.delete(place, uid).await {
        Ok(()) => true,
        // Gone, or another object by now: the watch will tell.
        Err(error) if matches!(error.code(), Some(404 | 409)) => false,
        Err(error) => {
            let error = crate::wire::chain(&error);
            tracing::warn!(service = shown(service), kind = served.kind, name, error, "child not deleted");
            return None;
        }
    };
    ctx.metrics.did(Verb::Pruned, kind, was_there.into());
    // What waits for the end of one that scales is woken by the watch, which must find it there.
    if matches!(kind, Kind::HorizontalPodAutoscaler | Kind::ScaledObject) {
        return Some(was_there);
    }
    let namespace = if served.namespaced { service.namespace.as_str() } else { "" };
    ctx.stores.remove_child(kind, &Ref::new(namespace, name), uid);
    Some(was_there)
}
