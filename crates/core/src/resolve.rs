//! Which configs apply to a service, and in which order (`reference/workloads.md §3`).

use std::collections::BTreeMap;

use llmisvc_api::conditions::reason;
use llmisvc_api::v1alpha2::{AppliedConfig, ConfigSource};
use serde_json::{Value, json};

use crate::facts::{Answer, Key, PLAIN_PREFIX, Ref};
use crate::merge::merge;
use crate::node::Node;
use crate::pass::{Fault, Finding, Inputs};
use crate::{shape, tree};

mod presets;
pub use presets::{Preset, implicit};

/// The layers of a service, lowest precedence first; the service itself is not among them.
#[derive(Debug, Default)]
pub struct Layers {
    /// Configs, in merge order.
    pub configs: Vec<AppliedConfig>,
    /// Their specs, in the same order.
    pub specs: Vec<Value>,
    /// Preset names to remember in `status.annotations`, under `serving.kserve.io/<preset>`.
    pub pins: BTreeMap<String, String>,
}

/// Why a config cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It does not exist.
    #[error("LLMInferenceServiceConfig {name:?} not found in namespaces [{}]{}", searched.join(" "), hint(.available))]
    NotFound {
        /// The name asked for.
        name: String,
        /// Where it was looked for.
        searched: Vec<String>,
        /// What there is instead, as `namespace/name` (edge C-19).
        available: Vec<String>,
    },
    /// It could not be read, so nothing is known.
    #[error(
        "LLMInferenceServiceConfig {name:?} in namespace {namespace:?} cannot be read: {message}; the service is left as it is until it can"
    )]
    Unreadable {
        /// The name asked for.
        name: String,
        /// Namespace of the failed read.
        namespace: String,
        /// What the API server said.
        message: String,
    },
}

fn hint(available: &[String]) -> String {
    match available {
        [] => "; create it, or remove the reference".to_owned(),
        names => format!("; create it, or name one of these: {}", names.join(", ")),
    }
}

impl ResolveError {
    fn into_fault(self, path: String) -> Fault {
        let reason = match &self {
            Self::NotFound { .. } => reason::CONFIG_NOT_FOUND,
            Self::Unreadable { .. } => reason::VALIDATION_UNAVAILABLE,
        };
        Fault { reason, findings: vec![Finding::new(path, self.to_string())] }
    }
}

/// Finds every config that applies: presets first, then `spec.baseRefs`.
pub fn resolve(inputs: &Inputs<'_>) -> Result<Layers, Fault> {
    let refs = base_refs(inputs)?;
    let enabled = enabled(inputs.service, &refs);
    let mut layers = Layers::default();
    for preset in implicit(&enabled) {
        let path = format!("spec.{}", preset.because());
        match find_preset(inputs, preset) {
            Ok(found) => {
                layers.pins.extend(pin(inputs, preset, &found.0.name));
                layers.push(found);
            }
            Err(ResolveError::NotFound { .. }) if !preset.is_shipped() => {}
            Err(error) => return Err(error.into_fault(path)),
        }
    }
    for found in refs {
        layers.push(found);
    }
    Ok(layers)
}

type Found = (AppliedConfig, Value);

impl Layers {
    fn push(&mut self, (config, spec): Found) {
        self.configs.push(config);
        self.specs.push(spec);
    }
}

fn base_refs(inputs: &Inputs<'_>) -> Result<Vec<Found>, Fault> {
    let names = tree::list(inputs.service, &["spec", "baseRefs"]).iter().map(|r| tree::text(r, &["name"]));
    names
        .enumerate()
        .map(|(i, name)| {
            let candidates = aliases(inputs, name);
            find(inputs, &candidates, ConfigSource::UserRef)
                .map_err(|e| e.into_fault(format!("spec.baseRefs[{i}].name")))
        })
        .collect()
}

