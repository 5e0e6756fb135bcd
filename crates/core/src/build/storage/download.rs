//! The download container.

use serde_json::{Value, json};

use super::{ADAPTER_VOLUME, DOWNLOAD_VOLUME, add_named, restricted};
use crate::build::pod::set_env;
use crate::tree;
use crate::validate::storage::{ALLOW_PATTERNS, CONTAINER, CaBundle, Confidential, Download, MODEL_PATH};

/// Where adapters are downloaded to.
const LORA_PATH: &str = "/mnt/lora";
const CA_VOLUME: &str = "cabundle-cert";

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

/// Adds the container, after those that are there, and its volumes.
pub fn attach(pod: &mut Value, download: &Download) {
    let (container, volumes) = container(download);
    tree::array(pod, "initContainers").push(container);
    for volume in volumes {
        add_named(pod, "volumes", volume);
    }
}

/// The container, and the volumes that it needs.
fn container(download: &Download) -> (Value, Vec<Value>) {
    let mut container = json!({
        "name": CONTAINER,
        "image": download.image,
        "resources": download.resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    if download.restricted {
        *tree::entry(&mut container, "securityContext") = restricted();
    }
    if let Some(confidential) = &download.confidential {
        add_confidential(&mut container, confidential);
    }
    overlay(&mut container, &download.overlay);
    let args = download.fetches.iter().flat_map(|fetch| [&fetch.uri, &fetch.to]);
    *tree::entry(&mut container, "args") = json!(args.collect::<Vec<_>>());
    let mut volumes = mount_targets(&mut container, download);
    add_credentials(&mut container, download);
    volumes.extend(download.credentials.volumes.clone());
    for variable in &download.env {
        set_env(&mut container, variable.clone());
    }
    add_defaults(&mut container, download);
    volumes.extend(add_ca_bundle(&mut container, &download.ca_bundle));
    (container, volumes)
}

/// Mounts what is written to; gives the volumes.
fn mount_targets(container: &mut Value, download: &Download) -> Vec<Value> {
    let model = download.fetches.iter().any(|fetch| fetch.to == MODEL_PATH);
    let adapters = download.fetches.iter().any(|fetch| fetch.to != MODEL_PATH);
    let wanted = [(model, DOWNLOAD_VOLUME, MODEL_PATH), (adapters, ADAPTER_VOLUME, LORA_PATH)];
    let wanted = wanted.into_iter().filter(|(is_wanted, ..)| *is_wanted);
    let volume = |name: &str| {
        let mut volume = download.volume.clone();
        *tree::entry(&mut volume, "name") = json!(name);
        volume
    };
    wanted
        .map(|(_, name, path)| {
            add_named(container, "volumeMounts", json!({"name": name, "mountPath": path}));
            volume(name)
        })
        .collect()
}

fn add_confidential(container: &mut Value, confidential: &Confidential) {
    set_env(container, json!({"name": "CONFIDENTIAL_ENABLED", "value": "true"}));
    set_env(container, json!({"name": "CONFIDENTIAL_RESOURCE_ID", "value": confidential.resource_id}));
}

/// Lays the user's container over the generated one: lists by their merge key, objects by member.
fn overlay(container: &mut Value, user: &Value) {
    for (key, value) in user.as_object().into_iter().flatten() {
        match key.as_str() {
            "name" | "args" | "command" => {}
            "env" => by_key(container, key, "name", value),
            "volumeMounts" => by_key(container, key, "mountPath", value),
            _ => tree::overlay(tree::entry(container, key), value),
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

/// A variable from a Secret replaces one of its name as a whole (S-6).
fn add_credentials(container: &mut Value, download: &Download) {
    for variable in &download.credentials.env {
        replace(tree::array(container, "env"), "name", variable);
    }
    for mount in &download.credentials.mounts {
        add_named(container, "volumeMounts", mount.clone());
    }
}

fn add_defaults(container: &mut Value, download: &Download) {
    if download.tokenizer_files {
        set_env(container, json!({"name": ALLOW_PATTERNS, "value": json!(TOKENIZER_FILES).to_string()}));
    }
    let hf = [
        ("HF_HUB_ENABLE_HF_TRANSFER", "1"),
        ("HF_XET_HIGH_PERFORMANCE", "1"),
        ("HF_XET_NUM_CONCURRENT_RANGE_GETS", "8"),
    ];
    for (name, value) in hf.into_iter().filter(|_| download.hf_defaults) {
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
