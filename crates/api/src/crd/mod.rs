//! The CRDs, generated from the types.

pub mod cel;
pub mod nodes;
mod relax;
mod structural;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::v1alpha2::{
    CONFIG_KIND, CONFIG_PLURAL, GROUP, KIND, LlmInferenceServiceConfigStatus, LlmInferenceServiceSpec,
    LlmInferenceServiceStatus, PLURAL, VERSION,
};

/// Both CRDs, the service's first.
pub fn crds() -> Vec<Value> {
    vec![service(), config()]
}

fn service() -> Value {
    let mut columns = vec![column("URL", ".status.url")];
    columns.extend(common_columns());
    columns.push(
        json!({"name": "URLs", "type": "string", "priority": 1, "jsonPath": ".status.addresses[*].url"}),
    );
    let names = json!({
        "kind": KIND,
        "listKind": format!("{KIND}List"),
        "plural": PLURAL,
        "singular": KIND.to_lowercase(),
        "shortNames": ["llmisvc"],
    });
    let schema = schema(&spec(|_| ()), &structural::of::<LlmInferenceServiceStatus>());
    crd(PLURAL, &names, &columns, &schema, &json!({"status": {}, "scale": scale()}))
}

fn config() -> Value {
    let names = json!({
        "kind": CONFIG_KIND,
        "listKind": format!("{CONFIG_KIND}List"),
        "plural": CONFIG_PLURAL,
        "singular": CONFIG_KIND.to_lowercase(),
    });
    let schema = schema(&spec(relax::relax), &structural::of::<LlmInferenceServiceConfigStatus>());
    crd(CONFIG_PLURAL, &names, &common_columns(), &schema, &json!({"status": {}}))
}

/// What `kubectl scale` and autoscalers read and write (`reference/api.md §9`, edge 12).
fn scale() -> Value {
    json!({
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    })
}

fn spec(adapt: impl Fn(&mut Map<String, Value>)) -> Value {
    let mut spec = structural::of::<LlmInferenceServiceSpec>();
    if let Some(node) = spec.as_object_mut() {
        adapt(node);
        structural::let_null_reset(node);
    }
    spec
}

fn column(name: &str, path: &str) -> Value {
    json!({"name": name, "type": "string", "jsonPath": path})
}

fn common_columns() -> Vec<Value> {
    vec![
        column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
        column("Reason", ".status.conditions[?(@.type=='Ready')].reason"),
        json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}),
    ]
}

fn schema(spec: &Value, status: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    })
}

fn crd(plural: &str, names: &Value, columns: &[Value], schema: &Value, subresources: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": names,
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": subresources,
                "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}
