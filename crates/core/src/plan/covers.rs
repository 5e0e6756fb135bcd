//! Whether a live object has every field of the desired one.
//!
//! Defaults that the server filled in, and fields of others, make the live object larger; they do not count.
//! Lists that others may share (containers, env, ports …) are matched by key, all others element by element.

use serde_json::{Map, Value};

use crate::quantity::nanos;

/// Keys of the lists that server-side apply merges by key, by field name.
const KEYED: &[(&str, &str)] = &[
    ("containers", "name"),
    ("initContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("volumeMounts", "mountPath"),
    ("imagePullSecrets", "name"),
    ("secrets", "name"),
];

/// Fields whose strings are quantities, which the server rewrites (`0.5` becomes `500m`).
const QUANTITIES: &[&str] = &["limits", "requests"];

/// True when every field of `desired` is in `live`. Nulls and empty values of `desired` ask for nothing.
pub fn covers(live: &Value, desired: &Value) -> bool {
    field("", live, desired)
}

pub(super) fn field(name: &str, live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => map(name, live, desired),
        (Value::Array(live), Value::Array(desired)) => list(name, live, desired),
        _ => live == desired,
    }
}

fn map(name: &str, live: &Map<String, Value>, desired: &Map<String, Value>) -> bool {
    desired.iter().all(|(key, value)| match live.get(key) {
        Some(Value::String(a)) if is_quantity(name, key) => same_quantity(a, value),
        Some(found) => field(key, found, value),
        None => asks_nothing(value),
    })
}

fn list(name: &str, live: &[Value], desired: &[Value]) -> bool {
    match key_of(name) {
        Some(key) => desired.iter().all(|d| find(live, d, key).is_some_and(|l| field("", l, d))),
        None => live.len() == desired.len() && live.iter().zip(desired).all(|(l, d)| field("", l, d)),
    }
}

pub(super) fn key_of(name: &str) -> Option<&'static str> {
    KEYED.iter().find(|(list, _)| *list == name).map(|(_, key)| *key)
}

fn find<'a>(live: &'a [Value], desired: &Value, key: &str) -> Option<&'a Value> {
    live.iter().find(|l| l.get(key) == desired.get(key))
}

fn asks_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(asks_nothing),
        _ => false,
    }
}

fn is_quantity(parent: &str, key: &str) -> bool {
    QUANTITIES.contains(&parent) || matches!(key, "sizeLimit" | "tolerance" | "averageValue")
}

fn same_quantity(live: &str, desired: &Value) -> bool {
    let desired = match desired {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    live == desired || matches!((nanos(live), nanos(&desired)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_and_foreign_fields_do_not_count() {
        let live = json!({"metadata": {"labels": {"a": "1", "theirs": "x"}}, "spec": {"replicas": 1, "strategy": {}}});
        assert!(covers(&live, &json!({"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 1}})));
    }

    #[test]
    fn an_edited_field_counts() {
        assert!(!covers(&json!({"spec": {"replicas": 3}}), &json!({"spec": {"replicas": 1}})));
        assert!(!covers(&json!({"spec": {}}), &json!({"spec": {"replicas": 1}})));
    }

    #[test]
    fn shared_lists_are_matched_by_key_and_others_by_position() {
        let live = json!({"env": [{"name": "X", "value": "theirs"}, {"name": "A", "value": "1"}], "args": ["a", "b"]});
        assert!(covers(&live, &json!({"env": [{"name": "A", "value": "1"}]})));
        assert!(!covers(&live, &json!({"env": [{"name": "B", "value": "1"}]})));
        assert!(!covers(&live, &json!({"args": ["a"]})));
    }

    #[test]
    fn quantities_are_compared_by_value_where_quantities_stand() {
        let live = json!({"resources": {"limits": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "1"}}});
        let desired =
            json!({"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi", "nvidia.com/gpu": 1}}});
        assert!(covers(&live, &desired));
        assert!(!covers(&json!({"value": "1"}), &json!({"value": "1.0"})));
    }
}
