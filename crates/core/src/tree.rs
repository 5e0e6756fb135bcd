//! Small accessors over `serde_json::Value`, so that reading a tree needs no indexing that can fail.

use serde_json::{Map, Value};

use crate::labels::Labels;

/// The value below `path`, keys only.
pub fn get<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |v, key| v.get(*key))
}

/// A string below `path`; empty when absent or not a string.
pub fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    get(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// A list below `path`; empty when absent or not a list.
pub fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    get(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A string map below `path`; entries that are not strings are left out.
pub fn strings(value: &Value, path: &[&str]) -> Labels {
    let entries = get(value, path).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

/// The object below `key`, made when absent (or when something else stands there).
pub fn object<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    made_object(entry(value, key))
}

/// The list below `key`, made when absent (or when something else stands there).
pub fn array<'a>(value: &'a mut Value, key: &str) -> &'a mut Vec<Value> {
    let slot = entry(value, key);
    if !slot.is_array() {
        *slot = Value::Array(Vec::new());
    }
    match slot {
        Value::Array(items) => items,
        _ => unreachable!("made a list above"),
    }
}

/// The slot below `key`, null when absent; `value` becomes an object when it is not one.
pub fn entry<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    made_object(value).entry(key.to_owned()).or_insert(Value::Null)
}

fn made_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

/// The element of a list of named objects.
pub fn named<'a>(list: &'a [Value], name: &str) -> Option<&'a Value> {
    list.iter().find(|e| text(e, &["name"]) == name)
}

/// The element of a list of named objects, to change.
pub fn named_mut<'a>(list: &'a mut [Value], name: &str) -> Option<&'a mut Value> {
    list.iter_mut().find(|e| text(e, &["name"]) == name)
}

/// Lays one tree over another: objects member by member, everything else replaces.
pub fn overlay(into: &mut Value, from: &Value) {
    match from {
        Value::Object(from) if into.is_object() => {
            for (key, value) in from {
                overlay(entry(into, key), value);
            }
        }
        from => *into = from.clone(),
    }
}
