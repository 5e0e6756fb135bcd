//! Which Gateways a service depends on.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{GATEWAY_GROUP, Routing};
use crate::facts::{Answer, Key, Ref};
use crate::gateway_class::Provider;
use crate::pass::Finding;
use crate::tree;
use crate::validate::Context;

/// Gateways of `spec.router.gateway.refs`; the namespace defaults to the service's.
pub(super) fn refs(ctx: &Context<'_>, router: &Value, findings: &mut Vec<Finding>) -> Vec<Ref> {
    let list = tree::list(router, &["gateway", "refs"]);
    for (index, _) in list.iter().enumerate().filter(|(_, r)| tree::text(r, &["name"]).is_empty()) {
        let path = format!("spec.router.gateway.refs[{index}].name");
        findings.push(ctx.finding(&path, "is empty; name a Gateway"));
    }
    list.iter().map(|r| reference(r, &ctx.id.namespace)).collect()
}

/// Gateways among the `parentRefs` of an HTTPRoute spec; parents of other kinds (a Service, in a mesh) are none.
pub(crate) fn parent_gateways(route_spec: &Value, namespace: &str) -> BTreeSet<Ref> {
    tree::list(route_spec, &["parentRefs"]).iter().filter_map(|p| gateway_of(p, namespace)).collect()
}

/// The Gateway that a parent names, if it is one.
pub(crate) fn gateway_of(parent: &Value, namespace: &str) -> Option<Ref> {
    is_gateway(parent).then(|| reference(parent, namespace))
}

fn is_gateway(parent: &Value) -> bool {
    let group = tree::get(parent, &["group"]).and_then(Value::as_str);
    matches!(tree::text(parent, &["kind"]), "" | "Gateway") && matches!(group, None | Some(GATEWAY_GROUP))
}

pub(super) fn reference(value: &Value, namespace: &str) -> Ref {
    match tree::text(value, &["namespace"]) {
        "" => Ref::new(namespace, tree::text(value, &["name"])),
        other => Ref::new(other, tree::text(value, &["name"])),
    }
}

/// All Gateways in use: the named ones and the parents of every route.
pub(super) fn in_use(ctx: &Context<'_>, routing: &Routing) -> BTreeSet<Ref> {
    let namespace = &ctx.id.namespace;
    let mut gateways: BTreeSet<Ref> = routing.gateway_refs.iter().cloned().collect();
    if let Some(route) = &routing.route {
        gateways.extend(parent_gateways(&route.spec, namespace));
    }
    for name in &routing.route_refs {
        if let Some(route) = ctx.inputs.seen.get(&Key::HttpRoute(Ref::new(namespace, name))).found() {
            gateways.extend(
                tree::get(route, &["spec"]).map(|s| parent_gateways(s, namespace)).unwrap_or_default(),
            );
        }
    }
    gateways
}

/// What is behind a Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// This implementation.
    Provider(Provider),
    /// The Gateway or its class is not there, or names none.
    Missing,
    /// One of them cannot be read.
    Unreadable,
}

/// The implementation behind a Gateway, by its class.
pub(super) fn behind(ctx: &Context<'_>, gateway: &Ref) -> Behind {
    let seen = &ctx.inputs.seen;
    let class = match seen.get(&Key::Gateway(gateway.clone())) {
        Answer::Found(gateway) => tree::text(gateway, &["spec", "gatewayClassName"]),
        Answer::Absent => return Behind::Missing,
        Answer::Unreadable(_) => return Behind::Unreadable,
    };
    if class.is_empty() {
        return Behind::Missing;
    }
    match seen.get(&Key::GatewayClass(Ref::new("", class))) {
        Answer::Found(class) => {
            Behind::Provider(Provider::of(tree::text(class, &["spec", "controllerName"])))
        }
        Answer::Absent => Behind::Missing,
        Answer::Unreadable(_) => Behind::Unreadable,
    }
}

/// Asks for every Gateway in use and for the Service behind it, which the status needs.
pub(super) fn ask(ctx: &Context<'_>, routing: &Routing) {
    for gateway in in_use(ctx, routing) {
        let _ = ctx.inputs.seen.get(&Key::Gateway(gateway.clone()));
        let _ = ctx.inputs.seen.get(&Key::GatewayService(gateway));
    }
}
