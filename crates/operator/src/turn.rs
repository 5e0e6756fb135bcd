//! Field ownership before the first apply to an object that we have not applied yet.

use llmisvc_core::adopt::fields;
use llmisvc_core::labels::ADOPTED;
use llmisvc_core::object::{LiveObject, Object};
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::apply::{ApplyError, look_again_after};
use crate::context::Context;
use crate::gather::Subject;
use crate::stores::raw::Turn;
use crate::wire::Place;

/// Makes the entry that our POST or a former controller left in the managed fields our `Apply`, so that the apply that
/// follows owns what is there and can remove it.
pub async fn turn_into_apply(
    ctx: &Context,
    subject: &Subject,
    object: &Object,
    place: Place<'_>,
    live: &LiveObject,
) -> Result<(), ApplyError> {
    let entries = "/metadata/managedFields";
    let (version, turned) = match ctx.stores.turn(&subject.place, &(object.kind, object.name.clone())) {
        None => return Err(ApplyError::Moved),
        Some(Turn::Posted(entry)) => {
            let operation = format!("{entries}/{entry}/operation");
            (live.resource_version.clone(), json!({"op": "replace", "path": operation, "value": "Apply"}))
        }
        Some(Turn::Former) => {
            let whole = marked(ctx, subject, object, place, live).await?;
            let scaled = tree::get(&object.body, &["spec", "replicas"]).is_none();
            let Some(taken) = fields::taken_over(&whole, scaled) else {
                ctx.stores.refresh_child(object.kind, whole);
                return Err(ApplyError::Moved);
            };
            let version = tree::text(&whole, &["metadata", "resourceVersion"]).to_owned();
            (version, json!({"op": "replace", "path": entries, "value": taken}))
        }
    };
    let turned = patch(ctx, subject, object.kind, place, &version, &[turned]).await?;
    ctx.stores.refresh_child(object.kind, turned);
    Ok(())
}

/// A former controller's object with its managed fields. What is to stay as it is says so before it becomes ours: a
/// process that ends in between would else take it for ours, to be changed.
async fn marked(
    ctx: &Context,
    subject: &Subject,
    object: &Object,
    place: Place<'_>,
    live: &LiveObject,
) -> Result<Value, ApplyError> {
    let mark = tree::text(&object.body, &["metadata", "annotations", ADOPTED]);
    let path = format!("/metadata/annotations/{}", ADOPTED.replace('/', "~1"));
    let mut ops = vec![json!({"op": "add", "path": path, "value": mark})];
    if tree::get(&live.body, &["metadata", "annotations"]).is_none() {
        ops.insert(0, json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    if mark.is_empty() {
        ops.clear();
    }
    patch(ctx, subject, object.kind, place, &live.resource_version, &ops).await
}

/// A JSON patch of the object as it was seen; without operations it only reads it.
async fn patch(
    ctx: &Context,
    subject: &Subject,
    kind: Kind,
    place: Place<'_>,
    version: &str,
    ops: &[Value],
) -> Result<Value, ApplyError> {
    let test = json!({"op": "test", "path": "/metadata/resourceVersion", "value": version});
    let ops: Vec<&Value> = std::iter::once(&test).chain(ops).collect();
    match ctx.wire.json_patch(place, "", &json!(ops)).await {
        Ok(object) => Ok(object),
        Err(error) => Err(look_again_after(ctx, subject, kind, place, error).await),
    }
}
