//! The shipped configs for accelerators, which go into `baseRefs` (`reference/llm-d.md §2`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use llmisvc_core::accelerator::tpu::GENERATION;
use llmisvc_core::validate::paths::missing;
use llmisvc_core::{labels, presets, tree};
use serde_json::Value;

/// Prefix of their names.
pub const ACCELERATOR: &str = "config-llm-accelerator-";
/// For pods without accelerators.
pub const CPU: &[&str] = &["cpu"];
/// Shipped configs by name; parsed once, as they are many.
static SHIPPED: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let named = |preset: Value| (tree::text(&preset, &["metadata", "name"]).to_owned(), preset);
    presets::shipped("").into_iter().map(named).collect()
});

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
    let selected = tree::text(pod, &["nodeSelector", GENERATION]);
    let is_it =
        |(name, generation, _): &&(&str, &str, _)| *name == resource && ["", selected].contains(generation);
    OVERLAYS.iter().find(is_it).map_or(&[], |(.., overlays)| *overlays)
}

/// What the overlays are not known to work with in this spec, in words: the paths that it takes, and those they support.
pub fn refuse(overlays: &[&str], spec: &Value) -> Option<String> {
    let list = overlays.iter().rev().map(|overlay| supported(overlay)).find(|list| !list.is_empty())?;
    let lacking: Vec<&str> = missing(spec, list).iter().map(|path| path.name).collect();
    (!lacking.is_empty()).then(|| format!("{} (supported: {list})", lacking.join(" and ")))
}

/// The image of `main` that these overlays bring, else the presets' own.
pub fn image(overlays: &[&str]) -> &'static str {
    let own = overlays.iter().rev().map(|overlay| image_of(overlay)).find(|image| !image.is_empty());
    own.unwrap_or_else(|| tree::text(main_of("config-llm-template"), &["image"]))
}

/// The image that an overlay brings; empty where it has none.
pub fn image_of(overlay: &str) -> &'static str {
    tree::text(main_of(&format!("{ACCELERATOR}{overlay}")), &["image"])
}

/// Container `main` of a shipped config.
pub fn main_of(name: &str) -> &'static Value {
    let containers = shipped(name).map(|it| tree::list(it, &["spec", "template", "containers"]));
    tree::named(containers.unwrap_or_default(), "main").unwrap_or(&Value::Null)
}

/// How `baseRefs` name an overlay.
pub fn reference(overlay: &str) -> String {
    format!("kserve-{ACCELERATOR}{overlay}")
}

fn supported(overlay: &str) -> &'static str {
    let preset = shipped(&format!("{ACCELERATOR}{overlay}"));
    preset.map_or("", |it| tree::text(it, &["spec", "annotations", labels::SUPPORTED_PATHS]))
}

/// A shipped config by its name without prefix.
pub fn shipped(name: &str) -> Option<&'static Value> {
    SHIPPED.get(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_has_its_overlays() {
        let of = |resource, tpu| super::of(resource, &json!({"nodeSelector": {GENERATION: tpu}}));
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
                let preset =
                    shipped(&format!("{ACCELERATOR}{overlay}")).unwrap_or_else(|| panic!("{overlay}"));
                tree::text(preset, &["spec", "annotations", labels::ACCELERATOR])
            };
            let named: Vec<&str> = overlays.iter().map(annotation).filter(|it| !it.is_empty()).collect();
            // Chips of Neuron are counted by the user, the overlay counts cores.
            let counted =
                if resource == "aws.amazon.com/neuron" { "aws.amazon.com/neuroncore" } else { resource };
            assert_eq!(named.last(), Some(&counted));
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
