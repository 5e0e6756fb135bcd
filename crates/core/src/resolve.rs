//! Which configs apply to a service, and in which order (`reference/workloads.md §3`).

use std::collections::BTreeMap;

use llmisvc_api::conditions::reason;
use llmisvc_api::v1alpha2::{AppliedConfig, ConfigSource};
use serde_json::{Value, json};
use strsim::levenshtein;

use crate::facts::{Answer, Cluster, Key, PLAIN_PREFIX, Ref};
use crate::merge::merge;
use crate::node::Node;
use crate::pass::{Fault, Finding, Inputs};
use crate::{shape, tree};

mod overlay;
mod presets;
pub(crate) mod reference;
pub(crate) use presets::{Plugins, is_set};
pub use presets::{Preset, implicit};

/// So many names are offered in place of one that is not found.
const SHOWN: usize = 5;

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
    #[error("LLMInferenceServiceConfig {name:?} not found in namespaces [{}]{}", searched.join(" "), hint(name, available))]
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

/// Those that are spelled most like it, as there are many presets.
fn hint(name: &str, available: &[String]) -> String {
    let spelled = |it: &&String| levenshtein(name, it.rsplit('/').next().unwrap_or(it));
    let mut near: Vec<&String> = available.iter().collect();
    near.sort_by_cached_key(spelled);
    let shown: Vec<&str> = near.iter().take(SHOWN).map(|it| it.as_str()).collect();
    match near.len().saturating_sub(SHOWN) {
        0 if shown.is_empty() => "; create it, or remove the reference".to_owned(),
        0 => format!("; create it, or name one of these: {}", shown.join(", ")),
        more => format!("; create it, or name one of these: {} and {more} more", shown.join(", ")),
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
    let enabled = with_text(inputs, enabled(inputs.service, &refs));
    let mut layers = Layers::default();
    for preset in implicit(&enabled) {
        let path = asked_for(inputs.service, preset);
        match find_preset(inputs, preset) {
            Ok(found) => {
                layers.pins.extend(pin(inputs, preset, &found.config.name));
                layers.push(found);
            }
            Err(error) => return Err(error.into_fault(path)),
        }
    }
    for found in refs {
        layers.push(found.spread(&enabled));
    }
    Ok(layers)
}

/// The field that a preset which cannot be had is about.
fn asked_for(service: &Value, preset: Preset) -> String {
    match tree::get(service, &["metadata", "annotations", PRESET_VERSION]) {
        Some(_) if preset.is_pinned() => format!("metadata.annotations[{PRESET_VERSION}]"),
        _ => format!("spec.{}", preset.because()),
    }
}

/// A config that was found.
struct Found {
    config: AppliedConfig,
    spec: Value,
    /// Whether it applies to every pod.
    is_overlay: bool,
}

impl Found {
    fn spread(self, enabled: &Value) -> Self {
        let spec = if self.is_overlay { overlay::spread(&self.spec, enabled) } else { self.spec };
        Self { spec, ..self }
    }

    fn neutral(&self) -> Value {
        if self.is_overlay { overlay::neutral(&self.spec) } else { self.spec.clone() }
    }
}

impl Layers {
    fn push(&mut self, found: Found) {
        self.configs.push(found.config);
        self.specs.push(found.spec);
    }
}

fn base_refs(inputs: &Inputs<'_>) -> Result<Vec<Found>, Fault> {
    let names = tree::list(inputs.service, &["spec", "baseRefs"]).iter().map(|r| tree::text(r, &["name"]));
    names
        .enumerate()
        .map(|(i, name)| {
            let candidates = aliases(inputs.cluster, name);
            find(inputs, &candidates, ConfigSource::UserRef)
                .map_err(|e| e.into_fault(format!("spec.baseRefs[{i}].name")))
        })
        .collect()
}

/// A base ref to a preset of KServe's name, or to one without a prefix, finds ours where there is none of that name.
pub(crate) fn aliases(cluster: &Cluster, name: &str) -> Vec<String> {
    let rest = name.strip_prefix(PLAIN_PREFIX).unwrap_or(name);
    let ours = Some(rest).filter(|rest| rest.starts_with("config-llm-"));
    let ours = ours.map(|rest| format!("{}{rest}", cluster.config_prefix));
    std::iter::once(name.to_owned()).chain(ours.filter(|o| o != name)).collect()
}

/// The merge without presets, in the order of the final one (edge C-3): it only tells what is enabled.
fn enabled(service: &Value, refs: &[Found]) -> Value {
    let own = service.get("spec").cloned().unwrap_or_else(|| json!({}));
    let layers = refs.iter().map(Found::neutral).chain([own]);
    let nodes = layers.map(|spec| Node::of(&spec, 0));
    nodes.fold(Node::empty(0), |below, above| merge(below, above, Some(shape::spec()))).value()
}

/// The same with the scheduler configuration that a ConfigMap holds, whose plugins ask for presets as well as those of
/// an inline one (edge 52). What is wrong with the reference is said where it is completed; a name that is a template is
/// not known yet.
fn with_text(inputs: &Inputs<'_>, mut enabled: Value) -> Value {
    let config = tree::get(&enabled, &["router", "scheduler", "config"]).cloned().unwrap_or_default();
    let name = tree::text(&config, &["ref", "name"]);
    if name.is_empty() || name.contains("{{") || config.get("inline").is_some_and(|inline| !inline.is_null())
    {
        return enabled;
    }
    if let Ok(Some(text)) = reference::text(inputs, &config) {
        tree::overlay(&mut enabled, &json!({"router": {"scheduler": {"config": {"inline": text}}}}));
    }
    enabled
}

fn find_preset(inputs: &Inputs<'_>, preset: Preset) -> Result<Found, ResolveError> {
    find(inputs, &preset_names(inputs.service, inputs.cluster, preset), ConfigSource::Preset)
}

/// The names under which a preset is looked for. In each namespace the one of the release that the user asks for, or
/// the pinned one, is the only one; else the versioned name comes first and KServe's plain name second; the other way
/// round where only a user can have made an object of the plain name.
pub(crate) fn preset_names(service: &Value, cluster: &Cluster, preset: Preset) -> Vec<String> {
    let current = format!("{}{}", cluster.config_prefix, preset.suffix());
    let plain = format!("{PLAIN_PREFIX}{}", preset.suffix());
    let fixed = if preset.is_pinned() { fixed(service, cluster, preset) } else { None };
    match fixed {
        Some(name) => vec![name],
        None if preset.is_users_own() => vec![plain, current],
        None => vec![current, plain],
    }
}

/// The one name that counts: that of the release in the annotation, else the one that a former pass pinned, unless the
/// user asks for the current one (edge C-13).
fn fixed(service: &Value, cluster: &Cluster, preset: Preset) -> Option<String> {
    let annotation = |key: &str| tree::text(service, &["metadata", "annotations", key]);
    let asked = annotation(PRESET_VERSION).trim_start_matches('v');
    match asked {
        LATEST => return None,
        "" if annotation(UNPIN) == "true" => return None,
        "" => {}
        release => return Some(format!("llmisvc-v{}-{}", release.replace('.', "-"), preset.suffix())),
    }
    let pinned = tree::text(service, &["status", "annotations", &preset.pin_key()]);
    (cluster.pin_configs && !pinned.is_empty()).then(|| pinned.to_owned())
}

/// Annotation that makes a service follow the current presets instead of those it was created with.
pub const UNPIN: &str = "llmisvc.io/unpin-configs";
/// Annotation with the release whose presets a service uses (`0.2.0`), or [`LATEST`] for those of each release that is
/// installed.
pub const PRESET_VERSION: &str = "llmisvc.io/preset-version";
/// See [`PRESET_VERSION`].
pub const LATEST: &str = "latest";

fn pin(inputs: &Inputs<'_>, preset: Preset, name: &str) -> Option<(String, String)> {
    (inputs.cluster.pin_configs && preset.is_pinned()).then(|| (preset.pin_key(), name.to_owned()))
}

fn find(inputs: &Inputs<'_>, names: &[String], source: ConfigSource) -> Result<Found, ResolveError> {
    let searched = namespaces(inputs.service, inputs.cluster);
    for place in lookup(inputs.service, inputs.cluster, names) {
        match inputs.seen.get(&Key::Config(place.clone())) {
            Answer::Found(config) => {
                let applied = AppliedConfig { name: place.name, namespace: place.namespace, source };
                let spec = config.get("spec").cloned().unwrap_or_else(|| json!({}));
                return Ok(Found { config: applied, spec, is_overlay: overlay::is_overlay(config) });
            }
            Answer::Unreadable(message) => {
                let Ref { name, namespace } = place;
                return Err(ResolveError::Unreadable { name, namespace, message: message.clone() });
            }
            Answer::Absent => {}
        }
    }
    let name = names.first().cloned().unwrap_or_default();
    Err(ResolveError::NotFound { name, available: available(inputs, &searched), searched })
}

/// Every place where the first of these names may stand, in the order in which they are looked at.
pub(crate) fn lookup(service: &Value, cluster: &Cluster, names: &[String]) -> Vec<Ref> {
    let namespaces = namespaces(service, cluster).into_iter();
    namespaces.flat_map(|namespace| names.iter().map(move |name| Ref::new(&namespace, name))).collect()
}

fn namespaces(service: &Value, cluster: &Cluster) -> Vec<String> {
    let own = tree::text(service, &["metadata", "namespace"]).to_owned();
    let system = cluster.system_namespace.clone();
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
