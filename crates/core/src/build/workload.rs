//! The model servers of a workload (`reference/workloads.md §8.1, §8.2`): a Deployment, or a LeaderWorkerSet.

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::{deadline, group, pod, propagation};
use crate::labels::{self, Labels};
use crate::object::Object;
use crate::tree;
use crate::valid::{PodTemplate, Pods, Position, ValidService, Workload};

/// The Deployment or LeaderWorkerSet of a workload.
pub fn workload(svc: &ValidService, workload: &Workload) -> Object {
    match &workload.pods {
        Pods::Single(template) => deployment(svc, workload, template),
        Pods::Group(pods) => group::leader_worker_set(svc, workload, pods),
    }
}

fn deployment(svc: &ValidService, workload: &Workload, only: &PodTemplate) -> Object {
    let labels = propagation::labels(&svc.id, workload, Position::Single);
    let name = workload.name(&svc.id.name);
    let rest = json!({"spec": spec(svc, workload, only)});
    let mut object = Object::new(Kind::Deployment, &svc.id.namespace, &name, labels, rest);
    annotate(&mut object.body, &propagation::annotations(&svc.id, Position::Single));
    object
}

fn spec(svc: &ValidService, workload: &Workload, only: &PodTemplate) -> Value {
    let mut template = template(svc, workload, only);
    mirror_account(&mut template);
    let mut spec = json!({"selector": {"matchLabels": selector(svc, workload)}, "template": template});
    if let Some(replicas) = workload.replicas {
        *tree::entry(&mut spec, "replicas") = json!(replicas);
    }
    if let Some(seconds) = deadline::progress(&only.pod) {
        *tree::entry(&mut spec, "progressDeadlineSeconds") = json!(seconds);
    }
    if workload.rollout.is_object() {
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": workload.rollout});
        *tree::entry(&mut spec, "strategy") = strategy;
    }
    spec
}

/// In Deployments the API server fills in the account under its old name as well, and from there it would come back
/// after it was taken out, unless that is ours too. LeaderWorkerSets keep templates as they are.
fn mirror_account(template: &mut Value) {
    let account = tree::text(template, &["spec", "serviceAccountName"]).to_owned();
    if !account.is_empty() {
        *tree::entry(tree::entry(template, "spec"), "serviceAccount") = json!(account);
    }
}

/// A pod template with its labels and annotations.
pub fn template(svc: &ValidService, workload: &Workload, of: &PodTemplate) -> Value {
    let mut template = json!({
        "metadata": {"labels": propagation::pod_labels(&svc.id, workload, of.position)},
        "spec": pod::pod(svc, workload, of),
    });
    annotate(&mut template, &propagation::pod_annotations(&svc.id, workload, of.position));
    template
}

/// Selectors are immutable: a live one is kept, a new one holds only what never changes (W-1).
fn selector(svc: &ValidService, workload: &Workload) -> Labels {
    let component = propagation::component(workload.role, Position::Single);
    let fixed = || labels::base(&svc.id.name, component);
    workload.live_selector.clone().unwrap_or_else(fixed)
}

/// Sets annotations where there are any.
pub fn annotate(object: &mut Value, annotations: &Labels) {
    if !annotations.is_empty() {
        tree::object(object, "metadata").insert("annotations".to_owned(), json!(annotations));
    }
}
