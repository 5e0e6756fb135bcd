//! A service decided with the shipped presets, and the command lines of its model servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use llmisvc_core::build::argv::Version;
use llmisvc_core::facts::{Answer, Cluster, Key, Seen};
use llmisvc_core::object::Live;
use llmisvc_core::settings::Settings;
use llmisvc_core::{Inputs, Step, decide, presets, tree};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// The documents of a YAML stream.
pub fn documents(text: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(text).map(|d| Value::deserialize(d).expect("YAML")).collect()
}

/// The children of a service; what is found where it is refused.
pub fn children(service: &Value, configs: &[Value]) -> Result<Vec<Value>, String> {
    let (settings, cluster, live) = (Settings::default(), Cluster::default(), Live::new());
    let mut known = presets::shipped(&cluster.config_prefix);
    known.extend_from_slice(configs);
    let mut seen = Seen::default();
    loop {
        let inputs = Inputs { service, settings: &settings, cluster: &cluster, seen: &seen, live: &live };
        match decide(&inputs) {
            Step::Need(keys) => keys.into_iter().for_each(|key| {
                let answer = answer(&key, &known);
                seen.insert(key, answer);
            }),
            Step::Done(decision) => {
                let outcome = decision.outcome.map_err(|fault| format!("{:?}", fault.findings))?;
                return Ok(outcome.objects.into_iter().map(|object| object.body).collect());
            }
        }
    }
}

/// Configs by name; accounts exist, and the Gateway is ready.
fn answer(key: &Key, known: &[Value]) -> Answer {
    let named = |name: &str| known.iter().find(|o| tree::text(o, &["metadata", "name"]) == name).cloned();
    let found = match key {
        Key::Config(at) => named(&at.name),
        Key::ConfigNames(_) => Some(json!([])),
        Key::ServiceAccount(at) => Some(json!({"metadata": {"name": at.name}})),
        Key::Gateway(at) => Some(json!({
            "metadata": {"name": at.name, "namespace": at.namespace},
            "spec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
        })),
        _ => None,
    };
    found.map_or(Answer::Absent, |object| Answer::Found(Arc::new(object)))
}

/// The pod specs of a child that runs pods.
pub fn pods(object: &Value) -> Vec<&Value> {
    let places = [
        &["spec", "template", "spec"][..],
        &["spec", "leaderWorkerTemplate", "leaderTemplate", "spec"],
        &["spec", "leaderWorkerTemplate", "workerTemplate", "spec"],
    ];
    places.iter().filter_map(|place| tree::get(object, place)).collect()
}

/// A container that runs `vllm serve`.
pub struct Server {
    /// Names of the object and the container.
    pub place: String,
    /// vLLM's version, where the image says it.
    pub version: Option<Version>,
    /// What follows `vllm serve MODEL`.
    pub words: Vec<String>,
}

/// Every container that runs `vllm serve`.
pub fn servers(objects: &[Value]) -> Vec<Server> {
    let mut servers = Vec::new();
    for object in objects {
        for container in pods(object).into_iter().flat_map(|pod| tree::list(pod, &["containers"])) {
            let names = [tree::text(object, &["metadata", "name"]), tree::text(container, &["name"])];
            let tag = tree::text(container, &["image"]).split_once("/vllm-openai:");
            servers.extend(arguments(&command(container)).map(|words| Server {
                place: names.join("/"),
                version: tag.and_then(|(_, tag)| Version::parse(tag)),
                words: words.to_vec(),
            }));
        }
    }
    servers
}

/// All words of a container's command, as they arrive in the pod.
pub fn command(container: &Value) -> Vec<String> {
    let lists = ["command", "args"].map(|key| tree::list(container, &[key]));
    let env = BTreeMap::new();
    lists.into_iter().flatten().filter_map(|word| word.as_str()).map(|word| expand(word, &env)).collect()
}

fn arguments(words: &[String]) -> Option<&[String]> {
    let at = words.windows(2).position(|pair| pair == ["vllm", "serve"])?;
    words.get(at + 3..)
}

/// What Kubernetes does with `command`, `args` and literal `env` values.
pub fn expand(text: &str, env: &BTreeMap<&str, &str>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(next) = after.strip_prefix('$') {
            out.push('$');
            rest = next;
        } else if let Some((name, next)) = after.strip_prefix('(').and_then(|t| t.split_once(')')) {
            out.push_str(&env.get(name).map_or_else(|| format!("$({name})"), ToString::to_string));
            rest = next;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out + rest
}
