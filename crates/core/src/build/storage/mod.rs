//! Attaches the weights to a pod (`reference/workloads.md §9`).
//!
//! Model and adapters are mounted each at its own path, never at a common parent: below a read-only mount no other
//! mount point could be made.

use serde_json::{Value, json};

use crate::tree;
use crate::validate::storage::{Adapter, AdapterSource, CONTAINER, Source, Target, Weights};

mod download;
mod modelcar;
#[cfg(test)]
mod tests;

/// Volume with what the download container fetches, or with the links to a modelcar.
pub const DOWNLOAD_VOLUME: &str = "kserve-provision-location";
/// Volume with downloaded adapters, apart from the model's, whatever that one is.
const ADAPTER_VOLUME: &str = "kserve-lora-adapters";
const CLAIM_VOLUME: &str = "kserve-pvc-source";

/// Mounts or downloads the weights.
pub fn attach(pod: &mut Value, weights: &Weights) {
    if weights.source == Source::None {
        return;
    }
    remove_overlay(pod);
    attach_source(pod, weights);
    if let Some(download) = &weights.download {
        download::attach(pod, download);
    }
    for adapter in weights.lora.iter().flat_map(|lora| &lora.adapters) {
        attach_adapter(pod, weights.target, adapter);
    }
}

/// The user's own `storage-initializer` only says how the generated one differs (S-4).
fn remove_overlay(pod: &mut Value) {
    let Some(init) = pod.get_mut("initContainers").and_then(Value::as_array_mut) else { return };
    init.retain(|container| tree::text(container, &["name"]) != CONTAINER);
    if init.is_empty()
        && let Some(pod) = pod.as_object_mut()
    {
        pod.remove("initContainers");
    }
}

fn attach_source(pod: &mut Value, weights: &Weights) {
    let target = weights.target;
    match &weights.source {
        Source::None => {}
        Source::Download => {
            mount(pod, target, json!({"name": DOWNLOAD_VOLUME, "mountPath": target.path, "readOnly": true}));
        }
        Source::Claim { claim, path } => {
            mount_claim(pod, target, CLAIM_VOLUME, (claim, path), target.path);
        }
        Source::Modelcar(modelcar) => modelcar::attach(pod, target, modelcar),
        Source::Image { image } => attach_image(pod, target, image),
    }
}

fn mount_claim(pod: &mut Value, target: Target, volume: &str, (claim, path): (&str, &str), at: &str) {
    let mut claim_mount = json!({"name": volume, "mountPath": at, "readOnly": true});
    if !path.is_empty() {
        *tree::entry(&mut claim_mount, "subPath") = json!(path);
    }
    mount(pod, target, claim_mount);
    add_named(pod, "volumes", json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
}

/// The volume is named after the mount path. In the image the model is in `/models`.
fn attach_image(pod: &mut Value, target: Target, image: &str) {
    let volume = target.path.trim_matches('/').replace('/', "-");
    let image_mount =
        json!({"name": volume, "mountPath": target.path, "subPath": "models", "readOnly": true});
    mount(pod, target, image_mount);
    let source = json!({"reference": image, "pullPolicy": "IfNotPresent"});
    add_named(pod, "volumes", json!({"name": volume, "image": source}));
}

fn attach_adapter(pod: &mut Value, target: Target, adapter: &Adapter) {
    let at = adapter.path();
    match &adapter.source {
        AdapterSource::Claim { volume, claim, path } => mount_claim(pod, target, volume, (claim, path), &at),
        AdapterSource::Download(_) => {
            let of_volume = json!({
                "name": ADAPTER_VOLUME, "mountPath": at, "subPath": adapter.directory, "readOnly": true,
            });
            mount_also(pod, target, of_volume);
        }
    }
}

/// A further mount of a volume.
fn mount_also(pod: &mut Value, target: Target, mount: Value) {
    if let Some(container) = tree::named_mut(tree::array(pod, "containers"), target.container) {
        tree::array(container, "volumeMounts").push(mount);
    }
}

fn mount(pod: &mut Value, target: Target, mount: Value) {
    if let Some(container) = tree::named_mut(tree::array(pod, "containers"), target.container) {
        add_named(container, "volumeMounts", mount);
    }
}

/// Appends to a list unless it has an element of that name: a volume of the user's own takes the place of ours.
fn add_named(parent: &mut Value, key: &str, item: Value) {
    let list = tree::array(parent, key);
    if tree::named(list, tree::text(&item, &["name"])).is_none() {
        list.push(item);
    }
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
