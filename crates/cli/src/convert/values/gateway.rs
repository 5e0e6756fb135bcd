//! Gateways and routes (`reference/llm-d.md §3.1, §3.5, §3.6`).

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::Draft;
use crate::convert::keys::{Keys, put};

/// The Gateway that llm-d's guides have.
const NAME: &str = "llm-d-inference-gateway";

/// Values of llm-d-infra: a Gateway beside the service, which points to it.
pub fn infra(keys: &mut Keys, draft: &mut Draft) {
    draft.beside.extend(keys.list("extraDeploy"));
    if keys.peek("gateway").is_none() || !keys.is_on("gateway.enabled", true) {
        return;
    }
    let class = keys.text("gateway.gatewayClassName").or_else(|| keys.text("gateway.provider"));
    let class = class.unwrap_or_else(|| "istio".to_owned());
    let listeners = keys.take("gateway.listeners").unwrap_or_else(|| {
        json!([{"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}])
    });
    let mut metadata = json!({"name": NAME});
    for field in ["labels", "annotations"] {
        put(&mut metadata, &[field], keys.take(&format!("gateway.{field}")).unwrap_or_default());
    }
    draft.beside.push(json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"gatewayClassName": class, "listeners": listeners},
    }));
    refer(draft, json!({"name": NAME}));
}

/// `httpRoute` of llm-d-router-gateway.
pub fn route(keys: &mut Keys, draft: &mut Draft) {
    if !keys.is_on("httpRoute.create", false) {
        return;
    }
    let name = keys.text("httpRoute.inferenceGatewayName").unwrap_or_else(|| "inference-gateway".to_owned());
    let mut gateway = json!({"name": name});
    put(&mut gateway, &["namespace"], json!(keys.text("httpRoute.inferenceGatewayNamespace")));
    refer(draft, gateway);
}

/// `routing.parentRefs` of llm-d-modelservice v0.2.
pub fn parents(keys: &mut Keys, draft: &mut Draft) {
    for parent in keys.list("routing.parentRefs") {
        let fields = ["name", "namespace", "sectionName"];
        let known =
            fields.into_iter().filter_map(|field| Some((field.to_owned(), parent.get(field)?.clone())));
        refer(draft, Value::Object(known.collect()));
    }
    for part in ["inferencePool", "inferenceModel", "httpRoute"] {
        keys.take(&format!("routing.{part}.create"));
    }
}

fn refer(draft: &mut Draft, gateway: Value) {
    let router = tree::entry(tree::entry(&mut draft.service, "spec"), "router");
    tree::array(tree::entry(router, "gateway"), "refs").push(gateway);
}
