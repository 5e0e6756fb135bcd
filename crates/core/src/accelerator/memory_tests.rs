use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

#[rstest]
#[case::exact("nvidia.com/gpu.memory", "40960", Some(40))]
#[case::product("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3", Some(79))]
#[case::size_in_the_name("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB", Some(80))]
#[case::slice("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", Some(10))]
#[case::shared("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3-SHARED", None)]
#[case::hosts_memory("nvidia.com/gpu.product", "NVIDIA-GH200-480GB", None)]
#[case::two_sizes("nvidia.com/gpu.product", "NVIDIA-A100", None)]
#[case::coreweave("gpu.nvidia.com/model", "A100_NVLINK_80GB", Some(80))]
#[case::gke("cloud.google.com/gke-accelerator", "nvidia-l4", Some(22))]
#[case::gke_plain("cloud.google.com/gke-accelerator", "nvidia-tesla-a100", Some(40))]
#[case::gke_h200("cloud.google.com/gke-accelerator", "nvidia-h200-141gb", Some(140))]
#[case::tpu(tpu::GENERATION, "tpu-v6e-slice", Some(32))]
#[case::amd("amd.com/gpu.product-name", "AMD_Instinct_MI300X_OAM", Some(192))]
#[case::amd_vram("amd.com/gpu.vram", "192G", Some(192))]
#[case::aws(INSTANCE_TYPE, "p5en.48xlarge", Some(140))]
#[case::aws_b200(INSTANCE_TYPE, "p6-b200.48xlarge", Some(179))]
#[case::part_of_a_gpu(INSTANCE_TYPE, "g6f.xlarge", None)]
#[case::google(INSTANCE_TYPE, "a3-highgpu-8g", Some(79))]
#[case::azure(INSTANCE_TYPE, "Standard_ND96isr_H200_v5", Some(140))]
#[case::azure_part(INSTANCE_TYPE, "Standard_NV6ads_A10_v5", None)]
#[case::other("example.com/gpu", "NVIDIA-H100-80GB-HBM3", None)]
fn labels_tell_the_memory(#[case] label: &str, #[case] value: &str, #[case] gib: Option<u64>) {
    let pod = json!({"nodeSelector": {label: value}});
    assert_eq!(of_device("nvidia.com/gpu", &pod), gib.map(|gib| gib * GIB));
}

fn affinity(terms: &Value) -> Value {
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": terms,
    }}}})
}

fn products(operator: &str, values: &[&str]) -> Value {
    json!({"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": operator, "values": values}]})
}

#[rstest]
#[case::smallest(json!([products("In", &["NVIDIA-H200", "NVIDIA-L4"])]), Some(22))]
#[case::any_term(json!([products("In", &["NVIDIA-H200"]), products("In", &["NVIDIA-B200"])]), Some(140))]
#[case::one_term_is_open(json!([products("In", &["NVIDIA-H200"]), {}]), None)]
#[case::one_is_not_known(json!([products("In", &["NVIDIA-H200", "other"])]), None)]
#[case::excluded(json!([products("NotIn", &["NVIDIA-H200"])]), None)]
#[case::above(
    json!([{"matchExpressions": [{"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["81920"]}]}]),
    Some(80)
)]
#[case::none(json!([]), None)]
fn affinities_tell_the_least(#[case] terms: Value, #[case] gib: Option<u64>) {
    assert_eq!(of_device("nvidia.com/gpu", &affinity(&terms)), gib.map(|gib| gib * GIB));
}

#[test]
fn a_part_of_a_gpu_tells_it_by_its_own_name() {
    let pod = json!({"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}});
    assert_eq!(of_device("nvidia.com/mig-3g.40gb", &pod), Some(40 * GIB));
}

#[test]
fn cores_share_the_memory_of_their_chip() {
    let pod = json!({"nodeSelector": {INSTANCE_TYPE: "trn1.32xlarge"}});
    assert_eq!(of_device("aws.amazon.com/neuron", &pod), Some(32 * GIB));
    assert_eq!(of_device("aws.amazon.com/neuroncore", &pod), Some(16 * GIB));
}

proptest! {
    #[test]
    fn any_label_is_read(value in "([A-Za-z0-9._-]*[0-9]{1,20}(gb|G)?|.*)", resource in "(nvidia.com/mig-)?.*") {
        for (label, _) in LABELS {
            let _ = of_device(&resource, &json!({"nodeSelector": {label: value}}));
        }
    }
}

/// The page on sizes lists every label, product and machine.
#[test]
fn the_page_has_what_is_known() {
    let page = include_str!("../../../../docs/sizing.md");
    let labels = LABELS.iter().map(|(label, _)| *label);
    let sizes = PRODUCTS.iter().chain(&FAMILIES);
    for name in labels.chain(sizes.clone().map(|(name, _)| *name)) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    for (name, gib) in sizes {
        let row =
            page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{name}`"))).unwrap();
        assert!(row.contains(&format!("| {gib} |")), "{name}: {row}");
    }
}
