//! The services over which the templates of a config are tried: one with every field set, and one with next to none.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::shape::{self, Kind, Shape};
use crate::template::Globals;

/// A spec with every field of the API, pod fields included.
pub fn full() -> &'static Value {
    static FULL: LazyLock<Value> = LazyLock::new(|| of(shape::spec(), &mut Vec::new()));
    &FULL
}

/// A spec with a model and nothing else.
pub fn sparse() -> Value {
    json!({"model": {"name": "llama", "uri": "hf://org/llama"}})
}

/// The service around them (`reference/workloads.md §3.11`).
pub fn service() -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {
            "name": "test-llm-preset",
            "namespace": "test-llm-preset-test",
            "labels": {"app.kubernetes.io/name": "llminferenceservice"},
            "annotations": {"serving.kserve.io/model-uri": "llama"},
        },
    })
}

/// Settings, all of them set.
pub fn globals() -> Globals {
    Globals {
        system_namespace: "kserve".to_owned(),
        ingress_gateway_name: "kserve-ingress-gateway".to_owned(),
        ingress_gateway_namespace: "kserve".to_owned(),
        enable_tls: true,
        model_based_routing_header_name: "X-Gateway-Model-Name".to_owned(),
        inference_pool_namespaced_name: "test-llm-preset-test/test-llm-preset-inference-pool".to_owned(),
    }
}

/// A value of the shape. A type inside itself, as a model in an adapter of a model, ends there.
fn of(shape: &'static Shape, within: &mut Vec<String>) -> Value {
    match shape.kind() {
        Kind::String | Kind::Bytes | Kind::Raw => json!("x"),
        Kind::Url => json!("hf://org/x"),
        Kind::Bool => json!(true),
        Kind::Int | Kind::Uint | Kind::IntOrString => json!(2),
        Kind::Float => json!(0.5),
        Kind::Quantity => json!("1Gi"),
        Kind::Time => json!("2000-01-01T00:00:00Z"),
        Kind::Duration => json!("1m"),
        Kind::List => shape.element().map_or_else(|| json!([]), |element| json!([of(element, within)])),
        Kind::Map => shape.element().map_or_else(|| json!({}), |element| json!({"x": of(element, within)})),
        Kind::Struct => structure(shape, within),
    }
}

fn structure(shape: &'static Shape, within: &mut Vec<String>) -> Value {
    let name = shape.go_type();
    let base = name.trim_start_matches('*').to_owned();
    if within.contains(&base) {
        return json!({});
    }
    within.push(base);
    let mut fields = Map::new();
    for field in shape.fields() {
        match (field.json.as_str(), of(&field.shape, within)) {
            ("", Value::Object(inner)) => fields.extend(inner),
            (name, value) => fields.extend([(name.to_owned(), value)]),
        }
    }
    within.pop();
    Value::Object(fields)
}
