//! Plugins of the endpoint picker, their parameters, and the versions that have them (`reference/llm-d.md §1`).
//!
//! It is known for some versions only, and an image may bring plugins of its own: what is found here is worth a
//! warning, never an error.

use serde_json::Value;

use super::Version;
use crate::tree;

/// A kind of plugin.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// Its type.
    pub name: &'static str,
    /// The first version with it.
    pub since: Version,
    /// From which version on another way is preferred, and which.
    pub deprecated: Option<(Version, &'static str)>,
    /// Its parameters; none where they are not known.
    pub parameters: Option<&'static [&'static str]>,
}

/// Older than all that is known here.
const EVER: Version = Version(0, 0);
/// The versions whose plugins are all known.
pub const KNOWN: std::ops::RangeInclusive<Version> = Version(0, 3)..=Version(0, 10);

const fn plugin(name: &'static str, since: Version, parameters: &'static [&'static str]) -> Plugin {
    Plugin { name, since, deprecated: None, parameters: Some(parameters) }
}

const fn any(name: &'static str, since: Version) -> Plugin {
    Plugin { name, since, deprecated: None, parameters: None }
}

const fn older(plugin: Plugin, since: Version, instead: &'static str) -> Plugin {
    Plugin { deprecated: Some((since, instead)), ..plugin }
}

/// What a prefix cache that only estimates is told.
const APPROXIMATE: &[&str] = &[
    "autoTune",
    "blockSize",
    "blockSizeTokens",
    "maxPrefixBlocksToMatch",
    "maxPrefixTokensToMatch",
    "lruCapacityPerServer",
];
const PRECISE: &[&str] = &["tokenProcessorConfig", "indexerConfig", "kvEventsConfig", "speculativeIndexing"];
const ENGINE: &[&str] = &["engineLabelKey", "defaultEngine", "engineConfigs"];
const DISAGG: &[&str] = &[
    "stageOrder",
    "profiles",
    "deciders",
    "decodeProfile",
    "prefillProfile",
    "encodeProfile",
    "deciderPluginName",
    "prefillDeciderPluginName",
    "encodeDeciderPluginName",
];
const PICKER: &[&str] = &["maxNumOfEndpoints"];
const PRODUCER_NAME: &[&str] = &["prefixMatchInfoProducerName"];
const SPLIT: Version = Version(0, 9);

/// All of them, by name.
pub const PLUGINS: [Plugin; 66] = [
    any("active-request-filter", EVER),
    plugin("active-request-scorer", EVER, &["requestTimeout"]),
    plugin("always-disagg-multimodal-decider", Version(0, 7), &[]),
    plugin("always-disagg-pd-decider", EVER, &[]),
    plugin("approx-prefix-cache-producer", SPLIT, APPROXIMATE),
    older(any("by-label", EVER), SPLIT, "label-selector-filter"),
    older(any("by-label-selector", EVER), SPLIT, "label-selector-filter"),
    plugin(
        "concurrency-detector",
        Version(0, 7),
        &["maxConcurrency", "headroom", "concurrencyMode", "maxTokenConcurrency"],
    ),
    plugin("core-metrics-extractor", Version(0, 8), ENGINE),
    plugin("decode-filter", EVER, &[]),
    older(
        plugin("disagg-headers-handler", Version(0, 7), &[]),
        SPLIT,
        "nothing: disagg-profile-handler does it",
    ),
    plugin("disagg-profile-handler", Version(0, 7), DISAGG),
    any("disaggregatedset-rollout-screener", SPLIT),
    plugin("edf-ordering-policy", Version(0, 7), &[]),
    plugin("encode-filter", Version(0, 7), &[]),
    any("endpoint-attribute", SPLIT),
    plugin("endpoint-notification-source", SPLIT, &["group", "version", "kind"]),
    any("eviction-priority-then-time-ordering", SPLIT),
    any("eviction-sheddable-filter", SPLIT),
    plugin("fcfs-ordering-policy", Version(0, 7), &[]),
    plugin("global-strict-fairness-policy", Version(0, 7), &[]),
    any("header-profile-handler", SPLIT),
    any("inflight-load-producer", SPLIT),
    plugin("kv-cache-utilization-scorer", EVER, &[]),
    any("label-selector-filter", SPLIT),
    any("latency-scorer", SPLIT),
    any("latency-slo-admitter", SPLIT),
    any("load-aware-scorer", EVER),
    plugin("lora-affinity-scorer", EVER, &[]),
    plugin("max-score-picker", EVER, PICKER),
    plugin("metrics-data-source", SPLIT, &["scheme", "path", "insecureSkipVerify"]),
    any("mm-embeddings-cache-producer", SPLIT),
    any("mm-embeddings-cache-scorer", SPLIT),
    older(
        plugin("model-server-protocol-metrics", Version(0, 7), ENGINE),
        Version(0, 8),
        "core-metrics-extractor",
    ),
    any("no-hit-lru-scorer", EVER),
    any("openai-parser", SPLIT),
    any("passthrough-parser", SPLIT),
    older(any("pd-profile-handler", EVER), Version(0, 7), "disagg-profile-handler with a decider"),
    plugin("precise-prefix-cache-producer", SPLIT, PRECISE),
    older(
        any("precise-prefix-cache-scorer", EVER),
        SPLIT,
        "precise-prefix-cache-producer with prefix-cache-scorer",
    ),
    any("predicted-latency-producer", SPLIT),
    any("predicted-latency-scorer", EVER),
    plugin(
        "prefix-cache-affinity-filter",
        SPLIT,
        &[
            "affinityThreshold",
            "explorationProbability",
            "maxTTFTPenaltyMs",
            "maxTokensInFlightPenalty",
            "peakPrefillThroughput",
            "prefixMatchInfoProducerName",
        ],
    ),
    any("prefix-based-pd-decider", EVER),
    plugin("prefix-cache-scorer", EVER, PRODUCER_NAME),
    plugin("prefill-filter", EVER, &[]),
    older(any("prefill-header-handler", EVER), Version(0, 7), "disagg-headers-handler"),
    any("priority-holdback-policy", SPLIT),
    any("program-aware-fairness-policy", SPLIT),
    plugin("queue-scorer", EVER, &[]),
    plugin("random-picker", EVER, PICKER),
    any("request-attribute-reporter", SPLIT),
    plugin("round-robin-fairness-policy", Version(0, 7), &[]),
    plugin("running-requests-size-scorer", EVER, &[]),
    any("session-affinity", EVER),
    any("session-affinity-scorer", EVER),
    any("session-id-producer", SPLIT),
    plugin("single-profile-handler", EVER, &[]),
    plugin("slo-deadline-ordering-policy", Version(0, 7), &[]),
    any("slo-headroom-tier-filter", SPLIT),
    any("static-usage-limit-policy", SPLIT),
    plugin("token-load-scorer", SPLIT, &["queueThresholdTokens"]),
    any("token-producer", SPLIT),
    older(any("tokenizer", EVER), SPLIT, "token-producer"),
    any("utilization-detector", Version(0, 7)),
    any("weighted-random-picker", EVER),
];

/// Something about a plugin that its user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Its place in `plugins`.
    pub index: usize,
    /// The key below it.
    pub key: String,
    /// What is to be said of it.
    pub text: String,
}

