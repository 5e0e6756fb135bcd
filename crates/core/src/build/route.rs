//! HTTPRoute (`reference/router.md §6.1`).

use llmisvc_kinds::Kind;
use serde_json::json;

use crate::labels::{self, Component};
use crate::names;
use crate::object::Object;
use crate::valid::{Route, ValidService};

/// The managed route from the gateways to pool and Service.
pub fn route(svc: &ValidService, route: &Route) -> Object {
    let labels = labels::base(&svc.id.name, Component::Router);
    let name = names::route(&svc.id.name);
    Object::new(Kind::HTTPRoute, &svc.id.namespace, &name, labels, json!({"spec": route.spec}))
}
