//! Exactly one writer of `spec.replicas`: ours while the service says a number, nobody of ours while it does not.
//!
//! An apply that leaves out a field which our entry holds removes it, and the API server fills in 1: a service that
//! was just handed to an autoscaler would shrink to one pod. So our entry lets the field go first, and the count
//! stays what it is.

use llmisvc_core::facts::Ref;
use llmisvc_core::object::Object;
use llmisvc_core::tree;
use serde_json::{Value, json};

use crate::context::Context;
use crate::wire::{Place, WireError};

/// Takes `spec.replicas` out of what we own of a live child, where the desired one leaves it to others.
pub async fn let_go(
    ctx: &Context,
    service: &Ref,
    object: &Object,
    place: Place<'_>,
) -> Result<(), WireError> {
    if tree::get(&object.body, &["spec", "replicas"]).is_some() {
        return Ok(());
    }
    let slot = (object.kind, object.name.clone());
    let Some((revision, held)) = ctx.stores.count_entries(service, &slot) else { return Ok(()) };
    let left = ctx.wire.json_patch(place, "", &ops(revision, &held)).await?;
    ctx.stores.refresh_child(object.kind, left);
    Ok(())
}

fn ops(revision: u64, held: &[usize]) -> Value {
    let test = json!({"op": "test", "path": "/metadata/resourceVersion", "value": revision.to_string()});
    let remove = |entry: &usize| {
        let path = format!("/metadata/managedFields/{entry}/fieldsV1/f:spec/f:replicas");
        json!({"op": "remove", "path": path})
    };
    std::iter::once(test).chain(held.iter().map(remove)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_revision_at_hand_is_changed_and_only_who_owns_the_count() {
        let expected = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "remove", "path": "/metadata/managedFields/0/fieldsV1/f:spec/f:replicas"},
            {"op": "remove", "path": "/metadata/managedFields/3/fieldsV1/f:spec/f:replicas"},
        ]);
        assert_eq!(ops(7, &[0, 3]), expected);
    }
}
