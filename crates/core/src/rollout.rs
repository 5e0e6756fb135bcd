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
    // The controller of LeaderWorkerSets says no generation that it has observed; one is noted where its status can only
    // be that of an older one.
    let is_group = desired.kind == Kind::LeaderWorkerSet;
    let generation = number(&["metadata", "generation"]);
    let observed = tree::get(live, &["status", "observedGeneration"]).and_then(Value::as_i64);
    let seen = observed.map_or(is_group, |observed| observed >= generation);
    let available = if is_group { "readyReplicas" } else { "availableReplicas" };
    seen && updated && status(available) >= wanted
}
