//! The Service in front of the model servers (`reference/workloads.md §8.8`).

use llmisvc_kinds::Kind;
use serde_json::json;

use super::{propagation, workload};
use crate::labels::{self, Component, Labels};
use crate::names;
use crate::object::Object;
use crate::valid::ValidService;

/// The workload Service. Port 8000 is fixed.
pub fn service(svc: &ValidService) -> Object {
    let scheme = if svc.tls { "https" } else { "http" };
    let mut labels = labels::base(&svc.id.name, Component::Workload);
    labels.extend(svc.decode.labels.clone());
    let spec = json!({
        "type": "ClusterIP",
        "ports": [{
            "name": scheme,
            "appProtocol": scheme,
            "port": 8000,
            "targetPort": 8000,
            "protocol": "TCP",
        }],
        "selector": selector(svc),
    });
    let name = names::workload_service(&svc.id.name);
    let rest = json!({"spec": spec});
    let mut object = Object::new(Kind::Service, &svc.id.namespace, &name, labels, rest);
    workload::annotate(&mut object.body, &propagation::own_annotations(&svc.decode));
    object
}

/// Prefill pods take no requests of their own, so with them the role is part of the selector (W-10). It is the role
/// that the pods carry, which a live Deployment's selector may fix.
fn selector(svc: &ValidService) -> Labels {
    let mut selector = labels::endpoints(&svc.id.name);
    if svc.prefill.is_some() {
        let carried =
            propagation::pod_labels(&svc.id, &svc.decode, svc.decode.serving().position).remove(labels::ROLE);
        selector.extend(carried.map(|role| (labels::ROLE.to_owned(), role)));
    }
    selector
}
