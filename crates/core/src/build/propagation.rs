//! Which labels and annotations reach the children (`reference/workloads.md §7.6`).

use crate::labels::{self, Component, Labels, MODEL_BASED_ROUTING};
use crate::valid::{Identity, Role, Workload};

const ANNOTATIONS: [&str; 4] =
    ["k8s.v1.cni.cncf.io", "kueue.x-k8s.io", "prometheus.io", "internal.serving.kserve.io/localmodel"];
const LABELS: [&str; 2] = ["kueue.x-k8s.io", "internal.serving.kserve.io/localmodel"];
/// Our own annotations steer the operator and mean nothing on a child.
const OWN: &str = "llmisvc.io/";

fn with_prefix(map: &Labels, prefixes: &[&str]) -> Labels {
    let wanted = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
    map.iter().filter(|(key, _)| wanted(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The component of a workload.
pub fn component(role: Role) -> Component {
    match role {
        Role::Both | Role::Decode => Component::Workload,
        Role::Prefill => Component::Prefill,
    }
}

/// Labels of a Deployment.
pub fn deployment_labels(id: &Identity, workload: &Workload) -> Labels {
    let mut all = labels::base(&id.name, component(workload.role));
    all.insert(labels::ENDPOINT.to_owned(), "workload".to_owned());
    all.insert(labels::ROLE.to_owned(), workload.role.as_str().to_owned());
    all.extend(with_prefix(&id.labels, &LABELS));
    all.extend(workload.labels.clone());
    all
}

/// Labels of its pods: those, and what a live selector asks for (W-1).
pub fn pod_labels(id: &Identity, workload: &Workload) -> Labels {
    let mut all = deployment_labels(id, workload);
    all.extend(workload.live_selector.clone().unwrap_or_default());
    all
}

/// Annotations of a Deployment.
pub fn deployment_annotations(id: &Identity) -> Labels {
    with_prefix(&id.annotations, &ANNOTATIONS)
}

/// Annotations of its pods.
pub fn pod_annotations(id: &Identity, workload: &Workload) -> Labels {
    let mut all = deployment_annotations(id);
    all.extend(own_annotations(workload));
    all
}

/// `annotations` of a workload without those that steer the operator.
pub fn own_annotations(workload: &Workload) -> Labels {
    let kept = |key: &str| key != MODEL_BASED_ROUTING && !key.starts_with(OWN);
    workload.annotations.iter().filter(|(k, _)| kept(k)).map(|(k, v)| (k.clone(), v.clone())).collect()
}
