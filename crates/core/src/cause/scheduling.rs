//! What the scheduler says about a pod, in its condition `PodScheduled`.

use std::collections::BTreeMap;

use super::text::clean;
use crate::quantity;
use crate::validate::accelerator::is_extended;

/// Why no node takes a pod: which resource, and on how many nodes it is short.
pub(super) fn detail(message: &str, requests: &BTreeMap<String, i64>) -> String {
    let told = message.split_once(" nodes are available: ").and_then(|(nodes, reasons)| {
        let total = nodes.rsplit('/').next()?;
        let reasons = reasons.split(". ").next()?.trim_end_matches('.');
        let told: Vec<String> = reasons.split(", ").map(|reason| one(reason, total, requests)).collect();
        Some(format!("is taken by none of {total} nodes: {}", told.join(", ")))
    });
    told.unwrap_or_else(|| format!("is taken by no node: {}", clean(message)))
}

/// `3 Insufficient nvidia.com/gpu` with the amount that is asked for; anything else as it is.
fn one(reason: &str, total: &str, requests: &BTreeMap<String, i64>) -> String {
    let short = reason.split_once(" Insufficient ");
    let Some((count, resource)) = short.filter(|(count, _)| count.bytes().all(|b| b.is_ascii_digit())) else {
        return clean(reason);
    };
    let asked =
        requests.get(resource).map(|amount| format!("{} ", shown(resource, *amount))).unwrap_or_default();
    let nodes = if count == total { "none has".to_owned() } else { format!("{count} do not have") };
    format!("{nodes} {asked}{resource} free")
}

fn shown(resource: &str, thousandths: i64) -> String {
    let whole = thousandths / 1000;
    match resource {
        "memory" | "ephemeral-storage" => quantity::sum(&whole.to_string(), "0").unwrap_or_default(),
        _ if is_extended(resource) || thousandths % 1000 == 0 => whole.to_string(),
        _ => format!("{thousandths}m"),
    }
}

/// The message is about volumes: which is to be seen at the claims.
pub(super) fn is_about_volumes(message: &str) -> bool {
    let message = message.to_lowercase();
    ["persistentvolumeclaim", "persistent volume", "persistentvolume"]
        .iter()
        .any(|word| message.contains(word))
}
