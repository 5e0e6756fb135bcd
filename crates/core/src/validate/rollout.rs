//! `rolloutStrategy` (`reference/workloads.md §16`), and what stands in for it where no accelerator is to spare.

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::problem::Problem;
use super::scope::Scope;
use crate::facts::{Key, Ref};
use crate::labels::Component;
use crate::valid::Role;
use crate::{names, pods, tree};

/// The strategy as given. Where none is, old pods give way to new ones while a rollout cannot go on otherwise; null
/// leaves it to Kubernetes.
pub fn rollout(scope: &mut Scope<'_, '_>) -> Value {
    let unavailable = member(scope, "maxUnavailable");
    let surge = member(scope, "maxSurge");
    let members = [("maxUnavailable", unavailable), ("maxSurge", surge)];
    let given: serde_json::Map<_, _> =
        members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    match given.is_empty() {
        true if gives_way(scope) => json!({"maxSurge": 0, "maxUnavailable": 1}),
        true => Value::Null,
        false => Value::Object(given),
    }
}

fn member(scope: &mut Scope<'_, '_>, key: &str) -> Option<Value> {
    let value = scope.given(&["rolloutStrategy", key])?.clone();
    if !is_valid(key, &value) {
        let expected = "a whole number, or a percentage";
        let problem = Problem::Type { expected, got: value.to_string() };
        scope.error(&format!("rolloutStrategy.{key}"), &problem);
    }
    Some(value)
}

/// A rule of the API says more about the ones it knows.
fn is_valid(key: &str, value: &Value) -> bool {
    let most = if key == "maxUnavailable" { 100 } else { u64::MAX };
    let percent =
        |text: &str| text.strip_suffix('%').and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n <= most);
    value.as_u64().is_some() || value.as_str().is_some_and(percent)
}

/// A Deployment's rollout is under way and needs the accelerators of an old pod, or has begun to take them.
/// LeaderWorkerSets do it that way of themselves.
fn gives_way(scope: &Scope<'_, '_>) -> bool {
    let (service, namespace) = (&scope.ctx.id.name, &scope.ctx.id.namespace);
    let (name, component) = match scope.role {
        Role::Prefill => (names::prefill(service), Component::Prefill),
        Role::Both | Role::Decode => (names::decode(service), Component::Workload),
    };
    let live = scope.ctx.inputs.live.get(&(Kind::Deployment, name)).map(|live| live.body.as_ref());
    let Some(live) = live.filter(|live| pods::is_rolling(live)) else { return false };
    let answer = scope.ctx.inputs.seen.get(&Key::Pods(Ref::new(namespace, service)));
    let pods = answer.found().map(pods::read).unwrap_or_default();
    let stuck = pods::stuck(pods.iter().filter(|pod| pod.component == component.as_str()));
    stuck.map_or_else(|| is_in_place(live), |stuck| stuck.makes_room())
}

/// The strategy of a Deployment or LeaderWorkerSet is to end an old pod or group before there is a new one: that
/// is what a LeaderWorkerSet does unless it is told otherwise.
pub fn is_in_place(workload: &Value) -> bool {
    let pods = tree::get(workload, &["spec", "strategy", "rollingUpdate"]);
    let groups = tree::get(workload, &["spec", "rolloutStrategy"]);
    let update = pods.or_else(|| groups?.get("rollingUpdateConfiguration"));
    let is = |key, count| update.and_then(|u| u.get(key)).is_some_and(|value| *value == count);
    let unless_told = groups.is_some() && update.is_none();
    unless_told || (is("maxSurge", 0) && is("maxUnavailable", 1))
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
