//! Fields of a role's pod (`reference/llm-d.md §3.2`).

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::container::MODEL_VOLUME;
use super::role::{Role, Shared};
use crate::convert::keys::{Keys, put};

/// Keys of a role, and the fields of a pod that they are.
pub const POD_FIELDS: [(&str, &str); 12] = [
    ("nodeSelector", "nodeSelector"),
    ("tolerations", "tolerations"),
    ("enableServiceLinks", "enableServiceLinks"),
    ("terminationGracePeriodSeconds", "terminationGracePeriodSeconds"),
    ("imagePullSecrets", "imagePullSecrets"),
    ("podSecurityContext", "securityContext"),
    ("hostIPC", "hostIPC"),
    ("hostPID", "hostPID"),
    ("schedulerName", "schedulerName"),
    ("priorityClassName", "priorityClassName"),
    ("initContainers", "initContainers"),
    ("volumes", "volumes"),
];

/// Puts the fields of a role's pod into it.
pub fn fields(keys: &mut Keys, role: Role, shared: &Shared, pod: &mut Value) {
    put(pod, &["serviceAccountName"], json!(shared.account));
    put(pod, &["schedulerName"], json!(shared.scheduler));
    if let Some(extra) = keys.take(&format!("{}.extraConfig", role.key())) {
        tree::overlay(pod, &extra);
    }
    for (key, field) in POD_FIELDS {
        let value = keys.take(&format!("{}.{key}", role.key())).unwrap_or_default();
        if key != "priorityClassName" || value != "none" {
            extend(pod, field, value);
        }
    }
    affinity(keys, role, pod);
    claims(keys, role, pod);
    if let Some((claim, _)) = &shared.model.cache {
        let source = json!({"claimName": claim, "readOnly": true});
        tree::array(pod, "volumes").push(json!({"name": MODEL_VOLUME, "persistentVolumeClaim": source}));
    }
}

/// Lists go after what is there already.
fn extend(pod: &mut Value, field: &str, value: Value) {
    match value {
        Value::Array(items) if pod.get(field).is_some() => tree::array(pod, field).extend(items),
        value => put(pod, &[field], value),
    }
}

fn affinity(keys: &mut Keys, role: Role, pod: &mut Value) {
    let label = keys.text(&format!("{}.acceleratorTypes.labelKey", role.key()));
    let values = keys.list(&format!("{}.acceleratorTypes.labelValues", role.key()));
    let Some(label) = label else { return };
    let term = json!({"matchExpressions": [{"key": label, "operator": "In", "values": values}]});
    let path =
        ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
    put(pod, &path, json!([term]));
}

/// Further claims go to every container too.
fn claims(keys: &mut Keys, role: Role, pod: &mut Value) {
    let claims = keys.list(&format!("{}.resourceClaims", role.key()));
    if claims.is_empty() {
        return;
    }
    let names: Vec<Value> =
        claims.iter().map(|claim| json!({"name": tree::text(claim, &["name"])})).collect();
    for container in tree::array(pod, "containers") {
        tree::array(tree::entry(container, "resources"), "claims").extend(names.clone());
    }
    tree::array(pod, "resourceClaims").extend(claims);
}
