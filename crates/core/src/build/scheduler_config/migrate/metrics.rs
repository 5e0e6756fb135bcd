//! Metrics: flags of older pickers are plugins of newer ones.

use serde_json::{Map, Value, json};

use super::{Version, flags, has_plugin, is_type, plugins};
use crate::tree;

/// Plugin that reads the model servers' metrics.
pub const METRICS_SOURCE: &str = "metrics-data-source";
/// Plugin that knows the names of metrics, since 0.8.
pub const EXTRACTOR: &str = "core-metrics-extractor";
/// The same in 0.7.
pub const OLDER_EXTRACTOR: &str = "model-server-protocol-metrics";

/// Flags that name metrics, and the extractor's parameter in their place.
const ENGINE_FLAGS: [(&str, &str); 5] = [
    ("total-queued-requests-metric", "queuedRequestsSpec"),
    ("total-running-requests-metric", "runningRequestsSpec"),
    ("kv-cache-usage-percentage-metric", "kvUsageSpec"),
    ("lora-info-metric", "loraSpec"),
    ("cache-info-metric", "cacheInfoSpec"),
];
/// Flag with a boolean.
const SKIP_VERIFY: &str = "model-server-metrics-https-insecure-skip-verify";
/// What the picker's flags take for true, and for false.
const TRUE: [&str; 6] = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE: [&str; 6] = ["0", "f", "F", "FALSE", "false", "False"];
/// Flags that say how to read them, and the source's parameter; the port has none.
const SOURCE_FLAGS: [(&str, &str); 4] = [
    ("model-server-metrics-scheme", "scheme"),
    ("model-server-metrics-path", "path"),
    (SKIP_VERIFY, "insecureSkipVerify"),
    ("model-server-metrics-port", ""),
];
const LOST: [(Version, &[(&str, &str)]); 2] =
    [(Version(0, 7), &ENGINE_FLAGS), (Version(0, 10), &SOURCE_FLAGS)];

/// Takes the flags that a version lost out of all containers (edge 49): parameters of the source, and of the extractor.
pub fn take_flags(pod: &mut Value, version: Version) -> (Map<String, Value>, Map<String, Value>) {
    let mut taken = LOST.map(|(since, flags)| {
        let values = flags.iter().filter(|_| since <= version).filter_map(|(flag, parameter)| {
            let value = flags::take_from_pod(pod, flag)?;
            (!parameter.is_empty()).then(|| ((*parameter).to_owned(), typed(parameter, &value)))
        });
        values.collect::<Map<_, _>>()
    });
    let [engine, source] = &mut taken;
    source.retain(|_, value| value != "");
    (std::mem::take(source), std::mem::take(engine))
}

/// The flags of a pod that a version lost and whose value has to go somewhere: all but the port.
pub fn lost_flags(pod: &Value, version: Version) -> Vec<&'static str> {
    let lost = LOST.iter().filter(|(since, _)| *since <= version).flat_map(|(_, flags)| *flags);
    let moved = lost.filter(|(_, parameter)| !parameter.is_empty()).map(|(flag, _)| *flag);
    moved.filter(|flag| flags::take_from_pod(&mut pod.clone(), flag).is_some()).collect()
}

/// A value of the boolean flag that is none, where it is moved.
pub fn not_boolean(pod: &Value, version: Version) -> Option<String> {
    let given = flags::take_from_pod(&mut pod.clone(), SKIP_VERIFY).filter(|_| version >= Version(0, 10))?;
    (!TRUE.contains(&given.as_str()) && !FALSE.contains(&given.as_str())).then_some(given)
}

fn typed(parameter: &str, value: &str) -> Value {
    if parameter == "insecureSkipVerify" { json!(TRUE.contains(&value)) } else { json!(value) }
}

/// The extractor with the names that flags gave.
pub fn name_engine(document: &mut Value, engine: &Map<String, Value>) {
    if engine.is_empty() || has_plugin(document, &[EXTRACTOR, OLDER_EXTRACTOR]) {
        return;
    }
    let mut names = engine.clone();
    names.insert("name".to_owned(), json!("vllm"));
    plugins(document).push(json!({
        "name": OLDER_EXTRACTOR,
        "type": OLDER_EXTRACTOR,
        "parameters": {
            "engineLabelKey": "inference.networking.k8s.io/engine-type",
            "defaultEngine": "vllm",
            "engineConfigs": [names],
        },
    }));
}

/// The source; where the document has one, it keeps what it says and gets the rest.
pub fn add_source(document: &mut Value, parameters: &Map<String, Value>) {
    if parameters.is_empty() {
        return;
    }
    let plugins = plugins(document);
    let Some(source) = plugins.iter_mut().find(|p| is_type(p, METRICS_SOURCE)) else {
        plugins.push(json!({"type": METRICS_SOURCE, "parameters": parameters}));
        return;
    };
    let given = tree::object(source, "parameters");
    for (name, value) in parameters {
        given.entry(name.clone()).or_insert_with(|| value.clone());
    }
}
