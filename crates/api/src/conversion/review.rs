//! The answer to a ConversionReview (`reference/api.md §6.1`).

use serde_json::{Value, json};

use super::convert;
use crate::version::Version;

/// The review with its answer: the same UID and order, or the first object that cannot be converted, by name.
pub fn review(review: &Value) -> Value {
    let uid = review.pointer("/request/uid").cloned().unwrap_or_default();
    let (objects, result) = match converted(review) {
        Ok(objects) => (objects, json!({"status": "Success"})),
        Err(message) => (Vec::new(), json!({"status": "Failure", "message": message})),
    };
    json!({
        "apiVersion": review.get("apiVersion").cloned().unwrap_or_else(|| json!("apiextensions.k8s.io/v1")),
        "kind": "ConversionReview",
        "response": {"uid": uid, "convertedObjects": objects, "result": result},
    })
}

fn converted(review: &Value) -> Result<Vec<Value>, String> {
    let wanted = review.pointer("/request/desiredAPIVersion").and_then(Value::as_str).unwrap_or_default();
    let to = Version::of(wanted)
        .ok_or_else(|| format!("request.desiredAPIVersion {wanted:?} is none of this group"))?;
    let objects = review.pointer("/request/objects").and_then(Value::as_array);
    let objects = objects.ok_or("request.objects is not a list")?;
    objects
        .iter()
        .map(|object| convert(object.clone(), to).map_err(|e| format!("{}: {e}", name(object))))
        .collect()
}

fn name(object: &Value) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}
