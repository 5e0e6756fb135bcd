//! Schemas of the members that stay trees in Rust.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// DNS-1123 label.
pub const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// DNS-1123 subdomain.
pub const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// DNS-1123 subdomain, or nothing.
pub const DNS_SUBDOMAIN_OR_EMPTY: &str =
    r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Kind of an object.
pub const KIND: &str = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";
/// Kubernetes resource quantity.
const QUANTITY: &str =
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?$";

/// Written by `cargo run -p llmisvc-api --example embed`, see there.
const HTTP_ROUTE: &str = include_str!("embedded/httproute.json");
const POOL: &str = include_str!("embedded/inferencepool.json");
const POD: &str = include_str!("embedded/podspec.json");

fn schema(value: Value) -> Schema {
    Schema::try_from(value).expect("an object is a schema")
}

fn embedded(text: &str) -> Schema {
    schema(serde_json::from_str(text).expect("checked-in JSON parses"))
}

/// HTTPRouteSpec of the Gateway API.
pub fn http_route_spec(_: &mut SchemaGenerator) -> Schema {
    embedded(HTTP_ROUTE)
}

/// InferencePoolSpec (v1). A part of one may be given: the rest comes from the preset.
pub fn pool_spec(_: &mut SchemaGenerator) -> Schema {
    let mut pool = embedded(POOL);
    pool.remove("required");
    pool
}

/// An object of any shape.
pub fn any_object(_: &mut SchemaGenerator) -> Schema {
    schema(any())
}

/// Quantity, as a string or an integer.
pub fn quantity() -> Schema {
    schema(json!({"x-kubernetes-int-or-string": true, "pattern": QUANTITY}))
}

/// PodSpec with every field, described. `containers` may be absent: the rest comes from the preset (edge 7).
pub fn full_pod_spec() -> Value {
    let mut pod = embedded(POD);
    pod.remove("required");
    pod.to_value()
}

/// PodSpec: open, so that fields newer than us survive; only what list merging needs is typed.
pub fn pod_spec(_: &mut SchemaGenerator) -> Schema {
    let text = || json!({"type": "string"});
    let by_name = |more: Value| keyed(&["name"], merged(json!({"name": text()}), more));
    let ports = json!({
        "containerPort": {"type": "integer", "format": "int32"}, "protocol": {"type": "string", "default": "TCP"},
    });
    let containers = by_name(json!({
        "env": by_name(json!({})),
        "ports": keyed(&["containerPort", "protocol"], ports),
        "volumeMounts": keyed(&["mountPath"], json!({"mountPath": text()})),
        "volumeDevices": keyed(&["devicePath"], json!({"devicePath": text()})),
    }));
    let spread = json!({"topologyKey": text(), "whenUnsatisfiable": text()});
    schema(json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "containers": containers.clone(),
            "initContainers": containers.clone(),
            "ephemeralContainers": containers,
            "volumes": by_name(json!({})),
            // Core lets this name be absent, which a list key can only be with a default.
            "imagePullSecrets": keyed(&["name"], json!({"name": {"type": "string", "default": ""}})),
            "resourceClaims": by_name(json!({})),
            "schedulingGates": by_name(json!({})),
            "topologySpreadConstraints": keyed(&["topologyKey", "whenUnsatisfiable"], spread),
            "hostAliases": keyed(&["ip"], json!({"ip": text()})),
        },
    }))
}

/// A list whose items are told apart by `keys`; a key with a default may be left out.
fn keyed(keys: &[&str], properties: Value) -> Value {
    let has_default = |key: &str| properties.get(key).is_some_and(|p| p.get("default").is_some());
    let required: Vec<&&str> = keys.iter().filter(|key| !has_default(key)).collect();
    let required = if required.is_empty() { json!({}) } else { json!({"required": required}) };
    let item = merged(
        any(),
        merged(required, Value::Object(Map::from_iter([("properties".to_owned(), properties)]))),
    );
    json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": item})
}

fn any() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn merged(base: Value, more: Value) -> Value {
    let members = |v| if let Value::Object(map) = v { map } else { Map::new() };
    members(base).into_iter().chain(members(more)).collect::<Map<_, _>>().into()
}

/// Behavior of autoscaling/v2.
pub fn hpa_behavior(_: &mut SchemaGenerator) -> Schema {
    let number = || json!({"type": "integer", "format": "int32"});
    let policy = json!({
        "type": "object",
        "required": ["periodSeconds", "type", "value"],
        "properties": {"periodSeconds": number(), "type": {"type": "string"}, "value": number()},
    });
    let rules = json!({
        "type": "object",
        "properties": {
            "policies": {"type": "array", "x-kubernetes-list-type": "atomic", "items": policy},
            "selectPolicy": {"type": "string"},
            "stabilizationWindowSeconds": number(),
            "tolerance": quantity(),
        },
    });
    schema(json!({"type": "object", "properties": {"scaleUp": rules.clone(), "scaleDown": rules}}))
}

/// PersistentVolumeClaimSpec.
pub fn pvc_spec(_: &mut SchemaGenerator) -> Schema {
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "array", "x-kubernetes-list-type": "atomic", "items": text()});
    let source = json!({"apiGroup": text(), "kind": text(), "name": text()});
    let source_ref = merged(source.clone(), json!({"namespace": text()}));
    let quantities = json!({"type": "object", "additionalProperties": quantity()});
    let expression = json!({
        "type": "object", "required": ["key", "operator"],
        "properties": {"key": text(), "operator": text(), "values": texts()},
    });
    let selector = json!({
        "matchExpressions": {"type": "array", "x-kubernetes-list-type": "atomic", "items": expression},
        "matchLabels": {"type": "object", "additionalProperties": text()},
    });
    let kind_and_name = ["kind", "name"];
    schema(json!({
        "type": "object",
        "properties": {
            "accessModes": texts(),
            "dataSource": {
                "type": "object", "required": kind_and_name, "x-kubernetes-map-type": "atomic", "properties": source,
            },
            "dataSourceRef": {"type": "object", "required": kind_and_name, "properties": source_ref},
            "resources": {"type": "object", "properties": {"limits": quantities.clone(), "requests": quantities}},
            "selector": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": selector},
            "storageClassName": text(),
            "volumeAttributesClassName": text(),
            "volumeMode": text(),
            "volumeName": text(),
        },
    }))
}
