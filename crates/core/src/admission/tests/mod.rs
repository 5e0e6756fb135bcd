//! What the tables of `tests/admission` do not say: updates, deletions, defaults, the wire, and the look ahead.

mod configs;
mod defaults;
mod foresight;
mod services;
mod settled;
mod wire;

use serde_json::{Value, json};

use super::*;
use crate::facts::OWN_PREFIX;

fn site() -> Site {
    Site {
        system_namespace: "kserve".to_owned(),
        config_prefix: OWN_PREFIX.to_owned(),
        prevent_config_deletion: true,
    }
}

fn service(spec: Value) -> Value {
    let mut service = json!({"apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService"});
    service["metadata"] = json!({"name": "llama", "namespace": "ns"});
    service["spec"] = spec;
    service
}

fn create(object: &Value) -> Request<'_> {
    Request {
        subject: Subject::Service,
        version: Version::V1alpha2,
        operation: Operation::Create,
        namespace: "ns",
        name: "llama",
        user: "someone",
        object: Some(object),
        old: None,
    }
}

fn update<'a>(old: &'a Value, object: &'a Value) -> Request<'a> {
    Request { operation: Operation::Update, old: Some(old), ..create(object) }
}

fn rules(request: &Request<'_>) -> Vec<&'static str> {
    violations(request, &site()).iter().map(|violation| violation.rule.id()).collect()
}
