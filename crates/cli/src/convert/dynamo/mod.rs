//! DynamoGraphDeployment of vLLM (`reference/llm-d.md §6.2`), in both of its versions.

mod component;
mod epp;
mod flags;
mod frontend;
mod graph;
mod model;
mod resources;
mod scaling;
#[cfg(test)]
mod tests;
mod volumes;
mod worker;

use llmisvc_core::tree;
use serde_json::Value;

use super::{ConvertError, Converted, Loss};

const KIND: &str = "DynamoGraphDeployment";

/// `LLMInferenceService`s for the graphs among the documents, and the claims that these create.
pub fn convert(documents: &[Value]) -> Result<Converted, ConvertError> {
    let is_graph = |document: &&Value| tree::text(document, &["kind"]) == KIND;
    let mut converted = Converted::default();
    for graph in documents.iter().filter(is_graph) {
        let part = graph::convert(graph)?;
        converted.objects.extend(part.objects);
        converted.lost.extend(part.lost);
    }
    if converted.objects.is_empty() {
        let problem = "there is none in the input".to_owned();
        return Err(ConvertError::Impossible { path: KIND.to_owned(), problem });
    }
    converted.lost.extend(documents.iter().filter(|document| !is_graph(document)).map(beside));
    Ok(converted)
}

fn beside(document: &Value) -> Loss {
    let kind = tree::text(document, &["kind"]);
    let path = format!("{kind}/{}", tree::text(document, &["metadata", "name"]));
    let why = match kind {
        "DynamoModel" => "models are in the service: an adapter belongs in model.lora.adapters",
        _ => "stays what it is: apply it beside the output",
    };
    Loss::new(path, why)
}
