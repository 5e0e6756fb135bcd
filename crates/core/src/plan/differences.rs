//! Where a live object is not as desired, by path. The live one has the API server's defaults, the desired one has
//! not, so a field that only the live one has tells nothing unless it is an element of a list that is merged by key.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::changes::{below, last};
use super::covers::{field, key_of};
use crate::tree;

/// Paths at which the live object would change. Values stay out of it: they may be secret.
pub fn differences(live: &Value, desired: &Value) -> Vec<String> {
    let mut paths = BTreeSet::new();
    walk("", "", live, desired, &mut paths);
    paths.into_iter().collect()
}

fn walk(path: &str, parent: &str, live: &Value, desired: &Value, paths: &mut BTreeSet<String>) {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => members(path, live, desired, paths),
        (Value::Array(live), Value::Array(desired)) if key_of(last(path)).is_some() => {
            elements(path, live, desired, paths);
        }
        // Compared inside its parent, which knows where quantities stand.
        _ if field(parent, &wrapped(path, live), &wrapped(path, desired)) => {}
        _ => {
            paths.insert(path.to_owned());
        }
    }
}

fn wrapped(path: &str, value: &Value) -> Value {
    match value {
        Value::Null => Value::Object(Map::new()),
        value => Value::Object(Map::from_iter([(last(path).to_owned(), value.clone())])),
    }
}

fn members(
    path: &str,
    live: &Map<String, Value>,
    desired: &Map<String, Value>,
    paths: &mut BTreeSet<String>,
) {
    for (key, wanted) in desired {
        let found = live.get(key).unwrap_or(&Value::Null);
        walk(&below(path, key), last(path), found, wanted, paths);
    }
}

fn elements(path: &str, live: &[Value], desired: &[Value], paths: &mut BTreeSet<String>) {
    let key = key_of(last(path)).unwrap_or_default();
    let names: BTreeSet<&str> = live.iter().chain(desired).map(|item| tree::text(item, &[key])).collect();
    for name in names {
        let of = |list: &[Value]| list.iter().find(|item| tree::text(item, &[key]) == name).cloned();
        let at = format!("{path}[{name}]");
        match (of(live), of(desired)) {
            (Some(live), Some(desired)) => walk(&at, "", &live, &desired, paths),
            _ => {
                paths.insert(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_other_what_is_missing_and_what_would_go_is_told_by_path() {
        let live = json!({"spec": {
            "containers": [
                {"name": "main", "image": "a", "command": ["sh"], "terminationMessagePath": "/dev/termination-log",
                 "env": [{"name": "OLD", "value": "1"}, {"name": "SAME", "value": "1"}]},
                {"name": "gone"},
            ],
            "restartPolicy": "Always",
        }});
        let desired = json!({"metadata": {"labels": {"a.b/c": "d"}}, "spec": {
            "containers": [{"name": "main", "image": "b", "command": ["vllm", "serve"],
                            "env": [{"name": "SAME", "value": "1"}, {"name": "NEW", "value": "2"}]}],
            "nodeSelector": {}, "hostIPC": null,
        }});
        let expected = [
            "metadata",
            "spec.containers[gone]",
            "spec.containers[main].command",
            "spec.containers[main].env[NEW]",
            "spec.containers[main].env[OLD]",
            "spec.containers[main].image",
        ];
        assert_eq!(differences(&live, &desired), expected);
    }

    #[test]
    fn quantities_are_compared_by_value() {
        let live = json!({"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}, "value": "1"});
        let desired = json!({"resources": {"limits": {"cpu": "0.5", "memory": "2Gi"}}, "value": "1.0"});
        assert_eq!(differences(&live, &desired), ["resources.limits.memory", "value"]);
    }

    #[test]
    fn equal_but_for_defaults_is_no_difference() {
        let live = json!({"ports": [{"port": 1, "protocol": "TCP"}], "type": "ClusterIP"});
        assert_eq!(differences(&live, &json!({"ports": [{"port": 1}]})), Vec::<String>::new());
    }
}
