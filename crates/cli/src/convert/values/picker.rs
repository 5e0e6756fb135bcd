//! The endpoint picker and its pool (`reference/llm-d.md §3.5`).

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::{Draft, SERVED, gateway};
use crate::convert::common::source::scalar;
use crate::convert::keys::{Keys, put};

/// Pickers from before there was a configuration of today's kind; ours takes what theirs were told.
const OLDER: [&str; 2] = ["llm-d-inference-scheduler", "epp"];
const SCHEDULER: [&str; 3] = ["spec", "router", "scheduler"];

/// Values of inferencepool.
pub fn pool(keys: &mut Keys, draft: &mut Draft) {
    picker(keys, "inferenceExtension", draft);
    keys.take("inferencePool.modelServers.matchLabels");
    let ports = keys.take("inferencePool.targetPorts");
    let ports = ports.or_else(|| Some(json!([{"number": keys.number("inferencePool.targetPortNumber")?}])));
    target_ports(ports, draft);
}

/// Values of llm-d-router-standalone or llm-d-router-gateway.
pub fn router(keys: &mut Keys, draft: &mut Draft) {
    picker(keys, "router.epp", draft);
    keys.take("router.modelServers.matchLabels");
    target_ports(keys.take("router.modelServers.targetPorts"), draft);
    if let Some(mode) = keys.text("router.inferencePool.failureMode") {
        put_pool(draft, "endpointPickerRef", json!({"failureMode": mode}));
    }
    if keys.is_on("router.latencyPredictor.enabled", false) {
        draft.base("kserve-config-llm-scheduler-predicted-latency");
    }
    if keys.is_on("router.tokenizer.enabled", false) {
        tree::object(SCHEDULER.iter().fold(&mut draft.service, |at, key| tree::entry(at, key)), "tokenizer");
    }
    objectives(keys, draft);
    gateway::route(keys, draft);
}

/// What v0.2 of llm-d-modelservice says itself. Later ones do not read it, and guides turned it off all the same.
pub fn of_model_service(keys: &mut Keys, draft: &mut Draft) {
    let is_off = |part: &str| keys.peek(&format!("routing.{part}.create")) == Some(&json!(false));
    if keys.peek("routing.epp").is_none() || is_off("epp") {
        return;
    }
    let image = keys.text("routing.epp.image");
    keys.take("routing.epp.create");
    if let Some(image) = image {
        carry_image(&image, "routing.epp.image", draft);
    }
    picker(keys, "routing.epp", draft);
    gateway::parents(keys, draft);
}

/// The port that pods had in the chart is the presets' here; alone it needs no word.
fn target_ports(ports: Option<Value>, draft: &mut Draft) {
    let Some(Value::Array(mut ports)) = ports else { return };
    for port in &mut ports {
        if port.get("number") == Some(&json!(draft.port)) {
            *port = json!({"number": SERVED});
        }
    }
    if ports != [json!({"number": SERVED})] {
        put_pool(draft, "targetPorts", Value::Array(ports));
    }
}

fn put_pool(draft: &mut Draft, field: &str, value: Value) {
    let path: Vec<&str> = SCHEDULER.into_iter().chain(["pool", "spec", field]).collect();
    draft.put(&path, value);
}

/// An objective for each priority.
fn objectives(keys: &mut Keys, draft: &mut Draft) {
    for objective in keys.list("router.inferenceObjectives") {
        let pool = llmisvc_core::names::inference_pool(&draft.name);
        draft.beside.push(json!({
            "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
            "kind": "InferenceObjective",
            "metadata": {"name": tree::text(&objective, &["name"])},
            "spec": {
                "poolRef": {"group": "inference.networking.k8s.io", "name": pool},
                "priority": objective.get("priority").cloned().unwrap_or(json!(0)),
            },
        }));
    }
}

fn picker(keys: &mut Keys, base: &str, draft: &mut Draft) {
    let at = |key: &str| format!("{base}.{key}");
    put_scheduler(draft, &["replicas"], keys.take(&at("replicas")).unwrap_or_default());
    put_scheduler(draft, &["annotations"], keys.take(&at("podAnnotations")).unwrap_or_default());
    image(keys, base, draft);
    config(keys, base, draft);
    let mut main = json!({});
    for (key, field) in [
        ("env", "env"),
        ("resources", "resources"),
        ("extraContainerPorts", "ports"),
        ("volumeMounts", "volumeMounts"),
    ] {
        put(&mut main, &[field], keys.take(&at(key)).unwrap_or_default());
    }
    put(&mut main, &["args"], json!(flags(&keys.take(&at("flags")).unwrap_or_default())));
    container(draft, "main", &main);
    sidecar(keys, base, draft);
    for field in ["affinity", "tolerations", "volumes"] {
        put_scheduler(draft, &["template", field], keys.take(&at(field)).unwrap_or_default());
    }
}

fn put_scheduler(draft: &mut Draft, path: &[&str], value: Value) {
    let path: Vec<&str> = SCHEDULER.iter().chain(path).copied().collect();
    draft.put(&path, value);
}

