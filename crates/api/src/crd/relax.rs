//! What the schema of configs does not ask for: they are partial, and hold templates (`reference/api.md §1.4`,
//! edges 5 and 6).

use serde_json::{Map, Value};

use super::{cel, structural::each_child};

/// Members that only a complete spec has; the merged spec is checked for them.
const COMPLETED_LATER: &[&str] = &["maxReplicas", "triggers"];

/// Specs of other APIs inside ours.
const EMBEDDED: [&str; 2] = [
    "/router/properties/route/properties/http/properties/spec",
    "/router/properties/scheduler/properties/pool/properties/spec",
];

/// Relaxes the spec of a config.
pub fn relax(spec: &mut Map<String, Value>) {
    accept_templates(spec);
    let Some(properties) = spec.get_mut("properties") else { return };
    for path in EMBEDDED {
        properties.pointer_mut(path).and_then(Value::as_object_mut).into_iter().for_each(accept_parts);
    }
}

/// Strings, int-or-strings and quantities hold templates, so that only the rendered value can be checked.
fn accept_templates(node: &mut Map<String, Value>) {
    let int_or_string = node.contains_key("x-kubernetes-int-or-string");
    if int_or_string || node.get("type").is_some_and(|t| t == "string") {
        node.retain(|key, _| {
            !["enum", "pattern", "minLength", "maxLength", "format"].contains(&key.as_str())
        });
    }
    retain(node, "required", |name| !COMPLETED_LATER.iter().any(|later| name == later));
    retain(node, "x-kubernetes-validations", |rule| !cel::asks_for_completeness(rule));
    each_child(node, &mut accept_templates);
}

/// Embedded specs of other APIs: a part may be given, and their own rules hold for the rendered object.
fn accept_parts(node: &mut Map<String, Value>) {
    node.retain(|key, _| !["x-kubernetes-validations", "minItems", "minProperties"].contains(&key.as_str()));
    each_child(node, &mut accept_parts);
}

fn retain(node: &mut Map<String, Value>, key: &str, keep: impl Fn(&Value) -> bool) {
    if let Some(Value::Array(list)) = node.get_mut(key) {
        list.retain(keep);
        if list.is_empty() {
            node.remove(key);
        }
    }
}
