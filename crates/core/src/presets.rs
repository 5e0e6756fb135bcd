//! The presets that this release ships, from `config/presets`.

use serde_json::{Value, json};

use crate::labels::{MANAGED_BY, MANAGED_BY_VALUE};
use crate::tree;

/// File contents. A released preset never changes, as services pin it by name; a new release ships new names.
const FILES: [&str; 34] = [
    include_str!("../../../config/presets/config-llm-template.yaml"),
    include_str!("../../../config/presets/config-llm-decode-template.yaml"),
    include_str!("../../../config/presets/config-llm-prefill-template.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler.yaml"),
    include_str!("../../../config/presets/config-llm-tokenizer.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-latency-predictor.yaml"),
    include_str!("../../../config/presets/config-llm-router-route.yaml"),
    include_str!("../../../config/presets/config-llm-tracing.yaml"),
    include_str!("../../../config/presets/config-llm-worker-data-parallel.yaml"),
    include_str!("../../../config/presets/config-llm-decode-worker-data-parallel.yaml"),
    include_str!("../../../config/presets/config-llm-prefill-worker-data-parallel.yaml"),
    include_str!("../../../config/presets/config-llm-worker-pipeline-parallel.yaml"),
    include_str!("../../../config/presets/config-llm-decode-worker-pipeline-parallel.yaml"),
    include_str!("../../../config/presets/config-llm-prefill-worker-pipeline-parallel.yaml"),
    // Overlays, which apply only where `baseRefs` names them.
    include_str!("../../../config/presets/config-llm-template-rdma.yaml"),
    include_str!("../../../config/presets/config-llm-prefill-template-rdma.yaml"),
    include_str!("../../../config/presets/config-llm-worker-rdma.yaml"),
    include_str!("../../../config/presets/config-llm-prefill-worker-rdma.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-load-aware.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-prefix-cache.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-precise-prefix-cache.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-prefill-decode.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-predicted-latency.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-tiered-prefix-cache.yaml"),
    include_str!("../../../config/presets/config-llm-scheduler-flow-control.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-nvidia-cuda.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-amd-rocm.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-google-tpu.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-google-tpu-v7.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-intel-xpu.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-intel-xpu-i915.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-intel-gaudi.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-aws-neuron.yaml"),
    include_str!("../../../config/presets/config-llm-accelerator-cpu.yaml"),
];

/// The shipped presets as objects without a namespace, each name with the prefix. They are parsed each time: who
/// needs them, needs them once.
pub fn shipped(prefix: &str) -> Vec<Value> {
    FILES.into_iter().map(|text| named(parse(text), prefix)).collect()
}

fn parse(text: &str) -> Value {
    serde_yaml_ng::from_str(text).expect("a test parses every shipped preset")
}

fn named(mut preset: Value, prefix: &str) -> Value {
    let metadata = tree::entry(&mut preset, "metadata");
    let name = format!("{prefix}{}", tree::text(metadata, &["name"]));
    *tree::entry(metadata, "name") = json!(name);
    let managed_by = (MANAGED_BY.to_owned(), json!(MANAGED_BY_VALUE));
    tree::object(metadata, "labels").extend([managed_by]);
    preset
}

#[cfg(test)]
#[path = "presets_tests.rs"]
mod tests;
