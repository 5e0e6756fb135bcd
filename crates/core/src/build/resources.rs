//! Accelerators, and requests that equal their limits.

use serde_json::{Value, json};

use crate::tree;
use crate::validate::accelerator::is_extended;

/// Requests `count` of an accelerator.
pub fn add(container: &mut Value, resource: &str, count: i64) {
    let resources = tree::entry(container, "resources");
    for kind in ["limits", "requests"] {
        tree::object(resources, kind).insert(resource.to_owned(), json!(count.to_string()));
    }
}

/// Sets the missing one of request and limit, which must be equal for extended resources: a request alone is
/// refused by the API server.
pub fn balance(pod: &mut Value) {
    for list in ["initContainers", "containers"] {
        let containers = pod.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            copy(container, "requests", "limits");
            copy(container, "limits", "requests");
        }
    }
}

fn copy(container: &mut Value, from: &str, to: &str) {
    let given = tree::get(container, &["resources", from]).and_then(Value::as_object);
    let extended: Vec<(String, Value)> = given
        .into_iter()
        .flatten()
        .filter(|(name, _)| is_extended(name))
        .map(|(name, quantity)| (name.clone(), quantity.clone()))
        .collect();
    if extended.is_empty() {
        return;
    }
    let target = tree::object(tree::entry(container, "resources"), to);
    for (name, quantity) in extended {
        target.entry(name).or_insert(quantity);
    }
}