/// A base ref to a preset of KServe's name finds ours where KServe's is not installed.
fn aliases(inputs: &Inputs<'_>, name: &str) -> Vec<String> {
    let ours = name.strip_prefix(PLAIN_PREFIX).filter(|rest| rest.starts_with("config-llm-"));
    let ours = ours.map(|rest| format!("{}{rest}", inputs.cluster.config_prefix));
    std::iter::once(name.to_owned()).chain(ours.filter(|o| o != name)).collect()
}

/// The merge without presets, in the order of the final one (edge C-3): it only tells what is enabled.
fn enabled(service: &Value, refs: &[Found]) -> Value {
    let own = service.get("spec").cloned().unwrap_or_else(|| json!({}));
    let layers = refs.iter().map(|(_, spec)| spec).chain([&own]);
    let nodes = layers.map(|spec| Node::of(spec, 0));
    nodes.fold(Node::empty(0), |below, above| merge(below, above, Some(shape::spec()))).value()
}

/// In each namespace the pinned or versioned name comes first and KServe's plain name second; the other way round
/// where only a user can have made an object of the plain name.
fn find_preset(inputs: &Inputs<'_>, preset: Preset) -> Result<Found, ResolveError> {
    let current = format!("{}{}", inputs.cluster.config_prefix, preset.suffix());
    let plain = format!("{PLAIN_PREFIX}{}", preset.suffix());
    let names = match pinned(inputs, preset) {
        Some(pinned) => vec![pinned],
        None if preset.is_users_own() => vec![plain, current],
        None => vec![current, plain],
    };
    find(inputs, &names, ConfigSource::Preset)
}

/// The name that a former pass pinned, unless the user asks for the current one (edge C-13).
fn pinned(inputs: &Inputs<'_>, preset: Preset) -> Option<String> {
    let asked = tree::text(inputs.service, &["metadata", "annotations", UNPIN]) == "true";
    let name = tree::text(inputs.service, &["status", "annotations", &preset.pin_key()]);
    (inputs.cluster.pin_configs && preset.is_pinned() && !asked && !name.is_empty()).then(|| name.to_owned())
}

/// Annotation that makes a service follow the current presets instead of those it was created with.
pub const UNPIN: &str = "llmisvc.io/unpin-configs";

fn pin(inputs: &Inputs<'_>, preset: Preset, name: &str) -> Option<(String, String)> {
    (inputs.cluster.pin_configs && preset.is_pinned()).then(|| (preset.pin_key(), name.to_owned()))
}

fn find(inputs: &Inputs<'_>, names: &[String], source: ConfigSource) -> Result<Found, ResolveError> {
    let searched = namespaces(inputs);
    for namespace in &searched {
        for name in names {
            match inputs.seen.get(&Key::Config(Ref::new(namespace, name))) {
                Answer::Found(config) => {
                    let applied = AppliedConfig { name: name.clone(), namespace: namespace.clone(), source };
                    return Ok((applied, config.get("spec").cloned().unwrap_or_else(|| json!({}))));
                }
                Answer::Unreadable(message) => {
                    let (name, namespace, message) = (name.clone(), namespace.clone(), message.clone());
                    return Err(ResolveError::Unreadable { name, namespace, message });
                }
                Answer::Absent => {}
            }
        }
    }
    let name = names.first().cloned().unwrap_or_default();
    Err(ResolveError::NotFound { name, available: available(inputs, &searched), searched })
}

fn namespaces(inputs: &Inputs<'_>) -> Vec<String> {
    let own = tree::text(inputs.service, &["metadata", "namespace"]).to_owned();
    let system = inputs.cluster.system_namespace.clone();
    if own == system { vec![own] } else { vec![own, system] }
}

fn available(inputs: &Inputs<'_>, namespaces: &[String]) -> Vec<String> {
    let names = |namespace: &String| {
        let answer =
            inputs.seen.get(&Key::ConfigNames(namespace.clone())).found().cloned().unwrap_or_default();
        let names: Vec<String> = serde_json::from_value(answer).unwrap_or_default();
        names.into_iter().map(|n| format!("{namespace}/{n}")).collect::<Vec<_>>()
    };
    namespaces.iter().flat_map(names).collect()
}

#[cfg(test)]
mod tests;
