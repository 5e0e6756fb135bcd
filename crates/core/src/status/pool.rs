//! InferencePoolReady (`reference/router.md §8.4`).
//!
//! A pool becomes ready through the Gateways of the routes that lead to it. Where no route of the service leads
//! to it, any Gateway that took it counts, and where no Gateway is in sight, none is waited for.

use std::collections::BTreeSet;

use llmisvc_api::conditions::kind;
use llmisvc_api::conditions::reason::{
    INFERENCE_POOL_FETCH_ERROR as FETCH, INFERENCE_POOL_NOT_READY as NOT_READY,
    WAITING_FOR_GATEWAY as WAITING,
};
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::condition::Judgement;
use super::gateways::{former, is_missing, is_stale};
use super::routes::{condition, describe};
use super::view::{Sight, View};
use super::ways::Route;
use crate::adopt;
use crate::facts::{Key, Ref};
use crate::tree;

/// None without a pool.
pub(super) fn judge(view: &View<'_>) -> Option<Judgement> {
    let (name, managed) = view.pool.as_ref()?;
    let at = Ref::new(view.namespace, name);
    let sight = if *managed && leads_to_older(view, name) {
        view.look(&Key::OlderInferencePool(at.clone()))
    } else if *managed {
        view.live(Kind::InferencePool, name).map_or(Sight::Absent, Sight::Found)
    } else {
        view.look(&Key::InferencePool(at.clone()))
    };
    Some(match sight {
        Sight::Found(pool) => judge_pool(view, &at, pool),
        Sight::Absent if *managed => {
            Judgement::no(FETCH, format!("InferencePool {at} has not been created yet"))
        }
        Sight::Absent => {
            let hint = "create it or correct spec.router.scheduler.pool.ref";
            Judgement::no(FETCH, format!("InferencePool {at} not found; {hint}"))
        }
        Sight::Unreadable(why) => {
            Judgement::unknown(FETCH, format!("InferencePool {at} could not be read: {why}"))
        }
        Sight::Unasked => former(view, kind::INFERENCE_POOL_READY),
    })
}

fn judge_pool(view: &View<'_>, at: &Ref, pool: &Value) -> Judgement {
    let parents = Parents::of(view, at, pool);
    let leading = view.routes.iter().filter(|route| leads_to(route, &at.name));
    let scope: BTreeSet<Ref> = leading.flat_map(Route::gateways).collect();
    if scope.is_empty() { without_route(view, at, &parents) } else { through_routes(at, &scope, &parents) }
}

/// A route that a former controller made may lead to its pool of the older group, which is then the one that counts.
fn leads_to_older(view: &View<'_>, pool: &str) -> bool {
    let managed = view.routes.iter().filter(|route| route.managed && leads_to(route, pool));
    managed.filter_map(|route| route.spec).any(adopt::leads_to_older_pool)
}

fn leads_to(route: &Route<'_>, pool: &str) -> bool {
    let rules = route.spec.map(|spec| tree::list(spec, &["rules"])).unwrap_or_default();
    let mut backends = rules.iter().flat_map(|rule| tree::list(rule, &["backendRefs"]));
    backends.any(|b| tree::text(b, &["kind"]) == "InferencePool" && tree::text(b, &["name"]) == pool)
}

/// Every Gateway of the routes must have taken the pool; other parents are left-overs.
fn through_routes(at: &Ref, scope: &BTreeSet<Ref>, parents: &Parents<'_>) -> Judgement {
    if let Some((gateway, why)) = scope.iter().find_map(|g| Some((g, parents.refused_by(g)?))) {
        return Judgement::no(NOT_READY, format!("InferencePool {at}: Gateway {gateway}: {why}"));
    }
    match scope.iter().find(|g| !parents.accepted_by(g)) {
        Some(gateway) => {
            Judgement::no(WAITING, format!("InferencePool {at} is not yet accepted by Gateway {gateway}"))
        }
        None => Judgement::yes(),
    }
}

/// No route of ours leads to it: whoever took it counts (asks rank 1).
fn without_route(view: &View<'_>, at: &Ref, parents: &Parents<'_>) -> Judgement {
    let accepted = parents.all.iter().any(|p| parents.accepted_by(&p.0));
    let refused = parents.all.iter().find_map(|p| Some((&p.0, parents.refused_by(&p.0)?)));
    match refused {
        _ if accepted => Judgement::yes(),
        Some((gateway, why)) => {
            Judgement::no(NOT_READY, format!("InferencePool {at}: Gateway {gateway}: {why}"))
        }
        // A route that goes past the pool asks no Gateway to take it (asks A2).
        None if view.gateway_refs.is_empty() || !view.routes.is_empty() => Judgement::yes(),
        None => {
            let hint =
                "no route of this service leads to it, so set spec.router.route or make a route of your own";
            Judgement::unknown(
                WAITING,
                format!("InferencePool {at} is not yet accepted by any Gateway; {hint}"),
            )
        }
    }
}

/// Gateways in the status of a pool, with what they say; those that are gone are left out.
struct Parents<'a> {
    all: Vec<(Ref, &'a Value)>,
    generation: Option<i64>,
}

impl<'a> Parents<'a> {
    fn of(view: &View<'_>, at: &Ref, pool: &'a Value) -> Self {
        // The older group calls the list `parent`.
        let parents = ["parents", "parent"].map(|list| tree::list(pool, &["status", list]));
        let parents = parents.into_iter().flatten();
        let gateways = parents.filter(|p| matches!(tree::text(p, &["parentRef", "kind"]), "" | "Gateway"));
        let all = gateways.map(|p| {
            let namespace = Some(tree::text(p, &["parentRef", "namespace"])).filter(|n| !n.is_empty());
            (Ref::new(namespace.unwrap_or(&at.namespace), tree::text(p, &["parentRef", "name"])), p)
        });
        let generation = tree::get(pool, &["metadata", "generation"]).and_then(Value::as_i64);
        Self { all: all.filter(|(gateway, _)| !is_missing(view, gateway)).collect(), generation }
    }

    /// What a Gateway says now; older statements do not count.
    fn accepted(&self, gateway: &Ref) -> impl Iterator<Item = &'a Value> {
        let of_gateway = self.all.iter().filter(move |(at, _)| at == gateway);
        of_gateway.filter_map(|(_, p)| condition(p, "Accepted")).filter(|c| !is_stale(c, self.generation))
    }

    fn accepted_by(&self, gateway: &Ref) -> bool {
        self.accepted(gateway).any(|c| tree::text(c, &["status"]) == "True")
    }

    fn refused_by(&self, gateway: &Ref) -> Option<String> {
        self.accepted(gateway)
            .find(|c| tree::text(c, &["status"]) == "False")
            .map(|c| describe("Accepted", c))
    }
}
