//! The nodes that KWOK plays: forty with NVIDIA GPUs, one with AMD GPUs, one without, and some of every kind of
//! accelerator that only pods which tolerate its taint get.

mod tainted;

use serde_json::{Map, Value, json};

/// Room for two groups of four whole nodes, and for several such services at once.
const NVIDIA_NODES: usize = 40;

/// How many of them come before the others: a node's address and podCIDR follow from its place in the list and
/// cannot change on a running control plane.
const FIRST: usize = 16;

/// All nodes.
pub fn all() -> Vec<Value> {
    let first = (0..FIRST).map(nvidia).chain([amd(), cpu()]);
    let items = first.chain((FIRST..NVIDIA_NODES).map(nvidia)).chain(tainted::all());
    items.enumerate().map(|(index, node)| addressed(node, index)).collect()
}

fn nvidia(index: usize) -> Value {
    let labels = json!({
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.family": "hopper",
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.memory": "81559",
        "node.kubernetes.io/instance-type": "p5.48xlarge",
    });
    node(&format!("gpu-h100-{index}"), labels, json!({"nvidia.com/gpu": "8", "rdma/ib": "8"}))
}

fn amd() -> Value {
    let labels = json!({
        "amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM",
        "amd.com/gpu.vram": "192G",
        "node.kubernetes.io/instance-type": "mi300x.8",
    });
    node("gpu-mi300x-0", labels, json!({"amd.com/gpu": "8", "rdma/ib": "8"}))
}

fn cpu() -> Value {
    node("cpu-0", json!({"node.kubernetes.io/instance-type": "m7i.48xlarge"}), json!({}))
}

fn node(name: &str, labels: Value, devices: Value) -> Value {
    let place = json!({
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "local",
        "topology.kubernetes.io/zone": "local-a",
    });
    let room = json!({"cpu": "384", "memory": "4Ti", "ephemeral-storage": "20Ti", "pods": "500"});
    let capacity = union(room, devices);
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": union(place, labels),
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "status": {"capacity": capacity, "allocatable": capacity},
    })
}

/// Pods get addresses of their node, apart from the Services'.
fn addressed(node: Value, index: usize) -> Value {
    let address = json!([{"type": "InternalIP", "address": format!("192.168.0.{}", index + 1)}]);
    let status = union(node.get("status").cloned().unwrap_or_default(), json!({"addresses": address}));
    let own = node.get("spec").cloned().unwrap_or_default();
    let spec = union(own, json!({"podCIDR": format!("10.244.{index}.0/24")}));
    union(node, json!({"spec": spec, "status": status}))
}

fn union(left: Value, right: Value) -> Value {
    let fields = |value| if let Value::Object(fields) = value { fields } else { Map::new() };
    Value::Object(fields(left).into_iter().chain(fields(right)).collect())
}
