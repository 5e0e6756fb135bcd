//! A node with few accelerators, for one test alone.

use anyhow::Result;
use llmisvc_testkit::World;
use serde_json::{Value, json};

/// A node with four GPUs that only pods with its [`Node::placement`] get to.
pub struct Node<'a> {
    world: &'a World<'static>,
    name: String,
}

impl<'a> Node<'a> {
    /// Named like the world's namespace.
    pub fn new(world: &'a World<'static>) -> Result<Self> {
        let name = world.namespace().to_owned();
        let room = json!({"cpu": "64", "memory": "1Ti", "pods": "50", "nvidia.com/gpu": "4"});
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
                "annotations": {"kwok.x-k8s.io/node": "fake"},
            },
            "spec": {"taints": [{"key": "only", "value": name, "effect": "NoSchedule"}]},
            "status": {"capacity": room, "allocatable": room},
        });
        world.cluster().kubectl(&["apply", "-f", "-"], Some(&node.to_string()))?;
        Ok(Self { world, name })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The world it belongs to.
    pub fn world(&self) -> &'a World<'static> {
        self.world
    }

    /// A pod spec that only this node takes, with so many of its GPUs for `main`.
    pub fn placement(&self, gpus: i64) -> Value {
        let limits = json!({"nvidia.com/gpu": gpus.to_string()});
        json!({
            "nodeSelector": {"kubernetes.io/hostname": self.name},
            "tolerations": [{"key": "only", "operator": "Exists"}],
            "containers": [{"name": "main", "resources": {"limits": limits}}],
        })
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        let _ = self.world.cluster().kubectl(&["delete", "node", &self.name, "--wait=false"], None);
    }
}
