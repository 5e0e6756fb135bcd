//! Nodes of every kind of accelerator, as its vendor or a provider labels and taints them. Pods that name no provider go
//! to nodes of any, so there are more of each than the pods that name it need.

use serde_json::{Value, json};

use super::{node, union};

/// Nodes alike.
struct Kind {
    name: &'static str,
    count: usize,
    /// The key of the taint.
    taint: &'static str,
    labels: &'static [(&'static str, &'static str)],
    devices: &'static [(&'static str, &'static str)],
}

const KINDS: [Kind; 10] = [
    Kind {
        name: "gpu-mi300x-tainted",
        count: 8,
        taint: "amd.com/gpu",
        labels: &[("amd.com/gpu.product-name", "AMD_Instinct_MI300X_OAM")],
        devices: &[("amd.com/gpu", "8"), ("rdma/ib", "8")],
    },
    Kind {
        name: "aws-p5en",
        count: 4,
        taint: "nvidia.com/gpu",
        labels: &[("nvidia.com/gpu.present", "true"), ("node.kubernetes.io/instance-type", "p5en.48xlarge")],
        devices: &[("nvidia.com/gpu", "8"), ("vpc.amazonaws.com/efa", "16")],
    },
    Kind {
        name: "openshift-h100",
        count: 4,
        taint: "nvidia.com/gpu",
        labels: &[("nvidia.com/gpu.present", "true"), ("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3")],
        devices: &[("nvidia.com/gpu", "8"), ("rdma/roce_gdr", "16")],
    },
    Kind {
        name: "gke-dra",
        count: 1,
        taint: "nvidia.com/gpu",
        labels: &[
            ("nvidia.com/gpu.present", "true"),
            ("cloud.google.com/gke-networking-dra-driver", "true"),
            ("cloud.google.com/gke-nvidia-gpu-dra-driver", "true"),
            ("gke-no-default-nvidia-gpu-device-plugin", "true"),
        ],
        devices: &[],
    },
    Kind {
        name: "tpu-v6e",
        count: 12,
        taint: "google.com/tpu",
        labels: &[
            ("cloud.google.com/gke-tpu-accelerator", "tpu-v6e-slice"),
            ("cloud.google.com/gke-tpu-topology", "2x4"),
        ],
        devices: &[("google.com/tpu", "8")],
    },
    Kind {
        name: "tpu-v7",
        count: 12,
        taint: "google.com/tpu",
        labels: &[
            ("cloud.google.com/gke-tpu-accelerator", "tpu7x"),
            ("cloud.google.com/gke-tpu-topology", "2x2x1"),
        ],
        devices: &[("google.com/tpu", "4")],
    },
    Kind {
        name: "xpu-xe",
        count: 4,
        taint: "gpu.intel.com/xe",
        labels: &[],
        devices: &[("gpu.intel.com/xe", "8")],
    },
    Kind {
        name: "xpu-i915",
        count: 4,
        taint: "gpu.intel.com/i915",
        labels: &[],
        devices: &[("gpu.intel.com/i915", "8")],
    },
    Kind {
        name: "gaudi",
        count: 2,
        taint: "habana.ai/gaudi",
        labels: &[],
        devices: &[("habana.ai/gaudi", "8")],
    },
    Kind {
        name: "trainium",
        count: 2,
        taint: "aws.amazon.com/neuron",
        labels: &[],
        devices: &[("aws.amazon.com/neuroncore", "8")],
    },
];

/// All of them.
pub fn all() -> impl Iterator<Item = Value> {
    KINDS.iter().flat_map(|kind| (0..kind.count).map(|index| kind.node(index)))
}

impl Kind {
    fn node(&self, index: usize) -> Value {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect()
        };
        let node = node(
            &format!("{}-{index}", self.name),
            Value::Object(map(self.labels)),
            Value::Object(map(self.devices)),
        );
        let taint = json!({"key": self.taint, "value": "present", "effect": "NoSchedule"});
        union(node, json!({"spec": {"taints": [taint]}}))
    }
}
