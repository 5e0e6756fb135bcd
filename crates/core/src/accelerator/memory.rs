//! Memory of the devices that a pod asks for, by the labels of the nodes that it selects
//! (`reference/llm-d.md §2.2`). What is not known for sure is not guessed.

use serde_json::Value;

use super::{INSTANCE_TYPE, NEURON_CORE, tpu};
use crate::tree;

const GIB: u64 = 1 << 30;

/// Reads a label's value, in MiB.
type Read = fn(&str) -> Option<u64>;

/// Labels that tell it, the most exact first.
const LABELS: [(&str, Read); 8] = [
    ("nvidia.com/gpu.memory", |mebibytes| mebibytes.parse().ok()),
    ("nvidia.com/gpu.product", |name| product(name).map(mebi)),
    ("gpu.nvidia.com/model", |name| product(name).map(mebi)),
    ("cloud.google.com/gke-accelerator", |name| gke(name).map(mebi)),
    (tpu::GENERATION, |label| tpu::memory(label).map(mebi)),
    ("amd.com/gpu.vram", |size| size.strip_suffix('G')?.parse().ok().and_then(|n: u64| n.checked_mul(1024))),
    ("amd.com/gpu.product-name", |name| product(name).map(mebi)),
    (INSTANCE_TYPE, |name| instance(name).map(mebi)),
];

/// GiB that a driver shows of products, which is somewhat less than their names say.
const PRODUCTS: [(&str, u64); 14] = [
    ("T4", 15),
    ("L4", 22),
    ("A10", 22),
    ("A10G", 22),
    ("L40", 44),
    ("L40S", 44),
    ("H100", 79),
    ("H200", 140),
    ("B200", 179),
    ("GB200", 184),
    ("MI300X", 192),
    ("MI325X", 256),
    ("MI350X", 288),
    ("MI355X", 288),
];

/// GiB of each device of machine types, by their families.
const FAMILIES: [(&str, u64); 23] = [
    ("g4dn", 15),
    ("g5", 22),
    ("g6", 22),
    ("gr6", 22),
    ("g6e", 44),
    ("p4d", 40),
    ("p4de", 80),
    ("p5", 79),
    ("p5e", 140),
    ("p5en", 140),
    ("p6-b200", 179),
    ("inf2", 32),
    ("trn1", 32),
    ("trn1n", 32),
    ("g2-standard", 22),
    ("a2-highgpu", 40),
    ("a2-megagpu", 40),
    ("a2-ultragpu", 80),
    ("a3-highgpu", 79),
    ("a3-megagpu", 79),
    ("a3-ultragpu", 140),
    ("a4-highgpu", 179),
    ("a4x-highgpu", 184),
];

/// Bytes of memory of one device of a resource in this pod.
pub fn of_device(resource: &str, pod: &Value) -> Option<u64> {
    if let Some(profile) = resource.strip_prefix("nvidia.com/mig-") {
        return gigabytes(profile).map(|gib| gib * GIB);
    }
    let mebibytes = LABELS.iter().find_map(|(label, read)| least(&values(pod, label), *read))?;
    let bytes = mebibytes.checked_mul(1 << 20).filter(|bytes| *bytes > 0)?;
    // The labels are about chips, of which the cores share the memory.
    Some(if resource == NEURON_CORE { bytes / 2 } else { bytes })
}

fn mebi(gib: u64) -> u64 {
    gib * 1024
}

/// The smallest of the devices that the pod may get, when all are known.
fn least(values: &[&str], read: Read) -> Option<u64> {
    values.iter().map(|value| read(value)).collect::<Option<Vec<u64>>>()?.into_iter().min()
}

/// The values of a label that a node must have one of; empty when nodes without the label would do.
fn values<'a>(pod: &'a Value, label: &str) -> Vec<&'a str> {
    let selected = tree::text(pod, &["nodeSelector", label]);
    if !selected.is_empty() {
        return vec![selected];
    }
    let required = ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = tree::get(pod, &required).map(|required| tree::list(required, &["nodeSelectorTerms"]));
    let each = terms.unwrap_or_default().iter().map(|term| of_term(term, label));
    each.collect::<Option<Vec<_>>>().unwrap_or_default().concat()
}

/// `Gt` has one value, which all nodes that fit lie above.
fn of_term<'a>(term: &'a Value, label: &str) -> Option<Vec<&'a str>> {
    let is_about = |it: &&Value| {
        tree::text(it, &["key"]) == label && ["In", "Gt"].contains(&tree::text(it, &["operator"]))
    };
    let expression = tree::list(term, &["matchExpressions"]).iter().find(is_about)?;
    Some(tree::list(expression, &["values"]).iter().filter_map(Value::as_str).collect())
}

/// GiB of a product by the words of its name, such as `NVIDIA-H100-80GB-HBM3` or `A100_NVLINK_80GB`.
fn product(name: &str) -> Option<u64> {
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let is = |word: &str| words.iter().any(|it| it.eq_ignore_ascii_case(word));
    // Shared devices are taken in parts, and the number in a Grace Hopper's name is the host's memory.
    if is("SHARED") || is("GH200") {
        return None;
    }
    let known = PRODUCTS.iter().find(|(product, _)| is(product)).map(|(_, gib)| *gib);
    known.filter(|_| !is("MIG")).or_else(|| gigabytes(name))
}

/// GKE calls the A100 with 40 GB by its plain name.
fn gke(name: &str) -> Option<u64> {
    if name == "nvidia-tesla-a100" { Some(40) } else { product(name) }
}

/// The last word that is a number of gigabytes.
fn gigabytes(name: &str) -> Option<u64> {
    let number = |word: &str| word.to_ascii_lowercase().strip_suffix("gb")?.parse::<u64>().ok();
    name.rsplit(|c: char| !c.is_ascii_alphanumeric()).find_map(number).filter(|gib| (1..4096).contains(gib))
}

/// By the family of AWS and Google Cloud, and by the product in the name on Azure, whose ND machines have whole GPUs.
fn instance(name: &str) -> Option<u64> {
    let families = [name.split('.').next(), name.rsplit_once('-').map(|(family, _)| family)];
    let known = FAMILIES.iter().find(|(family, _)| families.contains(&Some(family))).map(|(_, gib)| *gib);
    known.or_else(|| product(name.strip_prefix("Standard_ND")?))
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
