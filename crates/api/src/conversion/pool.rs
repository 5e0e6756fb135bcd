//! InferencePoolSpec in the shapes of both groups (`reference/api.md §6.3`), member by member.
//!
//! No defaults are filled in: what is absent comes from the preset, in either version.

use serde_json::{Map, Value, json};

/// `inference.networking.k8s.io/v1` as `inference.networking.x-k8s.io/v1alpha2`.
pub fn older(pool: Value) -> Value {
    let selector = |value: Value| inner(value, "matchLabels");
    renamed(
        pool,
        &[
            ("selector", "selector", &selector),
            ("targetPorts", "targetPortNumber", &first_port),
            ("endpointPickerRef", "extensionRef", &|reference| {
                Some(renamed(reference, &[("port", "portNumber", &|port| inner(port, "number"))]))
            }),
            ("appProtocol", "appProtocol", &|_| None),
        ],
    )
}

/// `inference.networking.x-k8s.io/v1alpha2` as `inference.networking.k8s.io/v1`.
pub fn newer(pool: Value) -> Value {
    let selector = |value: Value| Some(if value.is_object() { json!({"matchLabels": value}) } else { value });
    renamed(
        pool,
        &[
            ("selector", "selector", &selector),
            ("targetPortNumber", "targetPorts", &|port| Some(number_in(port, |n| json!([{"number": n}])))),
            ("extensionRef", "endpointPickerRef", &|reference| {
                Some(renamed(
                    reference,
                    &[("portNumber", "port", &|port| Some(number_in(port, |n| json!({"number": n}))))],
                ))
            }),
        ],
    )
}

type Mapping<'a> = (&'a str, &'a str, &'a dyn Fn(Value) -> Option<Value>);

/// The members under their new names, the others as they are. What is no object stays what it is.
fn renamed(object: Value, mappings: &[Mapping<'_>]) -> Value {
    let Value::Object(mut members) = object else { return object };
    let taken: Vec<_> = mappings.iter().map(|(old, ..)| members.remove(*old)).collect();
    let new = taken
        .into_iter()
        .zip(mappings)
        .filter_map(|(value, (_, new, f))| Some(((*new).to_owned(), f(value?)?)));
    let new: Map<String, Value> = new.collect();
    members.extend(new);
    Value::Object(members)
}

/// A member of an object; a null stays one.
fn inner(value: Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(mut members) => members.remove(name),
        other => Some(other),
    }
}

/// The first of several ports (edge 45: of none, none).
fn first_port(ports: Value) -> Option<Value> {
    match ports {
        Value::Array(ports) => ports.into_iter().next()?.get("number").cloned(),
        other => Some(other),
    }
}

fn number_in(value: Value, f: impl Fn(Value) -> Value) -> Value {
    if value.is_number() { f(value) } else { value }
}
