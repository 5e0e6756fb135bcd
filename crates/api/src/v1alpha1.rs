//! Version v1alpha1: v1alpha2 with the differences listed here (`reference/api.md §2.14`).
//!
//! There are no types: everything of ours reads v1alpha2. The schema is that of v1alpha2 after [`adapt_schema`], and
//! [`crate::conversion`] moves objects by the same list.

use serde_json::{Map, Value, json};

use crate::crd::nodes;

/// What this version has no place for, as JSON pointers into an object; `*` is every item of a list.
pub const ABSENT: &[&str] = &[
    "/spec/model/confidential",
    "/spec/kvCacheOffloading",
    "/spec/prefill/kvCacheOffloading",
    "/status/addresses/*/origin",
    "/status/addresses/*/models",
    "/status/router/group",
    "/status/workloads",
    "/status/appliedConfigs",
    "/status/referencedBy",
];

/// Pointer to the pool spec, which has the shape of `inference.networking.x-k8s.io/v1alpha2` here.
pub const POOL: &str = "/spec/router/scheduler/pool/spec";

/// Values of `model.criticality` and `model.lora.adapters[].criticality`.
pub const CRITICALITIES: [&str; 3] = ["Critical", "Standard", "Sheddable"];

/// Turns the schema of a v1alpha2 object into the one of this version.
pub fn adapt_schema(object: &mut Value) {
    for pointer in ABSENT {
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(properties) = properties(object, parent) {
            properties.remove(name);
        }
    }
    for parent in ["/spec/model", "/spec/model/lora/adapters/*"] {
        if let Some(properties) = properties(object, parent) {
            properties.insert("criticality".to_owned(), criticality());
        }
    }
    if let Some(pool) = object.pointer_mut(&schema_pointer(POOL)) {
        *pool = pool_spec();
    }
    // The list is plain in installed CRDs, and a list type can't be changed.
    if let Some(Value::Object(addresses)) = object.pointer_mut(&schema_pointer("/status/addresses")) {
        addresses.remove("x-kubernetes-list-type");
    }
}

/// The pointer into a schema that an object's pointer stands for.
fn schema_pointer(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|name| match name {
        "*" => "/items".to_owned(),
        name => format!("/properties/{name}"),
    });
    steps.collect()
}

fn properties<'a>(object: &'a mut Value, pointer: &str) -> Option<&'a mut Map<String, Value>> {
    object.pointer_mut(&schema_pointer(pointer))?.get_mut("properties")?.as_object_mut()
}

fn criticality() -> Value {
    json!({"type": "string", "enum": CRITICALITIES, "description": "How early requests are shed. Kept for other tools; nothing here reads it."})
}

/// InferencePoolSpec of the older group. Nothing is required, since a pool may be a part of one in either version.
fn pool_spec() -> Value {
    let group = json!({"type": "string", "maxLength": 253, "pattern": nodes::DNS_SUBDOMAIN_OR_EMPTY});
    let kind = json!({"type": "string", "minLength": 1, "maxLength": 63, "pattern": nodes::KIND});
    let name = json!({"type": "string", "minLength": 1, "maxLength": 253});
    let port = json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535});
    json!({
        "type": "object",
        "properties": {
            "selector": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}},
            "targetPortNumber": {"type": "integer", "format": "int32"},
            "extensionRef": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "group": group,
                    "kind": kind,
                    "name": name,
                    "portNumber": port,
                    "failureMode": {"type": "string", "enum": ["FailOpen", "FailClose"]},
                },
            },
        },
    })
}
