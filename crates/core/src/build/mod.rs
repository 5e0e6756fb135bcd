//! From a validated service to its children. Total: what could go wrong was said by `validate`.

pub mod argv;
pub mod availability;
pub mod deadline;
pub mod dra;
pub mod entrypoint;
pub mod expansion;
pub mod extras;
pub mod features;
pub mod group;
pub mod ingress;
pub mod kv_cache;
pub mod lora;
pub mod monitoring;
pub mod pod;
pub mod pool;
pub mod propagation;
pub mod resources;
pub mod route;
pub mod routing;
pub mod scaling;
pub mod scheduler;
pub mod scheduler_config;
pub mod scheduler_rbac;
pub mod service;
pub mod sidecar;
pub mod start;
pub mod storage;
pub mod tls;
pub mod tokenizer;
pub mod tracing;
pub mod workload;

use llmisvc_api::v1alpha2::{API_VERSION, KIND};
use serde_json::json;

use crate::object::Object;
use crate::valid::{Identity, ValidService};
use crate::{revision, tree};

/// All children in apply order; none when the service is stopped.
pub fn build(svc: &ValidService) -> Vec<Object> {
    if svc.stopped {
        return Vec::new();
    }
    let mut objects = tls::secrets(svc);
    objects.push(service::service(svc));
    objects.extend(sidecar::objects(svc));
    objects.extend(dra::objects(svc));
    objects.push(workload::workload(svc, &svc.decode));
    objects.extend(svc.prefill.iter().map(|prefill| workload::workload(svc, prefill)));
    objects.extend(scaling::objects(svc));
    objects.extend(routing::objects(svc));
    objects.extend(monitoring::objects(svc));
    revision::mark(svc, &mut objects);
    for object in &mut objects {
        own(&svc.id, object);
    }
    objects.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    objects
}

/// The owner reference, by which children are found and collected; cluster-scoped ones can't have it.
fn own(id: &Identity, object: &mut Object) {
    let Some(uid) = id.uid.as_ref().filter(|_| object.kind.served().namespaced) else { return };
    let owner = json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": id.name,
        "uid": uid,
        "controller": true,
        "blockOwnerDeletion": true,
    });
    let metadata = tree::object(&mut object.body, "metadata");
    metadata.insert("ownerReferences".to_owned(), json!([owner]));
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
