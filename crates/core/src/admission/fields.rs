//! Pod specs, of which the schema keeps every field: what no Kubernetes API has is refused with its path.

use std::collections::BTreeSet;

use llmisvc_api::rules::{Rule, Violation};
use llmisvc_api::v1alpha2::POD_SPECS;
use serde_json::Value;
use strsim::levenshtein;

use crate::shape::{self, Field, Kind, Shape};
use crate::tree;

/// Unknown fields, values of another type, and keys that are there twice, in every pod spec of a spec.
pub fn pods(spec: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    for place in POD_SPECS {
        let shape = place.iter().try_fold(shape::spec(), |shape, name| shape.field(name));
        if let (Some(shape), Some(pod)) = (shape, tree::get(spec, place)) {
            check(shape, pod, &format!("spec.{}", place.join(".")), &mut found);
        }
    }
    found
}

/// Null takes a value of a lower layer away, and a template is looked at when it is rendered.
fn check(shape: &Shape, value: &Value, path: &str, found: &mut Vec<Violation>) {
    if value.is_null() || value.as_str().is_some_and(is_template) {
        return;
    }
    match (shape.kind(), value) {
        (Kind::Struct, Value::Object(fields)) => {
            for (name, value) in fields.iter().filter(|(name, _)| !is_template(name)) {
                let path = format!("{path}.{name}");
                match shape.field(name) {
                    Some(shape) => check(shape, value, &path, found),
                    None => add(found, Rule::PF1, path, unknown(shape, name)),
                }
            }
        }
        (Kind::Map, Value::Object(entries)) => {
            for (key, value) in entries {
                each(shape, value, &format!("{path}[{key}]"), found);
            }
        }
        (Kind::List, Value::Array(items)) => list(shape, items, path, found),
        (kind, value) if fits(kind, value) => {}
        (kind, value) => {
            add(
                found,
                Rule::PF2,
                path.to_owned(),
                format!("expected {}, found {}", noun(kind), found_kind(value)),
            );
        }
    }
}

fn each(shape: &Shape, value: &Value, path: &str, found: &mut Vec<Violation>) {
    if let Some(element) = shape.element() {
        check(element, value, path, found);
    }
}

fn list(shape: &Shape, items: &[Value], path: &str, found: &mut Vec<Violation>) {
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if let Some(key) = key(shape, item)
            && !seen.insert(key.clone())
        {
            let message = format!("duplicate {}: an item before has {key}", shape.list_key().join(" and "));
            add(found, Rule::PF3, path.clone(), message);
        }
        each(shape, item, &path, found);
    }
}

/// What tells an item apart; none where it is incomplete or templated, which others find.
fn key(shape: &Shape, item: &Value) -> Option<String> {
    let absent = |name: &str| (name == "protocol").then(|| "TCP".to_owned());
    let part = |name: &String| match item.get(name) {
        Some(Value::String(text)) if !is_template(text) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        None => absent(name),
        _ => None,
    };
    let parts: Vec<String> = shape.list_key().iter().map(part).collect::<Option<_>>()?;
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn is_template(text: &str) -> bool {
    text.contains("{{")
}

fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::String | Kind::Url | Kind::Time | Kind::Duration | Kind::Bytes => value.is_string(),
        Kind::Bool => value.is_boolean(),
        Kind::Int | Kind::Uint => value.is_i64() || value.is_u64(),
        Kind::Float => value.is_number(),
        Kind::Quantity => value.is_string() || value.is_number(),
        Kind::IntOrString => value.is_string() || value.is_i64(),
        Kind::Raw => true,
        Kind::List | Kind::Map | Kind::Struct => false,
    }
}

const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::String | Kind::Url | Kind::Time | Kind::Duration | Kind::Bytes => "a string (quote it)",
        Kind::Bool => "true or false",
        Kind::Int | Kind::Uint => "an integer",
        Kind::Float => "a number",
        Kind::Quantity => "a quantity such as 10Gi",
        Kind::IntOrString => "an integer or a string",
        Kind::List => "a list",
        Kind::Map | Kind::Struct | Kind::Raw => "an object",
    }
}

/// The kind of a value and never the value: it may be secret (edge 31).
const fn found_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// With the field that is nearest to it, where one is near.
fn unknown(shape: &Shape, name: &str) -> String {
    let near = names(shape).into_iter().map(|known| (levenshtein(known, name), known));
    match near.min().filter(|(distance, _)| *distance <= 2) {
        Some((_, near)) => format!("unknown field; did you mean {near}?"),
        None => "unknown field: Kubernetes has none of this name here; remove it".to_owned(),
    }
}

/// Names in JSON, those of embedded structs among them.
fn names(shape: &Shape) -> Vec<&'static str> {
    let name = |field: &'static Field| match field.json.as_str() {
        "" => names(&field.shape),
        name => vec![name],
    };
    shape.fields().iter().flat_map(name).collect()
}

fn add(found: &mut Vec<Violation>, rule: Rule, path: String, message: String) {
    found.push(Violation { path, message, rule });
}
