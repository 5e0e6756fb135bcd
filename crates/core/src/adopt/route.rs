//! Which InferencePool the route of a former controller leads to (`reference/router.md §8.3`).

use serde_json::{Value, json};

use crate::labels::ROUTING_GROUP;
use crate::object::Object;
use crate::tree;

const OLDER: &str = "inference.networking.x-k8s.io";

/// Leaves in a route what must not change with its controller; gives the mark for it, and the path. None when there is
/// nothing to keep. The routes of a group lead to pools of the newer group already, but for those of others (edge 29).
pub fn keep(route: &mut Object, live: &Value) -> Option<(&'static str, &'static str)> {
    let grouped = !tree::text(&route.body, &["metadata", "labels", ROUTING_GROUP]).is_empty();
    let kept = !grouped && keep_pool(route, live);
    kept.then_some(("older-pool", "spec.rules.backendRefs.group"))
}

/// Lets the route lead to the pool of the older group as it does now, unless its gateways say that they do not know
/// that one.
fn keep_pool(route: &mut Object, live: &Value) -> bool {
    let leads_there = live.get("spec").is_some_and(leads_to_older);
    if !leads_there || is_unknown_to_gateways(live) {
        return false;
    }
    let mut kept = false;
    for rule in tree::array(tree::entry(&mut route.body, "spec"), "rules") {
        for backend in tree::array(rule, "backendRefs") {
            if tree::text(backend, &["kind"]) == "InferencePool" {
                *tree::entry(backend, "group") = json!(OLDER);
                kept = true;
            }
        }
    }
    kept
}

/// The route leads to a pool of the older group.
pub fn leads_to_older(spec: &Value) -> bool {
    backends(spec).any(|backend| is_pool(backend, OLDER))
}

fn backends(spec: &Value) -> impl Iterator<Item = &Value> {
    let rules = tree::list(spec, &["rules"]).iter();
    rules.flat_map(|rule| tree::list(rule, &["backendRefs"]))
}

fn is_pool(backend: &Value, group: &str) -> bool {
    tree::text(backend, &["kind"]) == "InferencePool" && tree::text(backend, &["group"]) == group
}

/// Every gateway that says anything about the route's references says that it does not know such a kind.
fn is_unknown_to_gateways(route: &Value) -> bool {
    let parents = tree::list(route, &["status", "parents"]).iter();
    let conditions = parents.flat_map(|parent| tree::list(parent, &["conditions"]));
    let mut resolved = conditions.filter(|c| tree::text(c, &["type"]) == "ResolvedRefs").peekable();
    resolved.peek().is_some() && resolved.all(|c| tree::text(c, &["reason"]) == "InvalidKind")
}
