//! Values with every key that the charts have: each leaf makes a difference, or is said to be lost.

use serde_json::Value;

use crate::convert::Converted;
use crate::convert::common::source::leaves;
use crate::convert::detect::chart;
use crate::convert::values::{convert, defaults};

/// Keys that say nothing by themselves.
const ON_PURPOSE: [(&str, &str); 20] = [
    ("nameOverride", "fullnameOverride comes before it"),
    ("multinode", "is false by default; the document of groups has it"),
    ("decode.create", "a service always has decode pods"),
    ("prefill.create", "prefill.replicas says it"),
    ("routing.proxy.targetPort", "ports are those of the presets"),
    ("decode.containers[vllm].name", "the server is main"),
    ("prefill.containers[vllm].name", "the server is main"),
    ("decode.containers[vllm].modelCommand", "vllm serve is what presets run"),
    ("decode.containers[vllm].mountModelVolume", "presets mount it"),
    ("decode.containers[vllm].ports[vllm]", "presets declare it, and probes go by number"),
    ("decode.containers[helper].modelCommand", "only servers have one"),
    ("prefill.containers[vllm].modelCommand", "custom is what a command means"),
    ("decode.parallelism.workers", "follows from data and dataLocal"),
    ("routing.epp.create", "is on as soon as anything is said about it"),
    ("routing.inferencePool.create", "a service with a scheduler has a pool"),
    ("routing.inferenceModel.create", "the operator makes it where the cluster serves it"),
    ("routing.httpRoute.create", "a service with a route has one"),
    ("gateway.enabled", "is on as soon as anything is said about it"),
    ("inferencePool.modelServers.matchLabels", "the operator's pool selects by labels of its own"),
    ("router.modelServers.matchLabels", "the operator's pool selects by labels of its own"),
];

fn read(text: &str) -> Vec<Value> {
    crate::input::parse("values", text).expect("is YAML").into_iter().map(|document| document.value).collect()
}

fn outcome(documents: &[Value]) -> Converted {
    convert(documents, None).expect("converts")
}

/// The JSON pointer of every leaf, and its path.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let step = key.replace('~', "~0").replace('/', "~1");
            pointers(value, &format!("{pointer}/{step}"), found);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| pointers(item, &format!("{pointer}/{at}"), found));
        }
        _ => found.push(pointer.to_owned()),
    }
}

fn without(value: &Value, pointer: &str) -> Value {
    let mut value = value.clone();
    let (above, last) = pointer.rsplit_once('/').expect("has a step");
    match value.pointer_mut(above) {
        Some(Value::Object(map)) => _ = map.remove(&last.replace("~1", "/").replace("~0", "~")),
        Some(Value::Array(items)) => _ = last.parse().map(|at: usize| items.remove(at)),
        _ => {}
    }
    value
}

/// Paths of leaves that are taken away without a trace.
fn silent(documents: &[Value]) -> Vec<String> {
    let whole = outcome(documents);
    let mut silent = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        let (mut paths, mut places) = (Vec::new(), Vec::new());
        leaves(document, "", &mut paths);
        pointers(document, "", &mut places);
        assert_eq!(paths.len(), places.len(), "every leaf has a path");
        for (path, place) in paths.into_iter().zip(places) {
            let mut fewer = documents.to_vec();
            fewer[at] = without(document, &place);
            assert_ne!(fewer[at], *document, "{path} is found");
            let is_default = defaults::of(chart(document).expect("is of a chart")).pointer(&place)
                == document.pointer(&place);
            let is_lost = whole.lost.iter().any(|loss| covers(&loss.path, &path));
            let is_meant = ON_PURPOSE.iter().any(|(known, _)| covers(known, &path));
            let differs = convert(&fewer, None).map_or(true, |found| found.objects != whole.objects);
            if !is_default && !is_lost && !is_meant && !differs {
                silent.push(path);
            }
        }
    }
    silent
}

fn covers(known: &str, path: &str) -> bool {
    path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[test]
fn every_key_of_pools_is_carried_or_lost() {
    assert_eq!(silent(&read(include_str!("every_key_pool.yaml"))), [""; 0]);
}

#[test]
fn every_key_of_groups_is_carried_or_lost() {
    assert_eq!(silent(&read(include_str!("every_key_group.yaml"))), [""; 0]);
}

#[test]
fn every_key_of_routers_is_carried_or_lost() {
    assert_eq!(silent(&read(include_str!("every_key_router.yaml"))), [""; 0]);
}
