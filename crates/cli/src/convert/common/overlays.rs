//! The shipped configs for accelerators, which go into `baseRefs` (`reference/llm-d.md §2`).

use llmisvc_core::validate::paths::missing;
use llmisvc_core::{labels, presets, tree};
use serde_json::Value;

/// Prefix of their names.
pub const OVERLAY: &str = "kserve-config-llm-accelerator-";
/// For pods without accelerators.
pub const CPU: &[&str] = &["cpu"];
const TPU_LABEL: &str = "cloud.google.com/gke-tpu-accelerator";

/// By resource, and by the generation of TPUs, in the order of `baseRefs`. The presets are NVIDIA's without one.
const OVERLAYS: [(&str, &str, &[&str]); 8] = [
    ("amd.com/gpu", "", &["amd-rocm"]),
    ("google.com/tpu", "tpu7x", &["google-tpu", "google-tpu-v7"]),
    ("google.com/tpu", "", &["google-tpu"]),
    ("gpu.intel.com/xe", "", &["intel-xpu"]),
    ("gpu.intel.com/i915", "", &["intel-xpu", "intel-xpu-i915"]),
    ("habana.ai/gaudi", "", &["intel-gaudi"]),
    ("aws.amazon.com/neuroncore", "", &["aws-neuron"]),
    ("aws.amazon.com/neuron", "", &["aws-neuron"]),
];

/// The overlays of a resource in a pod.
pub fn of(resource: &str, pod: &Value) -> &'static [&'static str] {
    let selected = tree::text(pod, &["nodeSelector", TPU_LABEL]);
    let is_it =
        |(name, generation, _): &&(&str, &str, _)| *name == resource && ["", selected].contains(generation);
    OVERLAYS.iter().find(is_it).map_or(&[], |(.., overlays)| *overlays)
}

/// What the overlays are not known to work with in this spec, in words: the paths that it takes, and those they support.
pub fn refuse(overlays: &[&str], spec: &Value) -> Option<String> {
    let list = overlays.iter().rev().map(|overlay| supported(overlay)).find(|list| !list.is_empty())?;
    let lacking: Vec<&str> = missing(spec, &list).iter().map(|path| path.name).collect();
    (!lacking.is_empty()).then(|| format!("{} (supported: {list})", lacking.join(" and ")))
}

/// The image of `main` that these overlays bring, else the presets' own.
pub fn image(overlays: &[&str]) -> String {
    let each = overlays.iter().rev().map(|overlay| format!("{OVERLAY}{overlay}"));
    let images = each.chain(["kserve-config-llm-template".to_owned()]).map(|name| image_of(&name));
    images.into_iter().find(|image| !image.is_empty()).unwrap_or_default()
}

/// The image of `main` in a shipped config; empty where it has none.
pub fn image_of(name: &str) -> String {
    let preset = shipped(name).unwrap_or_default();
    let containers = tree::list(&preset, &["spec", "template", "containers"]);
    tree::named(containers, "main").map_or("", |main| tree::text(main, &["image"])).to_owned()
}

fn supported(overlay: &str) -> String {
    let preset = shipped(&format!("{OVERLAY}{overlay}")).unwrap_or_default();
    tree::text(&preset, &["spec", "annotations", labels::SUPPORTED_PATHS]).to_owned()
}

/// A shipped config by its name.
pub fn shipped(name: &str) -> Option<Value> {
    presets::shipped("kserve-").into_iter().find(|preset| tree::text(preset, &["metadata", "name"]) == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_has_its_overlays() {
        let of = |resource, tpu| super::of(resource, &json!({"nodeSelector": {TPU_LABEL: tpu}}));
        assert_eq!(of("amd.com/gpu", ""), ["amd-rocm"]);
        assert_eq!(of("google.com/tpu", "tpu-v6e-slice"), ["google-tpu"]);
        assert_eq!(of("google.com/tpu", "tpu7x"), ["google-tpu", "google-tpu-v7"]);
        assert_eq!(of("gpu.intel.com/i915", ""), ["intel-xpu", "intel-xpu-i915"]);
        assert_eq!(of("aws.amazon.com/neuroncore", ""), ["aws-neuron"]);
        assert_eq!(of("nvidia.com/gpu", ""), [""; 0]);
    }

    /// The overlays have to be there under these names, and each that counts devices under its resource.
    #[test]
    fn every_overlay_is_shipped() {
        for (resource, _, overlays) in OVERLAYS {
            let annotation = |overlay: &&str| {
                let preset = shipped(&format!("{OVERLAY}{overlay}")).unwrap_or_else(|| panic!("{overlay}"));
                tree::text(&preset, &["spec", "annotations", labels::ACCELERATOR]).to_owned()
            };
            let named: Vec<String> = overlays.iter().map(annotation).filter(|it| !it.is_empty()).collect();
            // Chips of Neuron are counted by the user, the overlay counts cores.
            let counted =
                if resource == "aws.amazon.com/neuron" { "aws.amazon.com/neuroncore" } else { resource };
            assert_eq!(named.last().map(String::as_str), Some(counted));
        }
    }

    #[test]
    fn an_overlay_says_what_it_takes() {
        let disaggregated = json!({"prefill": {"worker": {}}});
        assert_eq!(refuse(&["amd-rocm"], &disaggregated), None);
        assert_eq!(
            refuse(&["google-tpu", "google-tpu-v7"], &disaggregated).as_deref(),
            Some(
                "multi-node (supported: inference-scheduling prefill-decode precise-prefix-cache predicted-latency \
                 tiered-prefix-cache)"
            )
        );
        assert_eq!(
            refuse(CPU, &disaggregated).as_deref(),
            Some("prefill-decode and multi-node (supported: inference-scheduling precise-prefix-cache)")
        );
    }
}
