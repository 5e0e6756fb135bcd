//! Accelerators by the names that pods, classes and images have for them (`reference/llm-d.md §2.1, §2.2`).

pub mod memory;
pub mod tpu;

use serde_json::Value;

use crate::{images, tree};

/// Chips of TPUs.
pub const TPU: &str = "google.com/tpu";
/// One NeuronCore.
pub const NEURON_CORE: &str = "aws.amazon.com/neuroncore";
/// A chip with several NeuronCores.
pub const NEURON_CHIP: &str = "aws.amazon.com/neuron";
/// What a pod is for that says nothing else.
pub const DEFAULT: &str = "nvidia.com/gpu";
/// Label of the machine's type.
const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";

/// Ranks on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranks {
    One,
    /// As many as the chip of the machine has cores.
    Cores,
    /// The slice that the node is part of decides.
    Topology,
}

/// A kind of accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accelerator {
    /// Name of the extended resource; with a dash at its end the begin of the name.
    pub resource: &'static str,
    /// DeviceClass of its DRA driver.
    pub class: Option<&'static str>,
    ranks: Ranks,
    /// Words in the names of images that are built for it. `xpu` is none: two drivers have a resource each.
    words: &'static [&'static str],
}

/// What is known.
pub const ALL: [Accelerator; 9] = [
    Accelerator { resource: DEFAULT, class: Some("gpu.nvidia.com"), ranks: Ranks::One, words: &["cuda"] },
    Accelerator { resource: "nvidia.com/mig-", class: None, ranks: Ranks::One, words: &[] },
    Accelerator { resource: "amd.com/gpu", class: Some("gpu.amd.com"), ranks: Ranks::One, words: &["rocm"] },
    Accelerator { resource: "gpu.intel.com/i915", class: None, ranks: Ranks::One, words: &[] },
    Accelerator { resource: "gpu.intel.com/xe", class: Some("gpu.intel.com"), ranks: Ranks::One, words: &[] },
    Accelerator {
        resource: "habana.ai/gaudi",
        class: Some("gaudi.intel.com"),
        ranks: Ranks::One,
        words: &["gaudi", "hpu"],
    },
    Accelerator { resource: NEURON_CORE, class: None, ranks: Ranks::One, words: &[] },
    Accelerator { resource: NEURON_CHIP, class: None, ranks: Ranks::Cores, words: &[] },
    Accelerator { resource: TPU, class: Some("tpu.google.com"), ranks: Ranks::Topology, words: &["tpu"] },
];

/// The kind that a resource name stands for.
fn of_resource(resource: &str) -> Option<&'static Accelerator> {
    let begins = |kind: &Accelerator| kind.resource.ends_with('-') && resource.starts_with(kind.resource);
    ALL.iter().find(|kind| kind.resource == resource || begins(kind))
}

/// The kind that a DeviceClass stands for.
pub fn of_class(class: &str) -> Option<&'static Accelerator> {
    ALL.iter().find(|kind| kind.class == Some(class))
}

/// Accelerators that are not known by name call themselves GPUs.
pub fn is_accelerator(resource: &str) -> bool {
    of_resource(resource).is_some() || resource.ends_with("/gpu")
}

/// Begins of the names of network devices, which pods have beside accelerators (`reference/llm-d.md §1.2, §1.3`).
const NETWORKS: [&str; 4] =
    ["rdma/", "networking.gke.io.networks/", "vpc.amazonaws.com/efa", "nvidia.com/sriov-"];

/// A device of the network, which says nothing about accelerators.
pub fn is_network(resource: &str) -> bool {
    NETWORKS.iter().any(|begin| resource.starts_with(begin))
}

/// How many ranks may run on one device in this pod; empty where the device does not say.
pub fn ranks(resource: &str, pod: &Value) -> &'static [i64] {
    match of_resource(resource).map(|kind| kind.ranks) {
        None | Some(Ranks::One) => &[1],
        Some(Ranks::Cores) => cores(tree::text(pod, &["nodeSelector", INSTANCE_TYPE])),
        Some(Ranks::Topology) => &[],
    }
}

/// NeuronCores of a chip: two on Inferentia2 and Trainium1; eight on Trainium2, which also joins them in pairs.
fn cores(instance: &str) -> &'static [i64] {
    match instance.split(['.', '-']).next().unwrap_or_default() {
        "inf2" | "trn1" | "trn1n" => &[2],
        "trn2" | "trn2u" => &[4, 8],
        _ => &[2, 4, 8],
    }
}

