//! The accelerators that the chart knows, and their images (`reference/llm-d.md §2`).

use llmisvc_core::images::repository;

/// An `accelerator.type` of the chart.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// As the chart names it.
    pub name: &'static str,
    /// Overlays, without their prefix, in the order of `baseRefs`.
    pub overlays: &'static [&'static str],
    /// Extended resource; none for CPUs.
    pub resource: Option<&'static str>,
    /// DRA device class.
    pub class: &'static str,
    /// Repositories of its usual images.
    pub images: &'static [&'static str],
    /// The overlay takes prefill and groups of pods.
    pub paths: (bool, bool),
}

/// All of them, the chart's default first.
pub const KINDS: [Kind; 8] = [
    Kind {
        name: "nvidia",
        overlays: &[],
        resource: Some("nvidia.com/gpu"),
        class: "gpu.nvidia.com",
        images: &["llm-d-cuda", "llm-d-aws", "vllm-openai"],
        paths: (true, true),
    },
    Kind {
        name: "amd",
        overlays: &["amd-rocm"],
        resource: Some("amd.com/gpu"),
        class: "gpu.amd.com",
        images: &["llm-d-rocm", "vllm-openai-rocm"],
        paths: (true, true),
    },
    Kind {
        name: "google",
        overlays: &["google-tpu"],
        resource: Some("google.com/tpu"),
        class: "tpu.google.com",
        images: &["vllm-tpu"],
        paths: (true, false),
    },
    Kind {
        name: "intel-xe",
        overlays: &["intel-xpu"],
        resource: Some("gpu.intel.com/xe"),
        class: "gpu.intel.com",
        images: &["llm-d-xpu", "vllm-openai-xpu"],
        paths: (true, true),
    },
    Kind {
        name: "intel-i915",
        overlays: &["intel-xpu", "intel-xpu-i915"],
        resource: Some("gpu.intel.com/i915"),
        class: "gpu.intel.com",
        images: &["llm-d-xpu", "vllm-openai-xpu"],
        paths: (true, true),
    },
    Kind {
        name: "intel-gaudi",
        overlays: &["intel-gaudi"],
        resource: Some("habana.ai/gaudi"),
        class: "gaudi.intel.com",
        images: &["vllm-gaudi"],
        paths: (false, false),
    },
    Kind {
        name: "cpu",
        overlays: &["cpu"],
        resource: None,
        class: "",
        images: &["llm-d-cpu", "vllm-openai-cpu"],
        paths: (false, false),
    },
    Kind {
        name: "rebellions-atom",
        overlays: &[],
        resource: Some("rebellions.ai/ATOM"),
        class: "npu.rebellions.ai",
        images: &[],
        paths: (true, true),
    },
];

const SIMULATOR: &str = "llm-d-inference-sim";
/// What the image of the simulator runs.
pub const SIMULATOR_COMMAND: &str = "/app/llm-d-inference-sim";
/// Prefix of the overlays' names.
pub const OVERLAY: &str = "kserve-config-llm-accelerator-";

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
    use llmisvc_core::tree;

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

    /// The overlays have to be there under these names.
    #[test]
    fn every_overlay_is_shipped() {
        let shipped = llmisvc_core::presets::shipped("kserve-");
        let names: Vec<&str> =
            shipped.iter().map(|preset| tree::text(preset, &["metadata", "name"])).collect();
        for overlay in KINDS.iter().flat_map(|kind| kind.overlays) {
            assert!(names.contains(&format!("{OVERLAY}{overlay}").as_str()), "{overlay}");
        }
    }
}
