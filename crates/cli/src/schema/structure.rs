//! Structural schemas: types, members, items and list keys.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::limits::{self, Broken};
use super::{Answer, Said};

/// What the structure of an object breaks, and whether no CEL rule is evaluated because of it: the API server wants
/// types, required members and sizes to be right first, but not bounds and patterns.
pub fn check(schema: &Value, object: &Value) -> (Answer, bool) {
    let mut walk = Walk::default();
    walk.value(schema, object, "");
    (walk.answer, walk.blocked)
}

#[derive(Default)]
struct Walk {
    answer: Answer,
    blocked: bool,
}

impl Walk {
    fn refuse(&mut self, path: &str, broken: Broken) {
        self.blocked |= broken.blocks;
        self.answer.refused.push(Said { path: path.to_owned(), message: broken.message });
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        if value.is_null() && is(schema, "nullable") {
            return;
        }
        if let Some(expected) = mismatch(schema, value) {
            let message = format!("must be of type {expected}: \"{}\"", type_of(value));
            return self.refuse(path, Broken::blocking(message));
        }
        for broken in limits::broken(schema, value) {
            self.refuse(path, broken);
        }
        match value {
            Value::Object(members) => self.object(schema, members, path),
            Value::Array(items) => self.list(schema, items, path),
            _ => {}
        }
    }

    fn object(&mut self, schema: &Value, members: &Map<String, Value>, path: &str) {
        // The API server takes null for absent where the member may not be null.
        let is_given = |name: &str| {
            let may_be_null = member(schema, name).is_none_or(|s| is(s, "nullable"));
            members.get(name).is_some_and(|value| !value.is_null() || may_be_null)
        };
        for name in names(schema, "required").filter(|name| !is_given(name)) {
            self.refuse(&below(path, name), Broken::blocking("Required value".to_owned()));
        }
        for (name, value) in members.iter().filter(|(name, _)| is_given(name)) {
            let at = below(path, name);
            match member(schema, name) {
                Some(schema) => self.value(schema, value, &at),
                None if is_open(schema, path) => {}
                None => self.answer.unknown.push(Said {
                    path: at,
                    message: "unknown field: kubectl refuses it, and other clients lose it".to_owned(),
                }),
            }
        }
    }

    fn list(&mut self, schema: &Value, items: &[Value], path: &str) {
        let keys: Vec<&str> = names(schema, "x-kubernetes-list-map-keys").collect();
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{path}[{index}]");
            if let Some(key) = key(schema, &keys, item)
                && !seen.insert(key.clone())
            {
                self.refuse(&at, Broken::value(format!("Duplicate value: {key}")));
            }
            if let Some(schema) = schema.get("items") {
                self.value(schema, item, &at);
            }
        }
    }
}

/// What a member of an object is held to.
fn member<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let property = schema.get("properties").and_then(|properties| properties.get(name));
    property.or_else(|| schema.get("additionalProperties").filter(|s| s.is_object()))
}

/// Metadata is the API server's own, and the kind's members are not in every schema.
fn is_open(schema: &Value, path: &str) -> bool {
    is(schema, "x-kubernetes-preserve-unknown-fields") || path == "metadata" || path.is_empty()
}

/// What tells an item of a list apart, as the API server prints it; absent keys have their defaults.
fn key(schema: &Value, keys: &[&str], item: &Value) -> Option<String> {
    if keys.is_empty() {
        return None;
    }
    let default = |name: &str| schema.pointer(&format!("/items/properties/{name}/default"));
    let part = |name: &&str| {
        let value = item.get(*name).or_else(|| default(name))?;
        Some(((*name).to_owned(), value.clone()))
    };
    let parts: Map<String, Value> = keys.iter().map(part).collect::<Option<_>>()?;
    Some(Value::Object(parts).to_string())
}

fn is(schema: &Value, flag: &str) -> bool {
    schema.get(flag).is_some_and(|value| value == true)
}

fn names<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The type that the schema wants, where the value has another.
fn mismatch<'a>(schema: &'a Value, value: &Value) -> Option<&'a str> {
    if is(schema, "x-kubernetes-int-or-string") {
        return (!value.is_string() && !is_integer(value)).then_some("integer,string");
    }
    let expected = schema.get("type").and_then(Value::as_str)?;
    let fits = match expected {
        "integer" if value.is_f64() && !is_integer(value) => {
            return schema.get("format").and_then(Value::as_str);
        }
        "integer" => is_integer(value),
        "number" => value.is_number(),
        other => type_of(value) == other,
    };
    (!fits).then_some(expected)
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
