//! KV cache offloading (KV).

use super::{Found, Rule};
use crate::v1alpha2::{FileSystemTier, PvcTier, Quantity, Workload};

const TIER: &str = "a fileSystem tier has exactly one of emptyDir or pvc";
const CLAIM: &str = "a pvc tier has exactly one of spec or ref";

pub(super) fn check(base: &str, workload: &Workload, found: &mut Found) {
    let Some(offloading) = &workload.kv_cache_offloading else { return };
    let at = format!("{base}.kvCacheOffloading");
    check_size(format!("{at}.cpu"), offloading.cpu.as_ref(), found);
    let tiers = offloading.secondary.as_deref().unwrap_or_default();
    if !tiers.is_empty() && offloading.cpu.as_ref().is_none_or(Quantity::is_zero) {
        let message = format!(
            "cpu must be set when secondary tiers are configured: {} of them; give the CPU tier a size above zero",
            tiers.len()
        );
        found.add(Rule::KV1, format!("{at}.cpu"), message);
    }
    for (i, tier) in tiers.iter().enumerate() {
        let path = format!("{at}.secondary[{i}].fileSystem");
        match &tier.file_system {
            None => found.add(Rule::KV2, path, "only fileSystem tiers are supported: set fileSystem"),
            Some(tier) => check_tier(&path, tier, found),
        }
    }
}

fn check_tier(path: &str, tier: &FileSystemTier, found: &mut Found) {
    match (&tier.empty_dir, &tier.pvc) {
        (None, None) => found.add(Rule::KV3, path, format!("{TIER}: add one of them")),
        (Some(_), Some(_)) => {
            found.add(Rule::KV4, path, format!("{TIER}, and multiple are set: remove one of them"));
        }
        _ => {}
    }
    let dir = tier.empty_dir.as_ref().and_then(|dir| dir.size.as_ref());
    check_size(format!("{path}.emptyDir.size"), dir, found);
    if let Some(pvc) = &tier.pvc {
        check_claim(&format!("{path}.pvc"), pvc, found);
    }
}

fn check_claim(path: &str, pvc: &PvcTier, found: &mut Found) {
    match (&pvc.spec, &pvc.reference) {
        (None, None) => found.add(Rule::KV5, path, format!("{CLAIM}: add one of them")),
        (Some(_), Some(_)) => {
            found.add(Rule::KV6, path, format!("{CLAIM}, and multiple are set: remove one of them"));
        }
        _ => {}
    }
    let nameless = |r: &crate::v1alpha2::PvcRef| r.name.as_deref().unwrap_or_default().is_empty();
    if pvc.reference.as_ref().is_some_and(nameless) {
        let message =
            "name is required: name an existing PersistentVolumeClaim in the namespace of the service";
        found.add(Rule::KV7, format!("{path}.ref.name"), message);
    }
    let inner = pvc.reference.as_ref().and_then(|r| r.path.as_deref()).unwrap_or_default();
    let leaves = inner.starts_with('/') || inner.split('/').any(|part| part == "..");
    let message =
        format!("\"{inner}\" leaves the volume, and no pod may do that: give a path below it, without ..");
    found.add_if(leaves, Rule::KV9, format!("{path}.ref.path"), message);
}

/// Edge 25: no pod with a size below zero is ever made.
fn check_size(path: String, size: Option<&Quantity>, found: &mut Found) {
    let below = size.is_some_and(|size| size.0.starts_with('-') && !size.is_zero());
    let message = format!("{} is below zero: give a size such as 10Gi", size.map_or("", |s| s.0.as_str()));
    found.add_if(below, Rule::KV8, path, message);
}
