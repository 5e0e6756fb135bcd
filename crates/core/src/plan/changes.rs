//! What a write has changed in pod templates, by path. Values stay out of it: they may be secret.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::covers::key_of;
use crate::labels::{APPLIED, KV_REVISION};
use crate::tree;
use crate::workloads::templates;

/// Paths in the pod templates of a Deployment or LeaderWorkerSet that differ between two of its versions, both as the
/// API server has them: `containers[main].image`. The revision is left out, since it only follows from others.
pub fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut paths = BTreeSet::new();
    for (before, after) in templates(before).zip(templates(after)) {
        field("", before, after, &mut paths);
    }
    if templates(before).count() != templates(after).count() {
        paths.insert("leaderTemplate".to_owned());
    }
    paths.remove(&format!("metadata.labels[{KV_REVISION}]"));
    paths.into_iter().map(|path| path.strip_prefix("spec.").map(str::to_owned).unwrap_or(path)).collect()
}

/// Paths that differ between two versions of an object that have been made by this program, whatever its kind.
pub fn changed_fields(before: &Value, after: &Value) -> Vec<String> {
    let mut paths = BTreeSet::new();
    field("", before, after, &mut paths);
    paths.remove(&format!("metadata.annotations[{APPLIED}]"));
    paths.into_iter().collect()
}

fn field(path: &str, before: &Value, after: &Value, paths: &mut BTreeSet<String>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(map), Value::Null) if is_labels(path) => members(path, map, &Map::new(), paths),
        (Value::Null, Value::Object(map)) if is_labels(path) => members(path, &Map::new(), map, paths),
        (Value::Object(before), Value::Object(after)) => members(path, before, after, paths),
        (Value::Array(before), Value::Array(after)) if key_of(last(path)).is_some() => {
            elements(path, before, after, paths);
        }
        _ => {
            paths.insert(path.to_owned());
        }
    }
}

fn is_labels(path: &str) -> bool {
    matches!(last(path), "annotations" | "labels")
}

pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn members(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    paths: &mut BTreeSet<String>,
) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let below = below(path, key);
        let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
        field(&below, &of(before), &of(after), paths);
    }
}

/// The path of a member.
pub(super) fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        _ if key.contains(['.', '/']) => format!("{path}[{key}]"),
        _ => format!("{path}.{key}"),
    }
}

/// Lists whose elements have names.
fn elements(path: &str, before: &[Value], after: &[Value], paths: &mut BTreeSet<String>) {
    let key = key_of(last(path)).unwrap_or_default();
    let names: BTreeSet<&str> = before.iter().chain(after).map(|item| tree::text(item, &[key])).collect();
    let mut found = BTreeSet::new();
    for name in names {
        let of = |list: &[Value]| list.iter().find(|item| tree::text(item, &[key]) == name).cloned();
        let (before, after) = (of(before).unwrap_or_default(), of(after).unwrap_or_default());
        field(&format!("{path}[{name}]"), &before, &after, &mut found);
    }
    if found.is_empty() {
        // Only their order differs.
        found.insert(path.to_owned());
    }
    paths.append(&mut found);
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