/// The resource of the accelerator that an image is built for, by the words of its name; none where it has no
/// countable one.
pub fn of_image(image: &str) -> Option<&'static str> {
    let mut words = images::repository(image).split(['-', '_']);
    if words.clone().any(|word| matches!(word, "cpu" | "xpu")) {
        return None;
    }
    let kind = words.find_map(|word| ALL.iter().find(|kind| kind.words.contains(&word)));
    match kind {
        None => Some(DEFAULT),
        Some(kind) => (kind.ranks != Ranks::Topology).then_some(kind.resource),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("nvidia.com/gpu", &[1])]
    #[case("nvidia.com/mig-3g.40gb", &[1])]
    #[case("amd.com/gpu", &[1])]
    #[case("gpu.intel.com/i915", &[1])]
    #[case("gpu.intel.com/xe", &[1])]
    #[case("habana.ai/gaudi", &[1])]
    #[case("aws.amazon.com/neuroncore", &[1])]
    #[case("aws.amazon.com/neuron", &[2, 4, 8])]
    #[case("google.com/tpu", &[])]
    #[case("metax-tech.com/gpu", &[1])]
    fn each_resource_has_its_ranks(#[case] resource: &str, #[case] expected: &[i64]) {
        assert!(is_accelerator(resource));
        assert_eq!(ranks(resource, &json!({})), expected);
    }

    #[rstest]
    #[case("rdma/ib")]
    #[case("hugepages-2Mi")]
    #[case("gpu.intel.com/memory.max")]
    #[case("nvidia.com/sriov-rdma-vf")]
    fn other_resources_are_none(#[case] resource: &str) {
        assert!(!is_accelerator(resource));
    }

    #[rstest]
    #[case("rdma/roce_gdr", true)]
    #[case("networking.gke.io.networks/rdma-0", true)]
    #[case("vpc.amazonaws.com/efa", true)]
    #[case("nvidia.com/sriov-rdma-vf", true)]
    #[case("nvidia.com/gpu", false)]
    #[case("rebellions.ai/ATOM", false)]
    fn networks_are_told_by_their_names(#[case] resource: &str, #[case] expected: bool) {
        assert_eq!(is_network(resource), expected);
    }

    #[rstest]
    #[case("inf2.48xlarge", &[2])]
    #[case("trn1.32xlarge", &[2])]
    #[case("trn2.48xlarge", &[4, 8])]
    #[case("p5.48xlarge", &[2, 4, 8])]
    fn the_machine_tells_the_cores_of_a_neuron_chip(#[case] instance: &str, #[case] expected: &[i64]) {
        let pod = json!({"nodeSelector": {INSTANCE_TYPE: instance}});
        assert_eq!(ranks(NEURON_CHIP, &pod), expected);
    }

    #[rstest]
    #[case("vllm/vllm-openai:v0.30.0", Some("nvidia.com/gpu"))]
    #[case("ghcr.io/llm-d/llm-d-cuda:v0.9.0", Some("nvidia.com/gpu"))]
    #[case("ghcr.io/llm-d/llm-d-rocm@sha256:0", Some("amd.com/gpu"))]
    #[case("opea/vllm-gaudi:1.22.0", Some("habana.ai/gaudi"))]
    #[case("ghcr.io/llm-d/llm-d-xpu:v0.10.0", None)]
    #[case("docker.io/vllm/vllm-tpu:v0.27.0", None)]
    #[case("localhost:5000/vllm-cpu", None)]
    fn an_image_tells_its_accelerator(#[case] image: &str, #[case] expected: Option<&str>) {
        assert_eq!(of_image(image), expected);
    }

    #[test]
    fn each_class_stands_for_one_kind() {
        let classes: Vec<_> = ALL.iter().filter_map(|kind| kind.class).collect();
        assert_eq!(
            classes,
            ["gpu.nvidia.com", "gpu.amd.com", "gpu.intel.com", "gaudi.intel.com", "tpu.google.com"]
        );
        assert!(classes.iter().all(|class| of_class(class).and_then(|kind| kind.class) == Some(class)));
        assert_eq!(of_class("nic.example.com"), None);
    }
}
