//! ResourceClaimTemplates of managed DRA, and the claims on them (`reference/workloads.md §13`).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::labels::{self, Component};
use crate::object::Object;
use crate::valid::{ClaimTemplate, Claims, Devices, ValidService};
use crate::{names, tree};

/// Name of the claim in a pod.
pub const CLAIM: &str = "managed-device";

/// The templates, each once: what is claimed now, and what pods of older templates claim.
pub fn objects(svc: &ValidService) -> Vec<Object> {
    let templates = svc.claims.current.iter().chain(&svc.claims.former);
    templates.map(|template| object(svc, template)).collect()
}

fn object(svc: &ValidService, template: &ClaimTemplate) -> Object {
    // With labels, so that the watch selects it (D-3, W-16).
    let labels = labels::base(&svc.id.name, Component::Workload);
    let rest = json!({"spec": {"spec": spec(&template.devices)}});
    Object::new(Kind::ResourceClaimTemplate, &svc.id.namespace, &template.name, labels, rest)
}

fn spec(devices: &Devices) -> Value {
    let mut exactly = json!({"deviceClassName": devices.class});
    if devices.count > 1 {
        *tree::entry(&mut exactly, "count") = json!(devices.count);
    }
    if !devices.selectors.is_empty() {
        let selector = |expression: &String| json!({"cel": {"expression": expression}});
        *tree::entry(&mut exactly, "selectors") = devices.selectors.iter().map(selector).collect();
    }
    json!({"devices": {"requests": [{"name": "device", "exactly": exactly}]}})
}

/// Tells templates of different devices apart.
pub fn digest(devices: &Devices) -> String {
    let hash = Sha256::digest(spec(devices).to_string());
    names::hex(&hash).chars().take(8).collect()
}

/// Claims the devices for a pod and its container, unless the pod has a claim of that name.
pub fn attach(pod: &mut Value, claims: &Claims) {
    let Some(template) = &claims.current else { return };
    let claim = json!({"name": CLAIM, "resourceClaimTemplateName": template.name});
    add(tree::array(pod, "resourceClaims"), claim);
    let target = claims.container.as_deref().unwrap_or("main");
    if let Some(container) = tree::named_mut(tree::array(pod, "containers"), target) {
        add(tree::array(tree::entry(container, "resources"), "claims"), json!({"name": CLAIM}));
    }
}

fn add(list: &mut Vec<Value>, claim: Value) {
    if tree::named(list, CLAIM).is_none() {
        list.push(claim);
    }
}

#[cfg(test)]
#[path = "dra_tests.rs"]
mod tests;
