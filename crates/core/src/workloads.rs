//! Deployments and LeaderWorkerSets of model servers, as objects.

use llmisvc_kinds::Kind;
use serde_json::Value;

use crate::valid::Role;
use crate::{names, tree};

const GROUP: &str = "leaderWorkerTemplate";

/// Kind and name of a role's workload, on one node or in groups.
pub fn slot(service: &str, role: Role, is_group: bool) -> (Kind, String) {
    let kind = if is_group { Kind::LeaderWorkerSet } else { Kind::Deployment };
    (kind, names::workload(service, role, is_group))
}

/// Pods in each group of a LeaderWorkerSet, if the object says so.
pub fn group_size(workload: &Value) -> Option<i64> {
    tree::get(workload, &["spec", GROUP, "size"]).and_then(Value::as_i64)
}

/// The pod templates of a Deployment or LeaderWorkerSet, the one that answers requests first.
pub fn templates(workload: &Value) -> impl Iterator<Item = &Value> {
    let paths: [&[&str]; 3] =
        [&["spec", "template"], &["spec", GROUP, "leaderTemplate"], &["spec", GROUP, "workerTemplate"]];
    paths.into_iter().filter_map(|path| tree::get(workload, path)).filter(|template| template.is_object())
}

/// The same, to change them.
pub fn templates_mut(workload: &mut Value) -> Vec<&mut Value> {
    let Some(spec) = workload.get_mut("spec").and_then(Value::as_object_mut) else { return Vec::new() };
    if !spec.contains_key(GROUP) {
        return spec.get_mut("template").into_iter().collect();
    }
    let group = spec.get_mut(GROUP).and_then(Value::as_object_mut).into_iter().flatten();
    group.filter(|(key, _)| key.ends_with("Template")).map(|(_, template)| template).collect()
}
