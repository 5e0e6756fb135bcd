//! InferencePoolReady (`reference/router.md §8.4`), and the group that the status gives for the pool (edge 44).
//!
//! A pool becomes ready through the Gateways of the routes that lead to it. Where no route of the service leads
//! to it, any Gateway that took it counts, and where no Gateway is in sight, none is waited for.

use std::collections::BTreeSet;

use llmisvc_api::conditions::kind;
use llmisvc_api::conditions::reason::{
    INFERENCE_POOL_FETCH_ERROR as FETCH, INFERENCE_POOL_NOT_READY as NOT_READY,
    WAITING_FOR_GATEWAY as WAITING,
};
use serde_json::Value;

use super::condition::Judgement;
use super::gateways::{former, is_missing, is_stale};
use super::routes::{condition, describe};
use super::view::{Sight, View};
use super::ways::Route;
use crate::facts::Ref;
use crate::pools::Group;
use crate::pools::answers::{self, Lead, groups};
use crate::tree;
use crate::validate::routing::gateway_of;

/// None without a pool. The routes may lead to it in both groups; then both have to be ready.
pub(super) fn judge(view: &View<'_>) -> Option<Judgement> {
    let (name, _) = view.pool.as_ref()?;
    let judged: Vec<Judgement> =
        in_use(view, name).into_iter().map(|group| of_group(view, name, group)).collect();
    judged.iter().find(|judgement| **judgement != Judgement::yes()).or(judged.first()).cloned()
}

/// The group that the routes lead to, the newer one if they lead to both.
pub(super) fn group(view: &View<'_>, name: &str) -> Group {
    in_use(view, name).into_iter().next().unwrap_or_default()
}

/// Groups that the routes lead to; without routes the decided one, else the one that lives.
fn in_use(view: &View<'_>, name: &str) -> BTreeSet<Group> {
    let managed = view.pool.as_ref().is_some_and(|(_, managed)| *managed);
    let led: BTreeSet<Group> = view.routes.iter().flat_map(|route| groups_of(route, name)).collect();
    let group = match view.valid {
        Some(valid) if !managed => valid.routing.pools.group,
        _ if !led.is_empty() => return led,
        Some(valid) => valid.routing.pools.group,
        None if managed => {
            Group::ALL.into_iter().find(|group| view.live(group.kind(), name).is_some()).unwrap_or_default()
        }
        None => former_group(view),
    };
    BTreeSet::from([group])
}

fn former_group(view: &View<'_>) -> Group {
    let path = ["status", "router", "scheduler", "inferencePool", "group"];
    Group::named(tree::text(view.input.service, &path)).unwrap_or_default()
}

fn groups_of(route: &Route<'_>, name: &str) -> BTreeSet<Group> {
    route.spec.map(|spec| groups(spec, name)).unwrap_or_default()
}

fn of_group(view: &View<'_>, name: &str, group: Group) -> Judgement {
    let managed = view.pool.as_ref().is_some_and(|(_, managed)| *managed);
    let at = Ref::new(view.namespace, name);
    let sight = if managed {
        view.live(group.kind(), name).map_or(Sight::Absent, Sight::Found)
    } else {
        view.look(&group.key(at.clone()))
    };
    match sight {
        Sight::Found(pool) => judge_pool(view, &at, group, pool),
        Sight::Absent if managed => {
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
    }
}

fn judge_pool(view: &View<'_>, at: &Ref, group: Group, pool: &Value) -> Judgement {
    let parents = Parents::of(view, at, pool);
    let leading: Vec<&Route<'_>> =
        view.routes.iter().filter(|route| groups_of(route, &at.name).contains(&group)).collect();
    let scope: BTreeSet<Ref> = leading.iter().flat_map(|route| route.gateways()).collect();
    if scope.is_empty() {
        return without_route(view, at, &parents);
    }
    let bodies = leading.iter().filter_map(|route| Some((route, route.sight.found()?)));
    let refused =
        bodies.flat_map(|(route, body)| Lead::of(body, &route.at.namespace, &at.name).refused).collect();
    through_routes(at, group, (&scope, &refused), &parents)
}

/// Every Gateway of the routes must have taken the pool; other parents are left-overs.
fn through_routes(
    at: &Ref,
    group: Group,
    (scope, refused): (&BTreeSet<Ref>, &BTreeSet<Ref>),
    parents: &Parents<'_>,
) -> Judgement {
    if let Some((gateway, why)) = scope.iter().find_map(|g| Some((g, parents.refused_by(g)?))) {
        return Judgement::no(NOT_READY, format!("InferencePool {at}: Gateway {gateway}: {why}"));
    }
    let Some(gateway) = scope.iter().find(|g| !parents.accepted_by(g)) else { return Judgement::yes() };
    let waits = format!("InferencePool {at} is not yet accepted by Gateway {gateway}");
    if !refused.contains(gateway) {
        return Judgement::no(WAITING, waits);
    }
    let hint = format!(
        "which knows no InferencePools of the group {} (ResolvedRefs is InvalidKind): turn on the Inference Extension \
         in its controller, or leave spec.router.scheduler out",
        group.name()
    );
    Judgement::no(WAITING, format!("{waits}, {hint}"))
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

/// Gateways in the status of a pool, with what they say; those that are gone are left out, and so are parents of other
/// groups and kinds (edge 34).
struct Parents<'a> {
    all: Vec<(Ref, &'a Value)>,
    generation: Option<i64>,
}

impl<'a> Parents<'a> {
    fn of(view: &View<'_>, at: &Ref, pool: &'a Value) -> Self {
        let gateways = answers::parents(pool)
            .filter_map(|answer| Some((gateway_of(answer.get("parentRef")?, &at.namespace)?, answer)));
        let generation = tree::get(pool, &["metadata", "generation"]).and_then(Value::as_i64);
        Self { all: gateways.filter(|(gateway, _)| !is_missing(view, gateway)).collect(), generation }
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
