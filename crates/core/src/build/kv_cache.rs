//! Gives a pod its KV cache tiers (`reference/workloads.md §11.1`).

use serde_json::{Value, json};

use super::pod;
use crate::quantity;
use crate::tree;
use crate::valid::{KvCache, Store, Tier};

/// Without it each process hashes blocks in its own way, and none finds what another one wrote.
pub const SEED: &str = "PYTHONHASHSEED";
const SCRATCH: &str = "ephemeral-storage";
const SHARED_MEMORY: &str = "/dev/shm";

/// Where a tier is mounted.
pub fn root(index: usize) -> String {
    format!("/mnt/kv-cache-{index}")
}

/// Name of its volume.
pub fn volume(index: usize) -> String {
    format!("kv-cache-secondary-{index}")
}

/// Adds volumes, mounts and what goes with them.
pub fn attach(pod: &mut Value, kv: &KvCache) {
    for tier in &kv.tiers {
        attach_tier(pod, tier);
    }
    if let Some(size) = &kv.memory {
        enlarge_shared_memory(pod, size);
    }
    if kv.is_seeded
        && let Some(main) = main(pod)
    {
        pod::set_env(main, json!({"name": SEED, "value": "0"}));
    }
}

fn main(pod: &mut Value) -> Option<&mut Value> {
    tree::named_mut(tree::array(pod, "containers"), "main")
}

fn attach_tier(pod: &mut Value, tier: &Tier) {
    let name = volume(tier.index);
    if let Some(main) = main(pod) {
        mount(main, &name, tier);
        if let Store::Scratch(Some(size)) = &tier.store {
            add_scratch(main, size);
        }
    }
    let volumes = tree::array(pod, "volumes");
    if tree::named(volumes, &name).is_none() {
        volumes.push(source(&name, &tier.store));
    }
}

fn source(name: &str, store: &Store) -> Value {
    match store {
        Store::Scratch(None) => json!({"name": name, "emptyDir": {}}),
        Store::Scratch(Some(size)) => json!({"name": name, "emptyDir": {"sizeLimit": size}}),
        Store::Own(spec) => json!({"name": name, "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}),
        Store::Shared { claim, .. } => json!({"name": name, "persistentVolumeClaim": {"claimName": claim}}),
    }
}

fn mount(main: &mut Value, name: &str, tier: &Tier) {
    let mut mount = json!({"name": name, "mountPath": root(tier.index)});
    if let Store::Shared { path, .. } = &tier.store
        && !path.is_empty()
    {
        *tree::entry(&mut mount, "subPath") = json!(path);
    }
    let mounts = tree::array(main, "volumeMounts");
    if !mounts.iter().any(|other| other.get("mountPath") == mount.get("mountPath")) {
        mounts.push(mount);
    }
}

/// Request and limit grow together: a request above its limit is refused, and files beyond the limit evict the pod
/// (K-2). Where only a limit is given it is the request too.
fn add_scratch(main: &mut Value, size: &str) {
    let resources = tree::entry(main, "resources");
    let given = |kind: &str| tree::get(resources, &[kind, SCRATCH]).map(text);
    let limit = given("limits");
    let request = given("requests").or_else(|| limit.clone());
    let more = |before: &str| quantity::sum(before, size).unwrap_or_else(|| size.to_owned());
    if let Some(limit) = limit {
        tree::object(resources, "limits").insert(SCRATCH.to_owned(), json!(more(&limit)));
    }
    let request = request.map_or_else(|| size.to_owned(), |request| more(&request));
    tree::object(resources, "requests").insert(SCRATCH.to_owned(), json!(request));
}

/// vLLM keeps the CPU tier in a file there, and is killed when it does not fit.
fn enlarge_shared_memory(pod: &mut Value, size: &str) {
    let Some(main) = main(pod) else { return };
    let mounts = tree::list(main, &["volumeMounts"]);
    let mount = mounts.iter().find(|mount| tree::text(mount, &["mountPath"]) == SHARED_MEMORY);
    let Some(name) = mount.map(|mount| tree::text(mount, &["name"]).to_owned()) else { return };
    let Some(volume) = tree::named_mut(tree::array(pod, "volumes"), &name) else { return };
    let limit = tree::get(volume, &["emptyDir", "sizeLimit"]).map(text);
    if let Some(sum) = limit.and_then(|limit| quantity::sum(&limit, size)) {
        *tree::entry(tree::entry(volume, "emptyDir"), "sizeLimit") = json!(sum);
    }
}

fn text(quantity: &Value) -> String {
    quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned)
}

#[cfg(test)]
#[path = "kv_cache_tests.rs"]
mod tests;
