//! LoRA adapters (L) and confidential models (CF).

use std::collections::BTreeMap;

use super::{Found, Rule};
use crate::v1alpha2::{LlmInferenceServiceSpec, Lora};

const LORA: &str = "spec.model.lora";

pub(super) fn check_lora(name: &str, spec: &LlmInferenceServiceSpec, found: &mut Found) {
    let Some(model) = &spec.model else { return };
    let Some(lora) = &model.lora else { return };
    for (rule, field, value) in [
        (Rule::L1, "maxRank", lora.max_rank),
        (Rule::L2, "maxAdapters", lora.max_adapters),
        (Rule::L3, "maxCpuAdapters", lora.max_cpu_adapters),
    ] {
        if let Some(value) = value.filter(|v| *v < 1) {
            found.add(rule, format!("{LORA}.{field}"), format!("{field} must be at least 1, not {value}"));
        }
    }
    check_adapters(model.name.as_deref().unwrap_or(name), lora, found);
}

fn check_adapters(base_model: &str, lora: &Lora, found: &mut Found) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, adapter) in lora.adapters.iter().flatten().enumerate() {
        let path = format!("{LORA}.adapters[{i}].name");
        match adapter.name.as_deref().unwrap_or_default() {
            "" => found.add(Rule::L4, path, "adapter name is required: requests select the adapter by it"),
            name @ ("." | "..") => {
                let message =
                    format!("adapter name \"{name}\" is a path traversal risk: choose another name");
                found.add(Rule::L5, path, message);
            }
            name => {
                let earlier = *first.entry(name).or_insert(i);
                let message =
                    format!("duplicate name (same as adapters[{earlier}]): \"{name}\"; choose another name");
                found.add_if(earlier != i, Rule::L6, path.as_str(), message);
                let message = format!("adapter name must differ from base model name \"{base_model}\"");
                found.add_if(name == base_model, Rule::L7, path, message);
            }
        }
    }
}

pub(super) fn check_confidential(spec: &LlmInferenceServiceSpec, found: &mut Found) {
    let confidential = spec.model.as_ref().and_then(|m| m.confidential.as_ref());
    let Some(confidential) = confidential.filter(|c| c.enabled == Some(true)) else { return };
    if let Some(id) = confidential.resource_id.as_deref().filter(|id| !id.is_empty() && !is_kbs(id)) {
        let message = format!("must be in the format kbs:///<repo>/<type>/<tag>, not \"{id}\"");
        found.add(Rule::CF1, "spec.model.confidential.resourceId", message);
    }
}

pub(super) fn warn_confidential(spec: &LlmInferenceServiceSpec, found: &mut Found) {
    let Some(model) = &spec.model else { return };
    if model.confidential.as_ref().is_none_or(|c| c.enabled != Some(true)) {
        return;
    }
    let uri = model.uri.as_deref().unwrap_or_default();
    for (rule, scheme, kind) in [(Rule::W4, "oci://", "OCI"), (Rule::W5, "pvc://", "PVC")] {
        let message = format!("confidential has no effect with {kind} URIs: model.uri is \"{uri}\"");
        found.add_if(uri.starts_with(scheme), rule, "spec.model.confidential", message);
    }
}

fn is_kbs(id: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    id.strip_prefix("kbs:///").is_some_and(|path| path.split('/').count() == 3 && path.split('/').all(part))
}
