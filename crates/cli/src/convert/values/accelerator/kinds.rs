//! The accelerators that the chart knows, and their images (`reference/llm-d.md §2`).

use llmisvc_core::images::repository;
use serde_json::Value;

use crate::convert::common::overlays;

/// An `accelerator.type` of the chart.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// As the chart names it.
    pub name: &'static str,
    /// Extended resource; none for CPUs.
    pub resource: Option<&'static str>,
    /// DRA device class.
    pub class: &'static str,
    /// Repositories of its usual images.
    pub images: &'static [&'static str],
}

/// All of them, the chart's default first.
pub const KINDS: [Kind; 8] = [
    Kind {
        name: "nvidia",
        resource: Some("nvidia.com/gpu"),
        class: "gpu.nvidia.com",
        images: &["llm-d-cuda", "llm-d-aws", "vllm-openai"],
    },
    Kind {
        name: "amd",
        resource: Some("amd.com/gpu"),
        class: "gpu.amd.com",
        images: &["llm-d-rocm", "vllm-openai-rocm"],
    },
    Kind { name: "google", resource: Some("google.com/tpu"), class: "tpu.google.com", images: &["vllm-tpu"] },
    Kind {
        name: "intel-xe",
        resource: Some("gpu.intel.com/xe"),
        class: "gpu.intel.com",
        images: &["llm-d-xpu", "vllm-openai-xpu"],
    },
    Kind {
        name: "intel-i915",
        resource: Some("gpu.intel.com/i915"),
        class: "gpu.intel.com",
        images: &["llm-d-xpu", "vllm-openai-xpu"],
    },
    Kind {
        name: "intel-gaudi",
        resource: Some("habana.ai/gaudi"),
        class: "gaudi.intel.com",
        images: &["vllm-gaudi"],
    },
    Kind { name: "cpu", resource: None, class: "", images: &["llm-d-cpu", "vllm-openai-cpu"] },
    Kind {
        name: "rebellions-atom",
        resource: Some("rebellions.ai/ATOM"),
        class: "npu.rebellions.ai",
        images: &[],
    },
];

const SIMULATOR: &str = "llm-d-inference-sim";
/// What the image of the simulator runs.
pub const SIMULATOR_COMMAND: &str = "/app/llm-d-inference-sim";

impl Kind {
    /// Its overlays in a pod.
    pub fn overlays(&self, pod: &Value) -> &'static [&'static str] {
        self.resource.map_or(overlays::CPU, |resource| overlays::of(resource, pod))
    }
}

/// The image holds vLLM and no command of its own that would matter.
pub fn is_vllm(image: &str) -> bool {
    KINDS.iter().any(|kind| kind.images.contains(&repository(image)))
}

/// The image says nothing about the version of its vLLM, and a preset has a newer one.
pub fn is_replaced(image: &str) -> bool {
    is_vllm(image) && !repository(image).starts_with("vllm-openai")
}

/// The image only pretends to have accelerators.
pub fn is_simulator(image: &str) -> bool {
    image.contains(SIMULATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_told_by_their_names() {
        assert_eq!(repository("ghcr.io/llm-d/llm-d-xpu:v0.5.0"), "llm-d-xpu");
        assert!(
            is_vllm("docker.io/vllm/vllm-openai:v0.23.0")
                && !is_replaced("docker.io/vllm/vllm-openai:v0.23.0")
        );
        assert!(is_replaced("ghcr.io/llm-d/llm-d-cuda:v0.3.0"));
        assert!(!is_vllm("ghcr.io/llm-d/llm-d-inference-sim:v0.6.1"));
    }
}
