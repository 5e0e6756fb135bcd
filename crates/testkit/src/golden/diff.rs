//! Differences between objects, as paths with both values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::documents::identity;

/// The differences between two sets of objects, matched by kind, namespace and name; one entry per object.
pub fn objects(expected: &[Value], found: &[Value]) -> Vec<String> {
    let (expected, found) = (named(expected), named(found));
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let one = |name| match (expected.get(name), found.get(name)) {
        (Some(left), Some(right)) => {
            Some(between(left, right)).filter(|it| !it.is_empty()).map(|it| it.join("\n"))
        }
        (Some(_), None) => Some("  - the whole object".to_owned()),
        (None, right) => right.map(|it| format!("  + the whole object\n{}", block("  + ", it))),
    };
    names.into_iter().filter_map(|name| one(name).map(|text| format!("{}\n{text}", name.0))).collect()
}

/// Objects by name; the number tells those of the same name apart.
fn named(objects: &[Value]) -> BTreeMap<(String, usize), &Value> {
    let mut all = BTreeMap::new();
    for object in objects {
        let name = identity(object);
        let number = all.range((name.clone(), 0)..=(name.clone(), usize::MAX)).count();
        all.insert((name, number), object);
    }
    all
}

/// The differences between two values, each as a JSON pointer with the value before and after.
pub fn between(expected: &Value, found: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    walk("", Some(expected), Some(found), &mut differences);
    differences
}

fn walk(path: &str, left: Option<&Value>, right: Option<&Value>, out: &mut Vec<String>) {
    match (left, right) {
        (Some(left), Some(right)) if left == right => {}
        (Some(Value::Object(left)), Some(Value::Object(right))) => walk_fields(path, left, right, out),
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for index in 0..left.len().max(right.len()) {
                walk(&format!("{path}/{index}"), left.get(index), right.get(index), out);
            }
        }
        _ => {
            let side = |sign, value: Option<&Value>| {
                value.map_or(String::new(), |it| format!("\n{}", block(sign, it)))
            };
            out.push(format!("  {path}{}{}", side("  - ", left), side("  + ", right)));
        }
    }
}

fn walk_fields(path: &str, left: &Map<String, Value>, right: &Map<String, Value>, out: &mut Vec<String>) {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        let step = key.replace('~', "~0").replace('/', "~1");
        walk(&format!("{path}/{step}"), left.get(key), right.get(key), out);
    }
}

/// A value as YAML, each line after `sign`.
fn block(sign: &str, value: &Value) -> String {
    let text = serde_yaml_ng::to_string(value).unwrap_or_else(|_| value.to_string());
    text.trim_end().lines().map(|line| format!("{sign}{line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_have_paths_and_both_sides() {
        let found =
            between(&json!({"a": {"b/c": [1, 2]}, "same": 1}), &json!({"a": {"b/c": [1, 3, 4]}, "same": 1}));
        assert_eq!(found, ["  /a/b~1c/1\n  - 2\n  + 3", "  /a/b~1c/2\n  + 4"]);
    }

    #[test]
    fn objects_are_matched_by_name_whatever_their_order() {
        let (a, b) = (
            json!({"kind": "A", "metadata": {"name": "a"}}),
            json!({"kind": "B", "metadata": {"name": "b"}}),
        );
        assert!(objects(&[a.clone(), b.clone()], &[b.clone(), a.clone()]).is_empty());
        assert_eq!(objects(&[a.clone(), b], &[a]), ["B b\n  - the whole object"]);
    }

    #[test]
    fn a_second_object_of_the_same_name_is_seen() {
        let a = json!({"kind": "A", "metadata": {"name": "a"}});
        assert!(
            objects(std::slice::from_ref(&a), &[a.clone(), a.clone()])[0]
                .starts_with("A a\n  + the whole object")
        );
    }
}
