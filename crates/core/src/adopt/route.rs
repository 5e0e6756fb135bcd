//! Which InferencePool the route of a former controller leads to (`reference/router.md §8.3`).

use serde_json::{Value, json};

use crate::object::Object;
use crate::pools::Group;
use crate::tree;

/// Label of a route that is one of a group.
const GROUP: &str = "serving.kserve.io/routing-group";

/// Leaves in a route what must not change with its controller; gives the mark for it, and the path. None when there is
/// nothing to keep.
pub fn keep(route: &mut Object, live: &Value, service: &Value) -> Option<(&'static str, &'static str)> {
    if keep_group(route, live, service) {
        Some(("group", "spec.rules"))
    } else {
        stays_with_older(route, live).then_some(("older-pool", "spec.rules.backendRefs.group"))
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

/// The route goes on leading to the pool of the older group, as [`crate::pools`] has decided.
fn stays_with_older(route: &Object, live: &Value) -> bool {
    let leads = |body: &Value| body.get("spec").is_some_and(leads_to_older);
    leads(live) && leads(&route.body)
}

fn leads_to_older(spec: &Value) -> bool {
    let mut backends =
        tree::list(spec, &["rules"]).iter().flat_map(|rule| tree::list(rule, &["backendRefs"]));
    backends.any(|backend| {
        tree::text(backend, &["kind"]) == "InferencePool"
            && tree::text(backend, &["group"]) == Group::Older.name()
    })
}
