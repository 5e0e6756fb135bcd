//! The part of conversion that needs no memory: names, places and shapes that differ.

use serde_json::{Value, json};

use super::{criticality, kept, pool};
use crate::v1alpha1;
use crate::version::Version;

/// What a version can show of an object of the other one.
pub fn to(object: &Value, version: Version) -> Value {
    let mut object = kept::without_annotations(object);
    match version {
        Version::V1alpha1 => {
            for pointer in v1alpha1::ABSENT {
                remove(&mut object, pointer);
            }
            change(&mut object, v1alpha1::POOL, pool::older);
            criticality::to_fields(&mut object);
        }
        Version::V1alpha2 => {
            change(&mut object, v1alpha1::POOL, pool::newer);
            criticality::to_annotations(&mut object);
        }
    }
    change(&mut object, "/apiVersion", |_| json!(version.api_version()));
    object
}

fn change(object: &mut Value, pointer: &str, f: impl Fn(Value) -> Value) {
    if let Some(place) = object.pointer_mut(pointer) {
        *place = f(place.take());
    }
}

/// Removes a place; `*` is every item of a list.
fn remove(node: &mut Value, pointer: &str) {
    if let Some((list, rest)) = pointer.split_once("/*") {
        let items = node.pointer_mut(list).and_then(Value::as_array_mut);
        return items.into_iter().flatten().for_each(|item| remove(item, rest));
    }
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    let members = node.pointer_mut(parent).and_then(Value::as_object_mut);
    members.and_then(|members| members.remove(name));
}
