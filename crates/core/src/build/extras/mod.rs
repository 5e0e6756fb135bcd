//! Objects that implementations of the Gateway API need beyond the standard, as `validate::routing::extras` says.

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::labels::{self, Component};
use crate::names;
use crate::object::Object;
use crate::valid::ValidService;

mod envoy_gateway;
mod gke;
mod istio;

/// Those of this service, in apply order.
pub fn objects(svc: &ValidService) -> Vec<Object> {
    let wanted = &svc.routing.extras.kinds;
    let mut objects = istio::objects(svc);
    objects.extend(envoy_gateway::objects(svc));
    objects.extend(gke::objects(svc));
    objects.retain(|object| wanted.contains(&object.kind));
    objects
}

/// An extra for an object of this name.
fn extra(svc: &ValidService, kind: Kind, target: &str, spec: &Value) -> Object {
    let labels = labels::base(&svc.id.name, Component::Router);
    let name = names::gateway_extra(target);
    Object::new(kind, &svc.id.namespace, &name, labels, json!({"spec": spec}))
}

#[cfg(test)]
mod tests;
