//! LoRA adapters, of which the schema keeps every field (edge 8).

use llmisvc_api::rules::{Rule, Violation};
use serde_json::Value;

use crate::tree;

/// What an adapter is.
const KNOWN: [&str; 2] = ["name", "uri"];
/// What a model has beside that: taken, as in the peer, and without effect.
const IGNORED: [&str; 3] = ["confidential", "criticality", "lora"];

/// Fields of adapters that mean nothing.
pub fn check(spec: &Value) -> Vec<Violation> {
    let adapters = tree::list(spec, &["model", "lora", "adapters"]);
    let fields = adapters.iter().enumerate().flat_map(|(index, adapter)| {
        let names = adapter.as_object().into_iter().flat_map(|fields| fields.keys());
        names.map(move |name| (format!("spec.model.lora.adapters[{index}].{name}"), name.as_str()))
    });
    fields.filter_map(|(path, name)| about(path, name)).collect()
}

fn about(path: String, name: &str) -> Option<Violation> {
    let (rule, message) = match name {
        name if KNOWN.contains(&name) => return None,
        name if IGNORED.contains(&name) => {
            (Rule::N11, "has no effect: an adapter has a name and a uri only; remove it")
        }
        _ => (Rule::L8, "unknown field: an adapter has a name and a uri; remove it or correct its name"),
    };
    Some(Violation { path, message: message.to_owned(), rule })
}
