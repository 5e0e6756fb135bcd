//! Which InferencePool the route of a former controller leads to (`reference/router.md §8.3`).

use serde_json::{Value, json};

use crate::tree;

use crate::object::Object;

const OLDER: &str = "inference.networking.x-k8s.io";
/// Label of a route that is one of a group.
const GROUP: &str = "serving.kserve.io/routing-group";

/// Leaves in a route what must not change with its controller; gives the mark for it, and the path. None when there is
/// nothing to keep.
pub fn keep(route: &mut Object, live: &Value, service: &Value) -> Option<(&'static str, &'static str)> {
    if keep_group(route, live, service) {
        Some(("group", "spec.rules"))
    } else {
        keep_pool(route, live).then_some(("older-pool", "spec.rules.backendRefs.group"))
    }
}

/// The routes of a group list the backends of all its members with their weights, which we do not make. They stay as
/// they are, as long as the service is to be in the group.
fn keep_group(route: &mut Object, live: &Value, service: &Value) -> bool {
    let group = tree::text(live, &["metadata", "labels", GROUP]);
    let spec = live.get("spec");
    let (Some(spec), false) = (spec, group.is_empty()) else { return false };
    if tree::text(service, &["spec", "router", "route", "group"]) != group {
        return false;
    }
    *tree::entry(&mut route.body, "spec") = spec.clone();
    tree::object(tree::entry(&mut route.body, "metadata"), "labels").insert(GROUP.to_owned(), json!(group));
    true
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
