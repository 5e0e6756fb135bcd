//! `status.router.gateways` (`reference/router.md §13.6`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::report::object;
use super::view::View;
use crate::facts::Ref;
use crate::tree;
use crate::validate::routing::{GATEWAY_GROUP, gateway_of};

/// Gateways with the routes that name them, and the listeners these are bound to; those of `gateway.refs` without
/// any route, too.
pub(super) fn gateways(view: &View<'_>) -> Vec<Value> {
    let mut gateways: BTreeMap<Ref, (BTreeSet<&Ref>, BTreeSet<&str>)> = BTreeMap::new();
    for gateway in &view.gateway_refs {
        gateways.entry(gateway.clone()).or_default();
    }
    for route in &view.routes {
        for parent in route.spec.map(|spec| tree::list(spec, &["parentRefs"])).unwrap_or_default() {
            let Some(at) = gateway_of(parent, &route.at.namespace) else { continue };
            let (routes, listeners) = gateways.entry(at).or_default();
            routes.insert(&route.at);
            listeners.extend(Some(tree::text(parent, &["sectionName"])).filter(|s| !s.is_empty()));
        }
    }
    gateways.iter().map(|(at, (routes, listeners))| bound(at, routes, listeners)).collect()
}

fn bound(at: &Ref, routes: &BTreeSet<&Ref>, listeners: &BTreeSet<&str>) -> Value {
    let mut bound = object(GATEWAY_GROUP, "Gateway", at);
    if !routes.is_empty() {
        let routes = routes.iter().map(|at| object(GATEWAY_GROUP, "HTTPRoute", at));
        *tree::entry(&mut bound, "httpRoutes") = routes.collect();
    }
    if !listeners.is_empty() {
        *tree::entry(&mut bound, "listeners") = json!(listeners);
    }
    bound
}
