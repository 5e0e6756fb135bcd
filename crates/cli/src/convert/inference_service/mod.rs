//! InferenceService with its ServingRuntime (`reference/llm-d.md §6.1`).

mod flags;
mod model;
mod names;
mod part;
mod runtime;
mod scaling;
mod service;
#[cfg(test)]
mod tests;

use llmisvc_api::v1alpha2::CONFIG_KIND;
use llmisvc_core::tree;
use serde_json::Value;

use super::common::service::object;
use super::common::{metadata, parallelism};
use super::{ConvertError, Converted, Loss};
use runtime::{Runtime, Runtimes};

const KIND: &str = "InferenceService";

/// `LLMInferenceService`s for the InferenceServices among the documents. A runtime that several of them use in one
/// namespace becomes a config; one that a single service uses is folded into it.
pub fn convert(documents: &[Value]) -> Result<Converted, ConvertError> {
    let services: Vec<&Value> = documents.iter().filter(|d| tree::text(d, &["kind"]) == KIND).collect();
    if services.is_empty() {
        let problem = "there is none in the input: give it together with its runtime".to_owned();
        return Err(ConvertError::Impossible { path: KIND.to_owned(), problem });
    }
    let runtimes = Runtimes::of(documents, &services);
    let mut converted = Converted::default();
    for (namespace, runtime) in runtimes.shared() {
        let config = config(runtime, &namespace, &mut converted.lost);
        converted.objects.push(config);
    }
    for service in services {
        let object = service::convert(service, &runtimes, &mut converted.lost)?;
        converted.objects.push(object);
    }
    converted.lost.extend(runtimes.unused());
    converted.lost.extend(documents.iter().filter_map(beside));
    Ok(converted)
}

fn config(runtime: Runtime<'_>, namespace: &str, lost: &mut Vec<Loss>) -> Value {
    let part = runtime.part(lost);
    let metadata = metadata::named(runtime.name(), namespace);
    let mut spec = part.workload.finished();
    parallelism::settle_in(&mut spec, 1);
    object(CONFIG_KIND, metadata, spec)
}

fn beside(document: &Value) -> Option<Loss> {
    let kind = tree::text(document, &["kind"]);
    let is_known = [KIND, "ServingRuntime", "ClusterServingRuntime"].contains(&kind);
    let path = format!("{kind}/{}", tree::text(document, &["metadata", "name"]));
    (!is_known).then(|| Loss::new(path, "stays what it is: apply it beside the output"))
}
