//! Claims, mounts, shared memory and caches.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::Loss;
use super::super::common::metadata;
use super::super::common::source::Source;

/// Volumes of the pod, mounts and variables of `main`.
#[derive(Debug, Default, PartialEq)]
pub struct Mounted {
    /// Of the pod.
    pub volumes: Vec<Value>,
    /// Of the container.
    pub mounts: Vec<Value>,
    /// Of the container.
    pub env: Vec<Value>,
}

impl Mounted {
    fn claim(&mut self, claim: &str, path: &str, is_cache: bool) {
        self.volumes.push(json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}}));
        self.mounts.push(json!({"name": claim, "mountPath": path}));
        if is_cache {
            self.env.push(json!({"name": "VLLM_CACHE_ROOT", "value": path}));
        }
    }
}

/// What a component mounts beside its pod template.
pub fn take(component: &mut Source, lost: &mut Vec<Loss>) -> Mounted {
    let mut mounted = Mounted::default();
    for mut mount in component.parts("volumeMounts") {
        let (claim, path) = (mount.text("name").unwrap_or_default(), mount.text("mountPoint"));
        let is_cache = mount.text("useAsCompilationCache").as_deref() == Some("true");
        mounted.claim(&claim, &path.unwrap_or_else(|| CACHE.to_owned()), is_cache);
        mount.finish(lost);
    }
    let mut cache = component.part("compilationCache");
    if let Some(claim) = cache.text("pvcName") {
        let path = cache.text("mountPath").unwrap_or_else(|| CACHE.to_owned());
        mounted.claim(&claim, &path, true);
    }
    cache.finish(lost);
    mounted.volumes.extend(shared_memory(component, lost));
    mounted
}

/// Where vLLM compiles to when nobody says.
const CACHE: &str = "/home/.cache/vllm";

/// The preset has 1Gi at `/dev/shm`.
fn shared_memory(component: &mut Source, lost: &mut Vec<Loss>) -> Option<Value> {
    let is_off = component.text("sharedMemory.disabled").as_deref() == Some("true");
    let sizes = ["sharedMemory.size", "sharedMemorySize"].map(|field| component.text(field));
    let size = sizes.into_iter().flatten().next();
    if is_off || size.as_deref() == Some("0") {
        let field = if is_off { "sharedMemory.disabled" } else { "sharedMemorySize" };
        lost.push(Loss::new(component.at(field), "vLLM needs some: the preset's 1Gi stays"));
        return None;
    }
    size.map(|size| json!({"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": size}}))
}

/// The claims that a graph creates; those that exist need nothing.
pub fn claims(graph: &mut Source, namespace: &str, lost: &mut Vec<Loss>) -> Vec<Value> {
    graph.parts("spec.pvcs").into_iter().filter_map(|pvc| claim(pvc, namespace, lost)).collect()
}

fn claim(mut pvc: Source, namespace: &str, lost: &mut Vec<Loss>) -> Option<Value> {
    let name = pvc.text("name").unwrap_or_default();
    let is_new = pvc.text("create").as_deref() == Some("true");
    let mode = pvc.text("volumeAccessMode").unwrap_or_else(|| "ReadWriteOnce".to_owned());
    let (size, class) = (pvc.text("size"), pvc.text("storageClass"));
    let place = pvc.at("size");
    pvc.finish(lost);
    if is_new && size.is_none() {
        lost.push(Loss::new(place, "a claim without a size: create it yourself"));
    }
    let size = size.filter(|_| is_new)?;
    let mut spec = json!({"accessModes": [mode], "resources": {"requests": {"storage": size}}});
    if let Some(class) = class {
        *tree::entry(&mut spec, "storageClassName") = json!(class);
    }
    let metadata = metadata::named(&name, namespace);
    Some(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_bring_their_volumes() {
        let component = json!({
            "volumeMounts": [{"name": "cache", "mountPoint": "/cache", "useAsCompilationCache": true}],
            "sharedMemory": {"size": "16Gi"},
        });
        let mounted = take(&mut Source::new(component, "c"), &mut Vec::new());
        let expected = Mounted {
            volumes: vec![
                json!({"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}),
                json!({"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}),
            ],
            mounts: vec![json!({"name": "cache", "mountPath": "/cache"})],
            env: vec![json!({"name": "VLLM_CACHE_ROOT", "value": "/cache"})],
        };
        assert_eq!(mounted, expected);
    }

    #[test]
    fn shared_memory_stays_and_is_told() {
        for component in [json!({"sharedMemorySize": "0"}), json!({"sharedMemory": {"disabled": true}})] {
            let mut lost = Vec::new();
            assert_eq!(take(&mut Source::new(component, "c"), &mut lost), Mounted::default());
            assert_eq!(lost.len(), 1);
        }
    }

    #[test]
    fn a_claim_without_size_is_told() {
        let mut graph =
            Source::new(json!({"spec": {"pvcs": [{"name": "a", "create": true}, {"name": "b"}]}}), "g");
        let mut lost = Vec::new();
        assert_eq!(claims(&mut graph, "", &mut lost), Vec::<Value>::new());
        assert_eq!(lost, [Loss::new("g.spec.pvcs[a].size", "a claim without a size: create it yourself")]);
    }
}
