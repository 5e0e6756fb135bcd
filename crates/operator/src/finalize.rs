//! The finalizer: only where a ClusterRoleBinding exists, which no owner reference reaches, and for members of traffic
//! groups.

use llmisvc_core::facts::Ref;
use llmisvc_core::labels::{FINALIZER, ROUTING_GROUP};
use llmisvc_core::object::Object;
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::context::Context;
use crate::prune;
use crate::resources;
use crate::stores::raw::Raw;
use crate::wire::{Place, WireError};

/// Whether the service is being deleted.
pub fn deleting(service: &Value) -> bool {
    tree::get(service, &["metadata", "deletionTimestamp"]).is_some()
}

/// The finalizers of an object.
pub fn finalizers(object: &Value) -> Vec<&str> {
    tree::list(object, &["metadata", "finalizers"]).iter().filter_map(Value::as_str).collect()
}

/// Adds the finalizer when one of the objects needs it; gives the service as it then is.
pub async fn ensure(
    ctx: &Context,
    place: &Ref,
    service: &Value,
    desired: &[Object],
) -> Result<Option<Value>, WireError> {
    let held = finalizers(service);
    if held.contains(&FINALIZER) || !desired.iter().any(is_let_go_of) {
        return Ok(None);
    }
    let all: Vec<&str> = held.into_iter().chain([FINALIZER]).collect();
    let answer = Raw::new(patch(ctx, place, service, &all).await?).value;
    ctx.stores.put_service(answer.clone());
    Ok(Some(answer))
}

/// Whether something has to be done before its service may go: it is out of reach of owner references, or a route that
/// others share requests with.
fn is_let_go_of(object: &Object) -> bool {
    !object.kind.served().namespaced
        || !tree::text(&object.body, &["metadata", "labels", ROUTING_GROUP]).is_empty()
}

/// Deletes what no owner reference reaches, then lets the service go. Needs nothing but the watches: a config
/// or an account that is gone already blocks no deletion (G-10, G-11).
///
/// Gives false when something failed and has to be tried again.
pub async fn release(ctx: &Context, place: &Ref, service: &Value) -> Result<bool, WireError> {
    if !finalizers(service).contains(&FINALIZER) {
        return Ok(true);
    }
    let live = ctx.stores.live(place);
    let outside = live.iter().filter(|((kind, _), _)| !kind.served().namespaced);
    let outside: Vec<(Kind, String, _)> = outside.map(|((kind, name), c)| (*kind, name.clone(), c)).collect();
    if prune::run(ctx, place, &outside).await.failed {
        return Ok(false);
    }
    let rest: Vec<&str> = finalizers(service).into_iter().filter(|f| *f != FINALIZER).collect();
    match patch(ctx, place, service, &rest).await {
        Err(error) if error.code() != Some(404) => Err(error),
        _ => Ok(true),
    }
}

async fn patch(ctx: &Context, place: &Ref, service: &Value, finalizers: &[&str]) -> Result<Value, WireError> {
    let at = Place { served: &resources::SERVICE, namespace: &place.namespace, name: &place.name };
    set(ctx, at, service, finalizers).await
}

/// Replaces the finalizers of this version of an object.
pub async fn set(
    ctx: &Context,
    at: Place<'_>,
    object: &Value,
    finalizers: &[&str],
) -> Result<Value, WireError> {
    let patch = json!({"metadata": {
        "resourceVersion": tree::text(object, &["metadata", "resourceVersion"]),
        "finalizers": finalizers,
    }});
    ctx.wire.merge_patch(at, &patch).await
}
