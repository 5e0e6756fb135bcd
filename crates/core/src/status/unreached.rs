//! Ready means that there is a URL (`reference/router.md §20`, edge 39): why there is none.

use serde_json::Value;

use super::parent_url::listeners;
use super::url::{discover, is_direct};
use super::view::{Sight, View};
use super::ways::Route;
use crate::facts::{Key, Ref};
use crate::tree;
use crate::validate::routing::gateway_of;

/// Why a service whose ways in are all ready has no URL; none where it has one, and where it cannot be told.
pub(super) fn why(view: &View<'_>) -> Option<String> {
    let urls = discover(view);
    if !urls.is_empty() || is_direct(view, &urls) || is_hidden(view) {
        return None;
    }
    let routes = view.routes.iter().filter(|route| !route.further);
    let mut all: Vec<String> = routes.flat_map(|route| of_route(view, route)).collect();
    all.extend(view.ingresses.iter().map(|i| format!("Ingress {} has no rule that leads anywhere", i.at)));
    all.sort();
    all.dedup();
    Some(format!("no URL leads to the service: {}", all.join("; ")))
}

/// Something on the way could not be looked at.
pub(super) fn is_hidden(view: &View<'_>) -> bool {
    let hidden = |sight: Sight<'_>| matches!(sight, Sight::Unasked | Sight::Unreadable(_));
    let gateways = view.gateways().into_iter();
    let mut keys = gateways.flat_map(|at| [Key::Gateway(at.clone()), Key::GatewayService(at)]);
    view.routes.iter().any(|route| hidden(route.sight))
        || view.ingresses.iter().any(|ingress| hidden(ingress.sight))
        || keys.any(|key| hidden(view.look(&key)))
}

fn of_route(view: &View<'_>, route: &Route<'_>) -> Vec<String> {
    let parents = route.spec.map(|spec| tree::list(spec, &["parentRefs"])).unwrap_or_default();
    let gateways = parents.iter().filter_map(|p| Some((p, gateway_of(p, &route.at.namespace)?)));
    gateways.filter_map(|(parent, at)| of_gateway(view, parent, &at)).collect()
}

fn of_gateway(view: &View<'_>, parent: &Value, at: &Ref) -> Option<String> {
    let gateway = view.look(&Key::Gateway(at.clone())).found()?;
    if listeners(gateway, parent).next().is_none() {
        let which = tree::text(parent, &["sectionName"]);
        let which = if which.is_empty() { String::new() } else { format!(" {which:?}") };
        let message = "that the route is bound to; add one to the Gateway or correct the route's parentRefs";
        return Some(format!("Gateway {at} has no HTTP, HTTPS or TLS listener{which} {message}"));
    }
    let hint = "give it an address, or set spec.router.gateway.refs to another one";
    Some(format!("Gateway {at} has no address, and there is no Service of its own for its listeners; {hint}"))
}
