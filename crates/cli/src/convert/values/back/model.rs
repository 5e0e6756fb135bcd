//! The model, and everything that both roles share.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::{Draft, role};
use crate::convert::ConvertError;
use crate::convert::keys::Keys;
use crate::convert::values::role::Role;

const SCHEMES: [&str; 3] = ["hf", "pvc", "oci"];

/// Fills in the values of llm-d-modelservice.
pub fn convert(keys: &mut Keys, draft: &mut Draft) -> Result<(), ConvertError> {
    let name = draft.name.clone();
    draft.put(&["fullnameOverride"], json!(name));
    let uri = uri(keys, draft)?;
    let model = keys.text("model.name").unwrap_or(name);
    draft.put(&["modelArtifacts", "name"], json!(model));
    draft.put(&["modelArtifacts", "uri"], json!(uri));
    keys.take("storageInitializer");
    lora(keys, draft);
    if let Some(kind) = draft.overlay.kind {
        draft.put(&["accelerator", "type"], json!(kind.name));
    }
    if !draft.split {
        draft.put(&["routing", "proxy"], json!({"enabled": false, "targetPort": 8000}));
        draft.put(&["prefill", "create"], json!(false));
    }
    let multinode = keys.peek("worker").is_some();
    draft.put(&["multinode"], if multinode { json!(true) } else { Value::Null });
    labels(keys, draft);
    for role in Role::of(draft.split) {
        role::convert(keys, role, draft);
    }
    tracing(keys, draft);
    Ok(())
}

fn uri(keys: &mut Keys, draft: &Draft) -> Result<String, ConvertError> {
    let uri = keys.text("model.uri").unwrap_or_default();
    let scheme = uri.split_once("://").map_or("", |(scheme, _)| scheme);
    let why = match scheme {
        "oci" if is_composed(keys, draft) => {
            "the chart can't make the flags of vLLM for it; give the container a command"
        }
        scheme if SCHEMES.contains(&scheme) => return Ok(uri),
        _ => {
            "the chart knows only hf://, pvc:// and oci://; copy the model to a claim or to the Hugging Face Hub"
        }
    };
    let problem = format!("{uri} has no form in the chart: {why}");
    Err(ConvertError::Impossible { path: "spec.model.uri".to_owned(), problem })
}

/// vLLM downloads adapters from the Hub by itself; others would have to be mounted.
fn lora(keys: &mut Keys, draft: &mut Draft) {
    let adapters = keys.peek("model.lora.adapters").and_then(Value::as_array).cloned().unwrap_or_default();
    let module = |adapter: &Value| {
        let source = tree::text(adapter, &["uri"]).strip_prefix("hf://")?;
        Some(format!("{}={source}", tree::text(adapter, &["name"])))
    };
    let Some(modules) =
        adapters.iter().map(module).collect::<Option<Vec<String>>>().filter(|all| !all.is_empty())
    else {
        return;
    };
    keys.take("model.lora.adapters");
    draft.flags.extend([vec!["--enable-lora".to_owned(), "--lora-modules".to_owned()], modules].concat());
    for (field, flag) in
        [("maxRank", "max-lora-rank"), ("maxAdapters", "max-loras"), ("maxCpuAdapters", "max-cpu-loras")]
    {
        let size = keys.number(&format!("model.lora.{field}"));
        draft.flags.extend(size.map(|size| format!("--{flag}={size}")));
    }
}

/// A server that runs our preset's command.
fn is_composed(keys: &Keys, draft: &Draft) -> bool {
    let commands = |role: Role| {
        let path = if role == Role::Decode { "template.containers" } else { "prefill.template.containers" };
        let main = keys.peek(path).and_then(|all| llmisvc_core::tree::named(all.as_array()?, "main"));
        main.is_some_and(|main| main.get("command").is_some())
    };
    !Role::of(draft.split).all(commands)
}

/// The chart has one set of labels for both roles.
fn labels(keys: &mut Keys, draft: &mut Draft) {
    let labels = keys.take("labels");
    if keys.peek("prefill.labels") == labels.as_ref() {
        keys.take("prefill.labels");
    }
    draft.put(&["modelArtifacts", "labels"], labels.unwrap_or_default());
}

/// A ratio that is not said is that of our preset.
fn tracing(keys: &mut Keys, draft: &mut Draft) {
    if keys.peek("tracing").is_none() {
        return;
    }
    draft.put(&["tracing", "enabled"], json!(true));
    let ratio = keys.text("tracing.samplerArg").unwrap_or_else(|| "0.05".to_owned());
    draft.put(&["tracing", "sampling", "samplerArg"], json!(ratio));
    draft.put(&["tracing", "sampling", "sampler"], json!(keys.text("tracing.sampler")));
    draft.put(&["tracing", "otlpEndpoint"], json!(keys.text("tracing.exporterEndpoint")));
}
