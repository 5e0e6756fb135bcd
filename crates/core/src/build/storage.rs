//! Attaches the weights to a pod (`reference/workloads.md §9`).

use serde_json::{Value, json};

use super::pod::set_env;
use crate::tree;
use crate::validate::storage::{ALLOW_PATTERNS, CONTAINER, CaBundle, Init, Source, Target, Weights};

/// Where the weights are, in the download container and in `main`.
const MODEL_PATH: &str = "/mnt/models";
/// What a tokenizer needs of a model.
const TOKENIZER_FILES: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "config.json",
    "generation_config.json",
];
const CLAIM_VOLUME: &str = "kserve-pvc-source";
const DOWNLOAD_VOLUME: &str = "kserve-provision-location";
const CA_VOLUME: &str = "cabundle-cert";

/// Mounts the claim, or adds the download.
pub fn attach(pod: &mut Value, weights: &Weights) {
    let target = weights.target;
    match &weights.source {
        Source::None => {}
        Source::Pvc { claim, path } => {
            remove_overlay(pod);
            attach_claim(pod, target, claim, path);
        }
        Source::Init(init) => {
            remove_overlay(pod);
            attach_download(pod, target, init);
        }
    }
}

/// The user's own `storage-initializer` only says how the generated one differs.
fn remove_overlay(pod: &mut Value) {
    let Some(init) = pod.get_mut("initContainers").and_then(Value::as_array_mut) else { return };
    init.retain(|container| tree::text(container, &["name"]) != CONTAINER);
    if init.is_empty()
        && let Some(pod) = pod.as_object_mut()
    {
        pod.remove("initContainers");
    }
}

fn attach_claim(pod: &mut Value, target: Target, claim: &str, path: &str) {
    let mut mount = json!({"name": CLAIM_VOLUME, "mountPath": target.path, "readOnly": true});
    if !path.is_empty() {
        *tree::entry(&mut mount, "subPath") = json!(path);
    }
    mount_in(pod, target, mount);
    add_named(pod, "volumes", json!({"name": CLAIM_VOLUME, "persistentVolumeClaim": {"claimName": claim}}));
}

fn attach_download(pod: &mut Value, target: Target, init: &Init) {
    let (container, volumes) = container(init);
    tree::array(pod, "initContainers").push(container);
    let mount = json!({"name": DOWNLOAD_VOLUME, "mountPath": target.path, "readOnly": true});
    mount_in(pod, target, mount);
    for volume in volumes {
        add_named(pod, "volumes", volume);
    }
}

fn mount_in(pod: &mut Value, target: Target, mount: Value) {
    if let Some(container) = tree::named_mut(tree::array(pod, "containers"), target.container) {
        add_named(container, "volumeMounts", mount);
    }
}

/// Appends to a list unless it has an element of that name.
fn add_named(parent: &mut Value, key: &str, item: Value) {
    let list = tree::array(parent, key);
    if tree::named(list, tree::text(&item, &["name"])).is_none() {
        list.push(item);
    }
}

/// The download container, and the volumes that it needs.
fn container(init: &Init) -> (Value, Vec<Value>) {
    let mut container = json!({
        "name": CONTAINER,
        "image": init.image,
        "resources": init.resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    if init.restricted {
        *tree::entry(&mut container, "securityContext") = restricted();
    }
    overlay(&mut container, &init.overlay);
    *tree::entry(&mut container, "args") = json!([init.uri, MODEL_PATH]);
    add_named(&mut container, "volumeMounts", json!({"name": DOWNLOAD_VOLUME, "mountPath": MODEL_PATH}));
    let mut volumes = vec![json!({"name": DOWNLOAD_VOLUME, "emptyDir": {}})];
    add_credentials(&mut container, init);
    volumes.extend(init.credentials.volumes.clone());
    if init.tokenizer_files {
        set_env(&mut container, json!({"name": ALLOW_PATTERNS, "value": json!(TOKENIZER_FILES).to_string()}));
    }
    if init.hf_defaults {
        add_hf_defaults(&mut container);
    }
    volumes.extend(add_ca_bundle(&mut container, &init.ca_bundle));
    (container, volumes)
}

/// So that the pod runs in namespaces with the `restricted` policy (W-19).
fn restricted() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// Lays the user's container over the generated one: lists by their merge key, objects by member.
fn overlay(container: &mut Value, user: &Value) {
    for (key, value) in user.as_object().into_iter().flatten() {
        match key.as_str() {
            "name" | "args" | "command" => {}
            "env" => by_key(container, key, "name", value),
            "volumeMounts" => by_key(container, key, "mountPath", value),
            _ => members(tree::entry(container, key), value),
        }
    }
}

fn by_key(container: &mut Value, list: &str, merge_key: &str, items: &Value) {
    for item in items.as_array().into_iter().flatten() {
        replace(tree::array(container, list), merge_key, item);
    }
}

fn replace(list: &mut Vec<Value>, merge_key: &str, item: &Value) {
    match list.iter_mut().find(|e| e.get(merge_key) == item.get(merge_key)) {
        Some(slot) => *slot = item.clone(),
        None => list.push(item.clone()),
    }
}

fn members(into: &mut Value, from: &Value) {
    match from {
        Value::Object(from) if into.is_object() => {
            for (key, value) in from {
                members(tree::entry(into, key), value);
            }
        }
        from => *into = from.clone(),
    }
}

/// A variable from a Secret replaces one of its name as a whole (S-6).
fn add_credentials(container: &mut Value, init: &Init) {
    for variable in &init.credentials.env {
        replace(tree::array(container, "env"), "name", variable);
    }
    for mount in &init.credentials.mounts {
        add_named(container, "volumeMounts", mount.clone());
    }
}

fn add_hf_defaults(container: &mut Value) {
    let defaults = [
        ("HF_HUB_ENABLE_HF_TRANSFER", "1"),
        ("HF_XET_HIGH_PERFORMANCE", "1"),
        ("HF_XET_NUM_CONCURRENT_RANGE_GETS", "8"),
    ];
    for (name, value) in defaults {
        set_env(container, json!({"name": name, "value": value}));
    }
}

/// Mounts the CA bundle where one is configured, and returns its volume.
fn add_ca_bundle(container: &mut Value, bundle: &CaBundle) -> Option<Value> {
    let env = |container: &Value, name: &str| {
        let variable = tree::named(tree::list(container, &["env"]), name);
        variable.map(|v| tree::text(v, &["value"]).to_owned()).filter(|v| !v.is_empty())
    };
    let config_map = env(container, "AWS_CA_BUNDLE_CONFIGMAP").or_else(|| bundle.config_map.clone())?;
    let file = env(container, "AWS_CA_BUNDLE");
    let directory = file.and_then(|f| f.rsplit_once('/').map(|(dir, _)| dir.to_owned()));
    let path =
        directory.or_else(|| bundle.mount_path.clone()).unwrap_or_else(|| "/etc/ssl/custom-certs".to_owned());
    set_env(container, json!({"name": "CA_BUNDLE_CONFIGMAP_NAME", "value": config_map}));
    set_env(container, json!({"name": "CA_BUNDLE_VOLUME_MOUNT_POINT", "value": path}));
    add_named(container, "volumeMounts", json!({"name": CA_VOLUME, "mountPath": path, "readOnly": true}));
    Some(json!({"name": CA_VOLUME, "configMap": {"name": config_map}}))
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