/// What is doubtful in a configuration for a picker of this version; nothing where its plugins are not known.
pub fn remarks(document: &Value, version: Version) -> Vec<Remark> {
    if !KNOWN.contains(&version) {
        return Vec::new();
    }
    let plugins = tree::list(document, &["plugins"]).iter().enumerate();
    plugins.flat_map(|(index, plugin)| about(index, plugin, version)).collect()
}

fn about(index: usize, plugin: &Value, version: Version) -> Vec<Remark> {
    let name = tree::text(plugin, &["type"]);
    let remark = |text: String| vec![Remark { index, key: "type".to_owned(), text }];
    let Some(known) = PLUGINS.iter().find(|p| p.name == name) else {
        return remark(format!(
            "{name:?} is no plugin of the endpoint picker that is known for version {version}: unless its image brings \
             it, the picker does not start; check the name"
        ));
    };
    if version < known.since {
        let since = known.since;
        return remark(format!(
            "{name:?} is a plugin of endpoint pickers from {since} on, and this one is {version}: it does not start; use \
             a newer image and say its version in the annotation {}",
            super::VERSION
        ));
    }
    match known.deprecated.filter(|(since, _)| *since <= version) {
        Some((since, instead)) => remark(format!("{name:?} is deprecated since {since}; use {instead}")),
        None => unknown_parameters(index, plugin, known),
    }
}

fn unknown_parameters(index: usize, plugin: &Value, known: &Plugin) -> Vec<Remark> {
    let given = tree::get(plugin, &["parameters"]).and_then(Value::as_object).into_iter().flatten();
    let Some(parameters) = known.parameters else { return Vec::new() };
    let unknown = given.filter(|(key, _)| !parameters.contains(&key.as_str()));
    let remark = |(key, _): (&String, &Value)| Remark {
        index,
        key: format!("parameters.{key}"),
        text: format!(
            "is no parameter of {:?} that is known: it has no effect, or the picker does not start",
            known.name
        ),
    };
    unknown.map(remark).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_plugin_stands_there_once() {
        let mut names: Vec<&str> = PLUGINS.iter().map(|p| p.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[rstest]
    #[case::known(json!({"type": "queue-scorer"}), Version(0, 10), None)]
    #[case::misspelt(json!({"type": "que-scorer"}), Version(0, 10), Some(("type", "\"que-scorer\" is no plugin")))]
    #[case::of_a_newer_picker(json!({"type": "token-producer"}), Version(0, 8), Some(("type", "from 0.9 on, and this one is 0.8")))]
    #[case::deprecated(json!({"type": "by-label"}), Version(0, 9), Some(("type", "is deprecated since 0.9; use label-selector-filter")))]
    #[case::not_yet_deprecated(json!({"type": "by-label"}), Version(0, 8), None)]
    #[case::parameter(json!({"type": "prefill-filter", "parameters": {"lable": "a"}}), Version(0, 10), Some(("parameters.lable", "no parameter of \"prefill-filter\"")))]
    #[case::any_parameter(json!({"type": "latency-scorer", "parameters": {"x": 1}}), Version(0, 10), None)]
    #[case::picker_of_no_version(json!({"type": "mine"}), Version(0, 0), None)]
    #[case::picker_of_the_future(json!({"type": "mine"}), Version(0, 11), None)]
    fn doubts_are_told(
        #[case] plugin: Value,
        #[case] version: Version,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let remarks = remarks(&json!({"plugins": [{"type": "decode-filter"}, plugin]}), version);
        let told: Vec<_> = remarks.iter().map(|r| (r.index, r.key.as_str())).collect();
        assert_eq!(told, expected.iter().map(|(key, _)| (1, *key)).collect::<Vec<_>>());
        assert!(remarks.iter().zip(expected).all(|(r, (_, text))| r.text.contains(text)), "{remarks:?}");
    }
}
