//! Configs that apply to every pod of a service, whatever its topology: an accelerator is one of them, and is written
//! once, not once for each of decode, prefill, leader and worker.

use serde_json::{Map, Value, json};

use crate::build::pod::PROBES;
use crate::merge::merge;
use crate::node::Node;
use crate::{labels, shape, tree};

/// What stands in the overlay's `spec.prefill`, which says only what prefill pods have different.
const PREFILL: &str = "prefill";

/// Whether a config says that it applies to every pod.
pub fn is_overlay(config: &Value) -> bool {
    tree::text(config, &["metadata", "annotations", labels::OVERLAY]) == "pods"
}

/// The part of an overlay that turns nothing on: no role and no group comes from it.
pub fn neutral(overlay: &Value) -> Value {
    let mut spec = overlay.clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.retain(|key, _| key != PREFILL && key != "worker");
    }
    spec
}

/// The overlay with its `template` over each pod that the service has, and its annotations over both workloads.
pub fn spread(overlay: &Value, enabled: &Value) -> Value {
    let main = neutral(overlay);
    let mut spec = workload(&main, enabled);
    if let Some(enabled) = enabled.get(PREFILL).filter(|it| it.is_object()) {
        let own = overlay.get(PREFILL).cloned().unwrap_or_else(|| json!({}));
        let prefill = over(&only(&main, &["template", "annotations", "labels"]), &own);
        *tree::entry(&mut spec, PREFILL) = workload(&prefill, enabled);
    }
    spec
}

fn workload(overlay: &Value, enabled: &Value) -> Value {
    let mut spec = overlay.clone();
    let template = overlay.get("template").filter(|it| it.is_object());
    if let Some(template) = template.filter(|_| enabled.get("worker").is_some_and(Value::is_object)) {
        *tree::entry(&mut spec, "worker") = without_probes(template.clone());
    }
    spec
}

/// A worker beside a leader answers no requests, so nothing probes it.
fn without_probes(mut template: Value) -> Value {
    for container in tree::array(&mut template, "containers") {
        if let Some(container) = container.as_object_mut() {
            container.retain(|key, _| !PROBES.contains(&key.as_str()));
        }
    }
    template
}

fn only(spec: &Value, keys: &[&str]) -> Value {
    let entries = keys.iter().filter_map(|key| Some(((*key).to_owned(), spec.get(*key)?.clone())));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn over(below: &Value, above: &Value) -> Value {
    merge(Node::of(below, 0), Node::of(above, 0), shape::spec().field(PREFILL)).value()
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
