//! Deployments of the model servers (`reference/workloads.md §8.1, §8.2`).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::{pod, propagation};
use crate::labels::{self, Labels};
use crate::object::Object;
use crate::tree;
use crate::valid::{ValidService, Workload};

/// The Deployment of a workload.
pub fn deployment(svc: &ValidService, workload: &Workload) -> Object {
    let labels = propagation::deployment_labels(&svc.id, workload);
    let name = workload.name(&svc.id.name);
    let rest = json!({"spec": spec(svc, workload)});
    let mut object = Object::new(Kind::Deployment, &svc.id.namespace, &name, labels, rest);
    annotate(&mut object.body, &propagation::deployment_annotations(&svc.id));
    object
}

fn spec(svc: &ValidService, workload: &Workload) -> Value {
    let mut template = json!({
        "metadata": {"labels": propagation::pod_labels(&svc.id, workload)},
        "spec": pod::pod(svc, workload),
    });
    annotate(&mut template, &propagation::pod_annotations(&svc.id, workload));
    let mut spec = json!({"selector": {"matchLabels": selector(svc, workload)}, "template": template});
    if let Some(replicas) = workload.replicas {
        *tree::entry(&mut spec, "replicas") = json!(replicas);
    }
    if workload.rollout.is_object() {
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": workload.rollout});
        *tree::entry(&mut spec, "strategy") = strategy;
    }
    spec
}

/// Selectors are immutable: a live one is kept, a new one holds only what never changes (W-1).
fn selector(svc: &ValidService, workload: &Workload) -> Labels {
    let fixed = || labels::base(&svc.id.name, propagation::component(workload.role));
    workload.live_selector.clone().unwrap_or_else(fixed)
}

/// Sets annotations where there are any.
pub fn annotate(object: &mut Value, annotations: &Labels) {
    if !annotations.is_empty() {
        tree::object(object, "metadata").insert("annotations".to_owned(), json!(annotations));
    }
}