/// Lays fields over a container of the picker's pod.
fn container(draft: &mut Draft, name: &str, fields: &Value) {
    if fields.as_object().is_none_or(serde_json::Map::is_empty) {
        return;
    }
    let scheduler = SCHEDULER.iter().fold(&mut draft.service, |at, key| tree::entry(at, key));
    let containers = tree::array(tree::entry(scheduler, "template"), "containers");
    if tree::named(containers, name).is_none() {
        containers.push(json!({"name": name}));
    }
    if let Some(container) = tree::named_mut(containers, name) {
        tree::overlay(container, fields);
    }
}

/// A further container, as the values have it.
fn sidecar(keys: &mut Keys, base: &str, draft: &mut Draft) {
    if !keys.is_on(&format!("{base}.sidecar.enabled"), false) {
        return;
    }
    let mut sidecar = keys.take(&format!("{base}.sidecar")).unwrap_or_default();
    let name = tree::text(&sidecar, &["name"]).to_owned();
    tree::overlay(&mut sidecar, &json!({"name": if name.is_empty() { "sidecar" } else { &name }}));
    let name = tree::text(&sidecar, &["name"]).to_owned();
    container(draft, &name, &sidecar);
}

fn image(keys: &mut Keys, base: &str, draft: &mut Draft) {
    let mut part =
        |names: [&str; 2]| names.iter().find_map(|name| keys.text(&format!("{base}.image.{name}")));
    let (hub, name, tag) = (part(["hub", "registry"]), part(["name", "repository"]), part(["tag", "tag"]));
    let (is_new, policy) = (base.starts_with("router"), keys.text(&format!("{base}.image.pullPolicy")));
    if hub.is_none() && name.is_none() && tag.is_none() && policy.is_none() {
        return;
    }
    let hub = hub.unwrap_or_else(|| {
        if is_new { "ghcr.io/llm-d" } else { "registry.k8s.io/gateway-api-inference-extension" }.to_owned()
    });
    let name = name.unwrap_or_else(|| if is_new { "llm-d-router-endpoint-picker" } else { "epp" }.to_owned());
    let tag = tag.unwrap_or_else(|| if is_new { "main" } else { "v1.2.0" }.to_owned());
    let is_carried = carry_image(&format!("{hub}/{name}:{tag}"), &format!("{base}.image"), draft);
    match policy {
        Some(policy) if is_carried => container(draft, "main", &json!({"imagePullPolicy": policy})),
        _ => {}
    }
}

/// The picker's flags and configuration follow its version, which an older one does not know how to read.
fn carry_image(image: &str, path: &str, draft: &mut Draft) -> bool {
    let repository = llmisvc_core::images::repository(image);
    if OLDER.contains(&repository) {
        draft.lose(
            path,
            format!("{image}: the picker of the preset is used, and told the same in its own words"),
        );
        return false;
    }
    container(draft, "main", &json!({"image": image}));
    let tag = image.rsplit(':').next().unwrap_or_default().trim_start_matches('v');
    if tag.starts_with(|c: char| c.is_ascii_digit()) {
        put_scheduler(draft, &["annotations", "app.kubernetes.io/version"], json!(tag));
    }
    true
}

/// The configuration that is in use; further files are none.
fn config(keys: &mut Keys, base: &str, draft: &mut Draft) {
    let file =
        keys.text(&format!("{base}.pluginsConfigFile")).unwrap_or_else(|| "default-plugins.yaml".to_owned());
    let Some(mut files) = keys.take(&format!("{base}.pluginsCustomConfig")) else { return };
    let text = files.as_object_mut().and_then(|files| files.remove(&file));
    let parsed = text.as_ref().and_then(Value::as_str).and_then(|text| serde_yaml_ng::from_str(text).ok());
    if let Some(inline) = parsed {
        put_scheduler(draft, &["config", "inline"], inline);
    } else if text.is_some() {
        draft.lose(format!("{base}.pluginsCustomConfig.{file}"), "is not YAML");
    }
    for name in files.as_object().into_iter().flat_map(|files| files.keys()) {
        draft.lose(format!("{base}.pluginsCustomConfig.{name}"), format!("pluginsConfigFile is {file}"));
    }
}

/// A map, or a list of names and values in older charts.
fn flags(given: &Value) -> Vec<String> {
    let written = |name: &str, value: &Value| {
        let value = scalar(value).unwrap_or_default();
        if name.len() == 1 { format!("-{name}={value}") } else { format!("--{name}={value}") }
    };
    match given {
        Value::Object(map) => map.iter().map(|(name, value)| written(name, value)).collect(),
        Value::Array(items) => {
            let value = |item: &Value| item.get("value").cloned().unwrap_or_default();
            items.iter().map(|item| written(tree::text(item, &["name"]), &value(item))).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_map_or_a_list() {
        let words = ["--kv-port=1", "-v=2"];
        assert_eq!(flags(&json!({"v": 2, "kv-port": "1"})), words);
        assert_eq!(flags(&json!([{"name": "kv-port", "value": 1}, {"name": "v", "value": "2"}])), words);
    }
}
