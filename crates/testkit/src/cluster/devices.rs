//! What the DRA drivers of the GPU vendors publish: a class for each, and a slice of eight devices per GPU node. Nodes
//! with network cards behind the GPUs' PCIe roots have a slice of those as well.

mod cards;

use serde_json::{Value, json};

const PER_NODE: usize = 8;
/// By which a GPU and a network card are near each other.
const PCIE_ROOT: &str = "resource.kubernetes.io/pcieRoot";

fn pcie_root(index: usize) -> String {
    format!("pci0000:{:02x}", index * 16)
}

/// A kind of GPU as its driver describes it.
struct Model {
    driver: &'static str,
    product: &'static str,
    architecture: &'static str,
    memory: &'static str,
}

const NVIDIA: Model = Model {
    driver: "gpu.nvidia.com",
    product: "NVIDIA H100 80GB HBM3",
    architecture: "Hopper",
    memory: "81559Mi",
};

const AMD: Model = Model {
    driver: "gpu.amd.com",
    product: "AMD_Instinct_MI300X_OAM",
    architecture: "CDNA3",
    memory: "192Gi",
};

/// The device classes, and the slices of these nodes; nodes without GPUs have none.
pub fn of(nodes: &[Value]) -> Vec<Value> {
    let slices = nodes.iter().filter_map(|node| Some(slice(name(node), model(node)?)));
    let all = [&NVIDIA, &AMD].map(class).into_iter().chain(slices);
    all.chain(cards::of(nodes)).collect()
}

fn name(node: &Value) -> &str {
    node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

fn model(node: &Value) -> Option<&'static Model> {
    let capacity = node.pointer("/status/capacity")?;
    let has = |resource: &str| capacity.get(resource).is_some();
    if has("nvidia.com/gpu") || cards::behind(node) {
        Some(&NVIDIA)
    } else {
        has("amd.com/gpu").then_some(&AMD)
    }
}

fn class(model: &Model) -> Value {
    json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": model.driver},
        "spec": {"selectors": [{"cel": {"expression": format!("device.driver == '{}'", model.driver)}}]},
    })
}

fn slice(node: &str, model: &Model) -> Value {
    let devices: Vec<Value> = (0..PER_NODE).map(|index| device(node, index, model)).collect();
    published(node, model.driver, &devices)
}

/// What a driver publishes of a node.
fn published(node: &str, driver: &str, devices: &[Value]) -> Value {
    json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": format!("{node}-{driver}")},
        "spec": {
            "driver": driver,
            "nodeName": node,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": devices,
        },
    })
}

fn device(node: &str, index: usize, model: &Model) -> Value {
    json!({
        "name": format!("gpu-{index}"),
        "attributes": {
            "type": {"string": "gpu"},
            "productName": {"string": model.product},
            "architecture": {"string": model.architecture},
            "uuid": {"string": format!("GPU-{node}-{index}")},
            PCIE_ROOT: {"string": pcie_root(index)},
        },
        "capacity": {"memory": {"value": model.memory}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::nodes;

    #[test]
    fn every_gpu_node_has_a_slice_and_no_other_node() {
        let all = nodes::all();
        let slices: Vec<Value> = of(&all).into_iter().filter(|it| it["kind"] == "ResourceSlice").collect();
        let drivers = |node: &str| -> Vec<&str> {
            let here = slices.iter().filter(|it| it["spec"]["nodeName"] == node);
            here.filter_map(|it| it["spec"]["driver"].as_str()).collect()
        };
        assert_eq!(slices.len(), all.iter().filter(|it| model(it).is_some()).count() + 1);
        assert_eq!(drivers("gpu-h100-39"), ["gpu.nvidia.com"]);
        assert_eq!(drivers("gpu-mi300x-0"), ["gpu.amd.com"]);
        assert_eq!(drivers("gke-dra-0"), ["gpu.nvidia.com", "dra.net"]);
        assert_eq!(drivers("cpu-0"), [""; 0]);
    }
}
