//! Network cards for RDMA that are claimed together with the GPU behind the same PCIe root, as on GKE.

use serde_json::{Value, json};

use super::{PCIE_ROOT, PER_NODE, name, pcie_root, published};

const DRIVER: &str = "dra.net";
const CLASS: &str = "mrdma.google.com";
const LABEL: &str = "cloud.google.com~1gke-networking-dra-driver";

/// Whether GPUs of this node are claimed with a card. Such nodes have no device plugin.
pub fn behind(node: &Value) -> bool {
    node.pointer(&format!("/metadata/labels/{LABEL}")).is_some()
}

/// The class, and the slices of these nodes.
pub fn of(nodes: &[Value]) -> Vec<Value> {
    let slices = nodes.iter().filter(|node| behind(node)).map(|node| {
        let devices: Vec<Value> = (0..PER_NODE).map(card).collect();
        published(name(node), DRIVER, &devices)
    });
    [class()].into_iter().chain(slices).collect()
}

fn class() -> Value {
    json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": CLASS},
        "spec": {"selectors": [{"cel": {"expression": format!("device.driver == '{DRIVER}'")}}]},
    })
}

fn card(index: usize) -> Value {
    json!({
        "name": format!("rdma-{index}"),
        "attributes": {"rdma": {"bool": true}, PCIE_ROOT: {"string": pcie_root(index)}},
    })
}
