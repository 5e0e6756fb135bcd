//! What a configuration must say for the version of its picker (`reference/router.md §10.6`): a chain of small
//! steps over one parse, each from the version on that needs it.

use serde_json::{Map, Value};

use super::{Version, flags, parse};
use crate::tree;
use crate::valid::Scheduler;

mod disagg;
mod metrics;
mod precise;
mod prefix;
mod rename;
#[cfg(test)]
mod tests;

pub(super) use metrics::METRICS_SOURCE;
pub use metrics::not_boolean;

const API_VERSION: &str = "llm-d.ai/v1alpha1";
const OLDER_API_VERSION: &str = "inference.networking.x-k8s.io/v1alpha1";
const KIND: &str = "EndpointPickerConfig";
/// Container of the tokenizer that pickers before 0.9 had beside them, and its plugin.
pub const TOKENIZER: &str = "tokenizer";
const PRECISE_SCORER: &str = "precise-prefix-cache-scorer";
const PREFIX_SCORER: &str = "prefix-cache-scorer";

/// What a configuration has to say beside what stands in it.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Of the picker.
    pub version: Version,
    /// Parameters of the metrics source, from flags that 0.10 lost and from TLS.
    pub metrics: Map<String, Value>,
    /// Names of the model server's metrics, from flags that 0.7 lost.
    pub engine: Map<String, Value>,
    /// Where the service's tokenizer is, if it has one.
    pub tokenizer: Option<String>,
    /// The pod has a tokenizer of its own.
    pub sidecar: bool,
}

type Step = fn(&mut Value, &Needs);

/// In the order of the versions.
const CHAIN: [(Version, Step); 12] = [
    (Version(0, 0), precise::complete_sidecar),
    (Version(0, 7), |d, _| rename::plugin(d, "prefill-header-handler", "disagg-headers-handler")),
    (Version(0, 7), |d, _| rename::plugin(d, "pd-profile-handler", disagg::HANDLER)),
    (Version(0, 7), |d, _| disagg::deciders(d)),
    (Version(0, 7), |d, _| rename::drop_parameter(d, "hashBlockSize")),
    (Version(0, 7), |d, needs| metrics::name_engine(d, &needs.engine)),
    (Version(0, 8), |d, _| rename::plugin(d, metrics::OLDER_EXTRACTOR, metrics::EXTRACTOR)),
    (Version(0, 9), |d, _| rename::api_version(d)),
    (Version(0, 9), precise::split_scorer),
    (Version(0, 9), |d, _| prefix::split_scorers(d)),
    // A producer tells that the picker has it, whatever its annotation says.
    (Version(0, 0), precise::complete_producers),
    // TLS needs it, whatever the annotation says.
    (Version(0, 0), |d, needs| metrics::add_source(d, &needs.metrics)),
];

/// Takes the flags that the picker's version lost out of its pod.
pub(super) fn take(pod: &mut Value, version: Version) -> Needs {
    let (metrics, engine) = metrics::take_flags(pod, version);
    let sidecar = tree::named(tree::list(pod, &["containers"]), TOKENIZER).is_some();
    Needs { version, metrics, engine, tokenizer: None, sidecar }
}

/// The document, if it is one that we know how to change.
pub(super) fn readable(text: &str) -> Option<Value> {
    let document = parse(text).filter(Value::is_object)?;
    let is_known = |key: &str, known: &[&str]| {
        let value = tree::text(&document, &[key]);
        value.is_empty() || known.contains(&value)
    };
    let group = tree::text(&document, &["apiVersion"]).starts_with("llm-d.ai/");
    let known = is_known("kind", &[KIND]) && (group || is_known("apiVersion", &[OLDER_API_VERSION]));
    known.then_some(document)
}

/// The document as the picker needs it.
pub(super) fn migrated(mut document: Value, needs: &Needs) -> Value {
    let has_plugins = document.get("plugins").is_some();
    for (_, step) in CHAIN.iter().filter(|(since, _)| *since <= needs.version) {
        step(&mut document, needs);
    }
    if !has_plugins && plugins(&mut document).is_empty() {
        document.as_object_mut().map(|members| members.remove("plugins"));
    }
    document
}

/// From 0.9 on the tokenizer beside the picker serves only the scorer that talks to it.
pub(super) fn drop_tokenizer(pod: &mut Value, document: &Value, needs: &Needs) {
    if needs.sidecar && needs.version >= Version(0, 9) && !has_plugin(document, &[PRECISE_SCORER]) {
        tree::array(pod, "containers").retain(|c| tree::text(c, &["name"]) != TOKENIZER);
    }
}

/// The document as a picker of this version gets it, for what it is worth before the rest is known.
pub fn preview(text: &str, version: Version, has_tokenizer: bool) -> Option<Value> {
    let tokenizer = has_tokenizer.then(String::new);
    Some(migrated(readable(text)?, &Needs { version, tokenizer, ..Needs::default() }))
}

/// Flags that the picker's version lost while its configuration is out of our reach: it would not start.
pub fn stuck_flags(scheduler: &Scheduler) -> Vec<&'static str> {
    let args = super::main_args(&scheduler.pod);
    let reachable = match (&scheduler.inline, flags::pair(args)) {
        (Some(text), _) => readable(text).is_some(),
        (None, Some((flag, text))) => flags::takes_text(&flag) && readable(&text).is_some(),
        (None, None) => true,
    };
    if reachable {
        Vec::new()
    } else {
        metrics::lost_flags(&scheduler.pod, Version::of(&scheduler.annotations))
    }
}

fn plugins(document: &mut Value) -> &mut Vec<Value> {
    tree::array(document, "plugins")
}

fn has_plugin(document: &Value, types: &[&str]) -> bool {
    tree::list(document, &["plugins"]).iter().any(|p| types.contains(&tree::text(p, &["type"])))
}

/// The name that a plugin is referred to by.
fn name_of(plugin: &Value) -> &str {
    Some(tree::text(plugin, &["name"]))
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| tree::text(plugin, &["type"]))
}

fn is_type(plugin: &Value, kind: &str) -> bool {
    tree::text(plugin, &["type"]) == kind
}

/// Removes the parameters of a plugin where none is left.
fn tidy(plugin: &mut Value) {
    let is_empty = plugin.get("parameters").is_some_and(|p| p.as_object().is_none_or(Map::is_empty));
    if is_empty && let Some(plugin) = plugin.as_object_mut() {
        plugin.remove("parameters");
    }
}
