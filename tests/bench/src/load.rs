//! The services that a run creates.

use llmisvc_cli::input::Document;
use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::render;
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::labels::PART_OF;
use llmisvc_core::{presets, tree};
use serde_json::{Value, json};

/// A namespace full of services.
#[derive(Debug)]
pub struct Load {
    /// Its name.
    pub namespace: String,
    /// The services in it: scheduler, route, gateway, two replicas.
    pub services: Vec<Value>,
}

impl Load {
    /// `count` services in a namespace of their own.
    pub fn new(namespace: &str, count: usize) -> Self {
        let services = (0..count).map(|i| service(namespace, i)).collect();
        Self { namespace: namespace.to_owned(), services }
    }

    /// The children that the operator makes of them, service by service.
    pub fn children(&self) -> Vec<Value> {
        let number = |(i, value): (usize, &Value)| Document {
            file: "bench".to_owned(),
            number: i,
            value: value.clone(),
        };
        let documents: Vec<Document> = self.services.iter().enumerate().map(number).collect();
        let offline = Offline::new(&documents, presets::shipped(OWN_PREFIX), None, None, &self.namespace);
        let report = render(&documents, &offline, &self.namespace);
        report.objects().into_iter().map(foreign).collect()
    }
}

/// What the raw writer sends. Its objects carry another `part-of` of the same length, so that the operator does
/// not watch them, and its Secrets are of the size that the operator writes; the core knows no keys.
fn foreign(mut object: Value) -> Value {
    let metadata = tree::entry(&mut object, "metadata");
    tree::object(metadata, "labels").insert(PART_OF.to_owned(), json!("raw-writer-of-bench"));
    if tree::text(&object, &["type"]) == "kubernetes.io/tls" {
        let data = "QUFB".repeat(250);
        *tree::entry(&mut object, "data") = json!({"tls.crt": data, "tls.key": data, "ca.crt": data});
    }
    object
}

fn service(namespace: &str, index: usize) -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": format!("llm-{index}"), "namespace": namespace},
        "spec": {
            "model": {"uri": "hf://meta-llama/Llama-3-8B"},
            "replicas": 2,
            "template": {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]},
            "router": {"gateway": {}, "route": {}, "scheduler": {}},
        },
    })
}
