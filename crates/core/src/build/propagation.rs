//! Which labels and annotations reach the children (`reference/workloads.md §7.6`).

use crate::labels::{self, Component, Labels, MODEL_BASED_ROUTING};
use crate::valid::{Identity, Position, Role, Workload};

const ANNOTATIONS: [&str; 4] =
    ["k8s.v1.cni.cncf.io", "kueue.x-k8s.io", "prometheus.io", "internal.serving.kserve.io/localmodel"];
const LABELS: [&str; 2] = ["kueue.x-k8s.io", "internal.serving.kserve.io/localmodel"];
/// Annotations by which LeaderWorkerSets are steered.
const GROUP: &str = "leaderworkerset.sigs.k8s.io";
/// Our own annotations steer the operator and mean nothing on a child.
const OWN: &str = "llmisvc.io/";

fn with_prefix(map: &Labels, prefixes: &[&str]) -> Labels {
    let wanted = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
    map.iter().filter(|(key, _)| wanted(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The component of a workload's pods.
pub fn component(role: Role, position: Position) -> Component {
    match (role, position) {
        (Role::Both | Role::Decode, Position::Single) => Component::Workload,
        (Role::Both | Role::Decode, Position::Leader) => Component::Leader,
        (Role::Both | Role::Decode, Position::Worker) => Component::Worker,
        (Role::Prefill, Position::Single) => Component::Prefill,
        (Role::Prefill, Position::Leader) => Component::PrefillLeader,
        (Role::Prefill, Position::Worker) => Component::PrefillWorker,
    }
}

/// Labels of a Deployment, or of a LeaderWorkerSet, which are those of its workers. Ours win: Services, pools and the
/// watch select by them.
pub fn labels(id: &Identity, workload: &Workload, position: Position) -> Labels {
    let mut all = with_prefix(&id.labels, &LABELS);
    all.extend(workload.labels.clone());
    all.retain(|key, _| key != labels::ENDPOINT && key != labels::ROLE);
    all.extend(labels::base(&id.name, component(workload.role, position)));
    if workload.serving().position == position {
        // A worker beside a leader answers no requests, so it must never be an endpoint (W-12).
        all.insert(labels::ENDPOINT.to_owned(), "workload".to_owned());
        all.insert(labels::ROLE.to_owned(), workload.role.as_str().to_owned());
    }
    all
}

/// Labels of pods: those, and what a live selector asks for (W-1).
pub fn pod_labels(id: &Identity, workload: &Workload, position: Position) -> Labels {
    let mut all = labels(id, workload, position);
    if position == Position::Single {
        all.extend(workload.live_selector.clone().unwrap_or_default());
    }
    all
}

/// Annotations of a Deployment or LeaderWorkerSet.
pub fn annotations(id: &Identity, position: Position) -> Labels {
    let group: &[&str] = if position == Position::Single { &[] } else { &[GROUP] };
    with_prefix(&id.annotations, &[&ANNOTATIONS, group].concat())
}

/// Annotations of its pods.
pub fn pod_annotations(id: &Identity, workload: &Workload, position: Position) -> Labels {
    let mut all = annotations(id, position);
    let restart = id.annotations.get(labels::RESTARTED_AT);
    all.extend(restart.map(|at| (labels::RESTARTED_AT.to_owned(), at.clone())));
    all.extend(own_annotations(workload));
    all
}

/// `annotations` of a workload without those that steer the operator.
pub fn own_annotations(workload: &Workload) -> Labels {
    let kept = |key: &str| key != MODEL_BASED_ROUTING && !key.starts_with(OWN);
    workload.annotations.iter().filter(|(k, _)| kept(k)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[cfg(test)]
#[path = "propagation_tests.rs"]
mod tests;
