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
    let status = structural::of::<LlmInferenceServiceStatus>();
    let mut crd = crd(KIND, PLURAL, &columns, spec(|_| ()), status);
    crd["spec"]["names"]["shortNames"] = json!(["llmisvc"]);
    crd
}

fn config() -> Value {
    let status = structural::of::<LlmInferenceServiceConfigStatus>();
    crd(CONFIG_KIND, CONFIG_PLURAL, &common_columns(), spec(relax::relax), status)
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

fn crd(kind: &str, plural: &str, columns: &[Value], spec: Value, status: Value) -> Value {
    let schema = json!({
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.to_lowercase(),
            },
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}
