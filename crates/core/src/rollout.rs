//! How far a workload's rollout has come, as its live object tells.

use llmisvc_kinds::Kind;
use serde_json::Value;

use crate::object::Object;
use crate::tree;

/// All pods that are wanted are of the newest template and ready, and no older ones are left.
pub fn is_complete(desired: &Object, live: &Value) -> bool {
    let number = |path: &[&str]| tree::get(live, path).and_then(Value::as_i64).unwrap_or_default();
    let status = |key: &str| number(&["status", key]);
    let wanted = |body: &Value| tree::get(body, &["spec", "replicas"]).and_then(Value::as_i64);
    let wanted = wanted(&desired.body).or_else(|| wanted(live)).unwrap_or(1);
    let updated = status("updatedReplicas") >= wanted && status("replicas") <= status("updatedReplicas");
    match desired.kind {
        Kind::LeaderWorkerSet => {
            // Its controller says none; one is noted where the status can only be that of an older generation.
            let observed = tree::get(live, &["status", "observedGeneration"]).and_then(Value::as_i64);
            let seen = observed.is_none_or(|observed| observed >= number(&["metadata", "generation"]));
            seen && updated && status("readyReplicas") >= wanted
        }
        _ => {
            let seen = status("observedGeneration") >= number(&["metadata", "generation"]);
            seen && updated && status("availableReplicas") >= wanted
        }
    }
}
