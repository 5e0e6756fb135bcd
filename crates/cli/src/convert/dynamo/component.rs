//! A component of a graph: v1alpha1 says it field by field, v1beta1 by a pod template.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::ConvertError;
use super::super::common::source::Source;

/// What a component does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes requests.
    Frontend,
    /// Decodes, or does both.
    Worker,
    /// Prefills.
    Prefill,
    /// Scales the others.
    Planner,
    /// Picks endpoints.
    Picker,
    /// Something else.
    Other,
}

/// A component before it is looked at.
#[derive(Debug)]
pub struct Component {
    /// Its name in the graph.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// All of it.
    pub source: Source,
}

/// The components of a graph, of either version.
pub fn all(graph: &mut Source) -> Result<Vec<Component>, ConvertError> {
    let mut services = graph.part("spec.services");
    let named: Vec<(String, Source)> =
        services.fields().into_iter().map(|name| (name.clone(), services.part(&name))).collect();
    let listed = graph
        .parts("spec.components")
        .into_iter()
        .map(|mut source| (source.text("name").unwrap_or_default(), source));
    named.into_iter().chain(listed).map(|(name, source)| component(name, source)).collect()
}

fn component(name: String, mut source: Source) -> Result<Component, ConvertError> {
    let kind = ["type", "componentType", "dynamoComponentType"].map(|field| source.text(field));
    let kind = kind.into_iter().flatten().next().unwrap_or_default();
    let sub = source.text("subComponentType").unwrap_or_default();
    for scope in ["dynamoNamespace", "globalDynamoNamespace"] {
        source.take(scope);
    }
    let words = words(&source);
    let runs = |module: &str| words.iter().any(|word| word.split_whitespace().any(|part| part == module));
    if let Some(engine) = ["dynamo.sglang", "dynamo.trtllm"].into_iter().find(|engine| runs(engine)) {
        let problem = format!("it runs {engine}, and only vLLM can be converted");
        return Err(ConvertError::Impossible { path: source.place().to_owned(), problem });
    }
    let is_prefill = || ["--is-prefill-worker", "prefill"].into_iter().any(&runs);
    let role = match (kind.as_str(), sub.as_str()) {
        ("frontend", _) => Role::Frontend,
        ("planner", _) => Role::Planner,
        ("epp", _) => Role::Picker,
        ("prefill", _) | (_, "prefill") => Role::Prefill,
        _ if runs("dynamo.frontend") => Role::Frontend,
        ("worker" | "decode", _) if is_prefill() => Role::Prefill,
        _ if runs("dynamo.vllm") && is_prefill() => Role::Prefill,
        ("worker" | "decode", _) | (_, "decode") => Role::Worker,
        _ if runs("dynamo.vllm") => Role::Worker,
        _ => Role::Other,
    };
    Ok(Component { name, role, source })
}

/// Words of the container, wherever the version has it.
fn words(source: &Source) -> Vec<String> {
    let old = source.peek("extraPodSpec.mainContainer").cloned();
    let new = source.peek("podTemplate.spec.containers").and_then(Value::as_array);
    let new = new.and_then(|containers| tree::named(containers, "main")).cloned();
    let main = old.or(new).unwrap_or_else(|| json!({}));
    let words = ["command", "args"].into_iter().flat_map(|field| tree::list(&main, &[field]));
    words.filter_map(Value::as_str).map(|word| word.replace('=', " ")).collect()
}
