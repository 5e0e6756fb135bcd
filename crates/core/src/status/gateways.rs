//! GatewaysReady (`reference/router.md §13.7`), for every Gateway in use and not only for the named ones
//! (edges 35, 39).

use llmisvc_api::conditions::{kind, reason};
use serde_json::Value;

use super::condition::{Judgement, conditions_of};
use super::view::{Sight, View};
use crate::facts::{Key, Ref};
use crate::tree;

/// None when no Gateway is in use.
pub(super) fn judge(view: &View<'_>) -> Option<Judgement> {
    let gateways = view.gateways();
    if gateways.is_empty() {
        return None;
    }
    let sights: Vec<(&Ref, Sight<'_>)> =
        gateways.iter().map(|g| (g, view.look(&Key::Gateway(g.clone())))).collect();
    let missing: Vec<String> =
        gateways.iter().filter(|g| is_missing(view, g)).map(|g| missing(view, g)).collect();
    let unready: Vec<String> = sights.iter().filter_map(|(at, s)| problem(view, at, s.found()?)).collect();
    let unreadable = sights.iter().filter_map(|(at, s)| match s {
        Sight::Unreadable(why) => Some(format!("Gateway {at} could not be read: {why}")),
        _ => None,
    });
    let unreadable: Vec<String> = unreadable.collect();
    Some(match () {
        () if !missing.is_empty() => Judgement::no(reason::REFS_INVALID, missing.join("; ")),
        () if !unready.is_empty() => Judgement::no(reason::GATEWAYS_NOT_READY, unready.join("; ")),
        () if !unreadable.is_empty() => {
            Judgement::unknown(reason::GATEWAY_FETCH_ERROR, unreadable.join("; "))
        }
        () if sights.iter().any(|(_, s)| matches!(s, Sight::Unasked)) => former(view, kind::GATEWAYS_READY),
        () => Judgement::yes(),
    })
}

/// What the former status said; nothing newer is known.
pub(super) fn former(view: &View<'_>, kind: &str) -> Judgement {
    let found = conditions_of(view.input.service).into_iter().find(|c| c.kind == kind);
    match found {
        Some(c) => {
            let (reason, message) = (c.reason.unwrap_or_default(), c.message.unwrap_or_default());
            Judgement { status: c.status, reason, message }
        }
        None => Judgement::unknown(reason::PENDING, "not looked at yet"),
    }
}

pub(super) fn is_missing(view: &View<'_>, gateway: &Ref) -> bool {
    matches!(view.look(&Key::Gateway(gateway.clone())), Sight::Absent)
}

/// What to do about a Gateway that is not there depends on who named it.
pub(super) fn missing(view: &View<'_>, gateway: &Ref) -> String {
    let user = view.routes.iter().find(|r| !r.managed && r.gateways().contains(gateway));
    match user {
        _ if view.gateway_refs.contains(gateway) => {
            format!("Gateway {gateway} not found; create it or correct spec.router.gateway.refs")
        }
        Some(route) => {
            format!("Gateway {gateway} not found; create it or correct parentRefs of HTTPRoute {}", route.at)
        }
        None => format!("Gateway {gateway} not found; create it or set spec.router.gateway.refs"),
    }
}

fn problem(view: &View<'_>, at: &Ref, gateway: &Value) -> Option<String> {
    let generation = tree::get(gateway, &["metadata", "generation"]).and_then(Value::as_i64);
    let conditions = tree::list(gateway, &["status", "conditions"]);
    let Some(programmed) = conditions.iter().find(|c| tree::text(c, &["type"]) == "Programmed") else {
        return Some(format!(
            "Gateway {at} is not programmed yet; is a controller running for its GatewayClass?"
        ));
    };
    if is_stale(programmed, generation) {
        return Some(format!("Gateway {at}: the newest generation has not been observed yet"));
    }
    let reason = tree::text(programmed, &["reason"]);
    let reachable = reason == "AddressNotAssigned" && is_reachable_inside(view, at);
    let bad = tree::text(programmed, &["status"]) != "True" && !reachable;
    bad.then(|| {
        format!("Gateway {at} is not programmed ({reason}): {}", tree::text(programmed, &["message"]))
    })
}

/// Without a load balancer the default Gateway has no address, and still serves inside the cluster.
fn is_reachable_inside(view: &View<'_>, at: &Ref) -> bool {
    !view.gateway_refs.contains(at) && view.look(&Key::GatewayService(at.clone())).found().is_some()
}

/// The condition speaks of an older generation of its object.
pub(super) fn is_stale(condition: &Value, generation: Option<i64>) -> bool {
    let observed = tree::get(condition, &["observedGeneration"]).and_then(Value::as_i64).unwrap_or_default();
    observed > 0 && generation.is_some_and(|generation| observed < generation)
}
