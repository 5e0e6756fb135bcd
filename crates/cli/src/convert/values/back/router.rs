//! The picker, its pool, and what leads to it.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::Draft;
use crate::convert::keys::{Keys, put};

const CONFIG_FILE: &str = "custom-plugins.yaml";
/// Labels that pools of llm-d do not select by.
const UNSELECTED: &str = "llm-d.ai/model";

/// Fills in the values of the chart for routing.
pub fn convert(keys: &mut Keys, draft: &mut Draft) {
    gateway(keys, draft);
    if keys.peek("router.route").is_some_and(|route| route == &json!({})) {
        keys.take("router.route");
    }
    if keys.peek("router.scheduler").is_none() {
        return;
    }
    if keys.take("router.scheduler.tokenizer").is_some() {
        draft.needs_router = true;
        put(&mut draft.routing, &["router", "tokenizer", "enabled"], json!(true));
    }
    let mode = keys.text("router.scheduler.pool.spec.endpointPickerRef.failureMode");
    draft.needs_router |= mode.is_some();
    put(&mut draft.routing, &["router", "inferencePool", "failureMode"], json!(mode));
    if draft.overlay.predicts {
        put(&mut draft.routing, &["router", "latencyPredictor", "enabled"], json!(true));
    }
    pool(keys, draft);
    picker(keys, draft);
}

/// A route to a Gateway is made by the router's chart only, and to one.
fn gateway(keys: &mut Keys, draft: &mut Draft) {
    let mut refs = keys.list("router.gateway.refs").into_iter();
    if let Some(first) = refs.next() {
        draft.needs_router = true;
        let route = json!({"create": true, "inferenceGatewayName": tree::text(&first, &["name"])});
        put(&mut draft.routing, &["httpRoute"], route);
        let namespace = tree::text(&first, &["namespace"]).to_owned();
        put(&mut draft.routing, &["httpRoute", "inferenceGatewayNamespace"], json!(namespace));
        if first.get("sectionName").is_some() {
            draft.lose("spec.router.gateway.refs[0].sectionName", "the chart's route takes every listener");
        }
    }
    for other in refs {
        let path = format!("spec.router.gateway.refs[{}]", tree::text(&other, &["name"]));
        draft.lose(path, "the chart's route has one Gateway");
    }
}

fn pool(keys: &mut Keys, draft: &mut Draft) {
    let base: &[&str] = if draft.needs_router { &["router", "modelServers"] } else { &["inferencePool"] };
    let servers: &[&str] = if draft.needs_router { &[] } else { &["modelServers"] };
    let ports = keys.take("router.scheduler.pool.spec.targetPorts").unwrap_or_default();
    put(&mut draft.routing, &[base, &["targetPorts"]].concat(), ports);
    let labels = tree::strings(&draft.values, &["modelArtifacts", "labels"]);
    let mut labels: std::collections::BTreeMap<_, _> =
        labels.into_iter().filter(|(key, _)| key.starts_with("llm-d.ai/") && key != UNSELECTED).collect();
    if labels.is_empty() {
        labels.insert("llm-d.ai/inference-serving".to_owned(), "true".to_owned());
    }
    put(&mut draft.routing, &[base, servers, &["matchLabels"]].concat(), json!(labels));
}

fn picker(keys: &mut Keys, draft: &mut Draft) {
    let mut epp = json!({});
    put(&mut epp, &["replicas"], keys.take("router.scheduler.replicas").unwrap_or_default());
    config(keys, &mut epp);
    let containers = keys.list("router.scheduler.template.containers");
    for container in containers {
        let place =
            keys.at(&format!("router.scheduler.template.containers[{}]", tree::text(&container, &["name"])));
        match tree::text(&container, &["name"]) {
            "main" => main(Keys::new(container, place), draft, &mut epp),
            _ if epp.get("sidecar").is_none() && !draft.needs_router => {
                put(&mut epp, &["sidecar"], container);
                put(&mut epp, &["sidecar", "enabled"], json!(true));
            }
            _ => draft.lose(place, "the chart has no place for it"),
        }
    }
    for field in ["affinity", "tolerations", "volumes"] {
        put(&mut epp, &[field], keys.take(&format!("router.scheduler.template.{field}")).unwrap_or_default());
    }
    annotations(keys, &mut epp);
    let base: &[&str] = if draft.needs_router { &["router", "epp"] } else { &["inferenceExtension"] };
    put(&mut draft.routing, base, epp);
}

/// The version of the picker follows from its image there.
fn annotations(keys: &mut Keys, epp: &mut Value) {
    let mut annotations = keys.take("router.scheduler.annotations").unwrap_or_default();
    if let Some(map) = annotations.as_object_mut() {
        map.remove("app.kubernetes.io/version");
    }
    put(epp, &["podAnnotations"], annotations);
}

fn config(keys: &mut Keys, epp: &mut Value) {
    let Some(inline) = keys.take("router.scheduler.config.inline") else { return };
    put(epp, &["pluginsConfigFile"], json!(CONFIG_FILE));
    put(
        epp,
        &["pluginsCustomConfig", CONFIG_FILE],
        json!(serde_yaml_ng::to_string(&inline).unwrap_or_default()),
    );
}

fn main(mut keys: Keys, draft: &mut Draft, epp: &mut Value) {
    keys.take("name");
    let policy = keys.text("imagePullPolicy");
    if let Some(image) = keys.text("image") {
        put_image(&image, draft.needs_router, epp);
    }
    put(epp, &["image", "pullPolicy"], json!(policy));
    for (field, key) in [
        ("env", "env"),
        ("resources", "resources"),
        ("ports", "extraContainerPorts"),
        ("volumeMounts", "volumeMounts"),
    ] {
        put(epp, &[key], keys.take(field).unwrap_or_default());
    }
    let mut flags = serde_json::Map::new();
    for arg in keys.list("args") {
        let written = arg.as_str().unwrap_or_default();
        match written.trim_start_matches('-').split_once('=') {
            Some((flag, value)) => _ = flags.insert(flag.to_owned(), json!(value)),
            None => {
                draft.lose(keys.at("args"), format!("{written}: the chart takes flags as name and value"));
            }
        }
    }
    put(epp, &["flags"], Value::Object(flags));
    draft.lost.extend(keys.lost(super::reasons::of));
}

fn put_image(image: &str, is_router: bool, epp: &mut Value) {
    let (path, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let (hub, name) = path.rsplit_once('/').unwrap_or(("docker.io", path));
    let keys = if is_router { ["registry", "repository"] } else { ["hub", "name"] };
    for (key, value) in [(keys[0], hub), (keys[1], name), ("tag", tag)] {
        put(epp, &["image", key], json!(value));
    }
}
