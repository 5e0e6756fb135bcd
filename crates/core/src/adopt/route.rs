//! Which InferencePool the route of a former controller leads to (`reference/router.md §8.3`).

use serde_json::Value;

use crate::labels::ROUTING_GROUP;
use crate::object::Object;
use crate::pools::Group;
use crate::tree;

/// The mark for what in a route does not change with its controller, and the path; none when there is nothing to keep.
/// The routes of a group lead to pools of the newer group already, but for those of others (edge 29).
pub fn keep(route: &Object, live: &Value) -> Option<(&'static str, &'static str)> {
    let grouped = !tree::text(&route.body, &["metadata", "labels", ROUTING_GROUP]).is_empty();
    let kept = !grouped && stays_with_older(route, live);
    kept.then_some(("older-pool", "spec.rules.backendRefs.group"))
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
