//! What has to wait while a service changes its topology.
//!
//! Single node to several nodes, with or without prefill, with or without the endpoint picker: what serves now goes
//! only when what comes is ready, and what routes requests turns only when there is somebody to turn to. Each rule
//! looks at live objects alone, so a pass that is repeated decides the same.

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_kinds::Kind;
use serde_json::Value;

use crate::facts::{Key, Ref};
use crate::labels::{COMPONENT, Component};
use crate::object::{Live, LiveObject, Object};
use crate::pass::Inputs;
use crate::plan::ours;
use crate::pods::{self, Pod, stuck};
use crate::{names, rollout, tree};

/// Objects that are left as they are for now, and what they wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held(BTreeMap<(Kind, String), String>);

impl Held {
    /// Whether an object is left as it is.
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.0.contains_key(&(kind, name.to_owned()))
    }

    /// What is waited for, once each.
    pub fn reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<&str> = self.0.values().map(String::as_str).collect();
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }

    /// Leaves one more object as it is.
    pub fn hold(&mut self, kind: Kind, name: &str, reason: &str) {
        self.0.entry((kind, name.to_owned())).or_insert_with(|| reason.to_owned());
    }
}

/// What the rules look at.
struct Change<'a> {
    desired: &'a [Object],
    live: &'a Live,
    uid: &'a str,
    /// Name of the pool that the service makes.
    pool: String,
    pods: Vec<Pod>,
}

/// Decides what has to wait. Nothing does while the service only comes up.
pub fn handover(inputs: &Inputs<'_>, desired: &[Object]) -> Held {
    let uid = tree::text(inputs.service, &["metadata", "uid"]);
    let pool = names::inference_pool(tree::text(inputs.service, &["metadata", "name"]));
    let mut change = Change { desired, live: inputs.live, uid, pool, pods: Vec::new() };
    let mut held = Held::default();
    if desired.is_empty() {
        return held;
    }
    if change.retired().next().is_some() && change.coming().next().is_some() {
        change.pods = pods_of(inputs);
    }
    change.hold_workloads(&mut held);
    change.hold_picker(&mut held);
    change.hold_service(&mut held);
    change.hold_route(&mut held);
    held
}

fn pods_of(inputs: &Inputs<'_>) -> Vec<Pod> {
    let text = |key| tree::text(inputs.service, &["metadata", key]);
    let key = Key::Pods(Ref::new(text("namespace"), text("name")));
    inputs.seen.get(&key).found().map(pods::read).unwrap_or_default()
}

impl<'a> Change<'a> {
    fn wants(&self, kind: Kind, name: &str) -> bool {
        self.desired.iter().any(|object| object.kind == kind && object.name == name)
    }

    /// A route leads to the pool that the service makes; those of others in its traffic group are none of it.
    fn names_pool(&self, route: &Value) -> bool {
        let rules = tree::list(route, &["spec", "rules"]).iter();
        let mut backends = rules.flat_map(|rule| tree::list(rule, &["backendRefs"]));
        let text = |backend: &Value, key| tree::text(backend, &[key]).to_owned();
        backends.any(|b| text(b, "kind") == "InferencePool" && text(b, "name") == self.pool)
    }

    fn live(&self, object: &Object) -> Option<&'a LiveObject> {
        self.live.get(&(object.kind, object.name.clone()))
    }

    /// Live objects of ours that are not wanted any more and are not on their way out.
    fn unwanted(&self) -> impl Iterator<Item = (Kind, &'a str, &'a LiveObject)> {
        let all = self.live.iter().map(|((kind, name), object)| (*kind, name.as_str(), object));
        all.filter(|(kind, name, object)| {
            !object.deleting && ours(*kind, object, self.uid) && !self.wants(*kind, name)
        })
    }

    /// Model servers that go.
    fn retired(&self) -> impl Iterator<Item = (Kind, &'a str, &'a LiveObject)> {
        self.unwanted().filter(|(_, _, object)| role(&object.body).is_some())
    }

    /// Model servers that are wanted and not all there yet.
    fn coming(&self) -> impl Iterator<Item = &'a Object> {
        let servers = self.desired.iter().filter(|object| role(&object.body).is_some());
        servers
            .filter(|object| !self.live(object).is_some_and(|live| rollout::is_complete(object, &live.body)))
    }

    /// What serves goes when what comes is ready, and with it what its pods use. Where the accelerators can't hold
    /// both, prefill goes first and then the main workload, each when the pods of the one before are gone.
    fn hold_workloads(&self, held: &mut Held) {
        let Some(first) = self.coming().next() else { return };
        let reason = format!("{} {} is not ready yet", first.kind, first.name);
        let makes_room = self.makes_room();
        for (kind, name, object) in self.unwanted() {
            let used = matches!(kind, Kind::Secret | Kind::ServiceAccount | Kind::Role | Kind::RoleBinding);
            let serves = role(&object.body).is_some() && makes_room != Some((kind, name));
            if used || serves {
                held.hold(kind, name, &reason);
            }
        }
    }

    /// The retired workload that has to go because pods that come wait for its accelerators.
    fn makes_room(&self) -> Option<(Kind, &'a str)> {
        let stuck = stuck(self.pods.iter()).filter(|stuck| !stuck.lacking.is_empty())?;
        let holds = |object: &Value| stuck.holders.iter().any(|pod| belongs(pod, object));
        let mut holders: Vec<_> = self.retired().filter(|(_, _, object)| holds(&object.body)).collect();
        holders.sort_by_key(|(_, _, object)| role(&object.body) != Some(Part::Prefill));
        holders.first().map(|(kind, name, _)| (*kind, *name))
    }

    /// The picker that is wanted.
    fn picker(&self) -> Option<&'a Object> {
        let mut deployments = self.desired.iter().filter(|object| object.kind == Kind::Deployment);
        deployments.find(|object| component(&object.body) == Component::Scheduler.as_str())
    }

    /// The picker and its pool go when the gateways have taken the route that leaves them out.
    fn hold_picker(&self, held: &mut Held) {
        let routes = self.desired.iter().filter(|object| object.kind == Kind::HTTPRoute);
        let mut pairs = routes.filter_map(|route| Some((route, self.live(route)?)));
        let has_turned = pairs
            .all(|(route, live)| pools(&live.body).is_subset(&pools(&route.body)) && is_taken(&live.body));
        if has_turned || self.picker().is_some() {
            return;
        }
        for (kind, name, object) in self.unwanted() {
            if component(&object.body) == Component::Scheduler.as_str() && kind != Kind::HTTPRoute {
                held.hold(
                    kind,
                    name,
                    "the gateways have not taken the route that leaves the endpoint picker out",
                );
            }
        }
    }

    /// A selector that asks for more than before waits for the pods that have it.
    fn hold_service(&self, held: &mut Held) {
        let Some(first) = self.coming().next() else { return };
        let reason = format!("{} {} is not ready yet", first.kind, first.name);
        for object in self.desired.iter().filter(|o| o.kind == Kind::Service && is_workload(&o.body)) {
            let selector = |body: &Value| tree::strings(body, &["spec", "selector"]);
            let Some(live) = self.live(object) else { continue };
            let before = selector(&live.body);
            if selector(&object.body).iter().any(|(key, value)| before.get(key) != Some(value)) {
                held.hold(object.kind, &object.name, &reason);
            }
        }
    }

    /// A route that went to the Service turns to the pool when its picker answers.
    fn hold_route(&self, held: &mut Held) {
        let Some(picker) = self.picker() else { return };
        let answers = self.live(picker).is_some_and(|live| available(&live.body) > 0);
        for route in self.desired.iter().filter(|o| o.kind == Kind::HTTPRoute) {
            let turns = self.live(route).is_some_and(|live| !self.names_pool(&live.body))
                && self.names_pool(&route.body);
            if turns && !answers {
                held.hold(route.kind, &route.name, "the endpoint picker is not ready yet");
            }
        }
    }
}

/// Which model servers an object is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Main,
    Prefill,
}

fn component(body: &Value) -> &str {
    tree::text(body, &["metadata", "labels", COMPONENT])
}

fn is_workload(body: &Value) -> bool {
    component(body) == Component::Workload.as_str()
}

/// None for everything but Deployments and LeaderWorkerSets of model servers.
fn role(body: &Value) -> Option<Part> {
    if !matches!(tree::text(body, &["kind"]), "Deployment" | "LeaderWorkerSet") {
        return None;
    }
    let is = |parts: [Component; 2]| parts.iter().any(|part| part.as_str() == component(body));
    if is([Component::Prefill, Component::PrefillWorker]) {
        Some(Part::Prefill)
    } else {
        is([Component::Workload, Component::Worker]).then_some(Part::Main)
    }
}

/// The pod is one of the workload's: leaders and workers have components of their own.
fn belongs(pod: &Pod, workload: &Value) -> bool {
    let leader =
        [(Component::Worker, Component::Leader), (Component::PrefillWorker, Component::PrefillLeader)];
    let of = component(workload);
    pod.component == of
        || leader.iter().any(|(worker, leader)| worker.as_str() == of && leader.as_str() == pod.component)
}

fn available(body: &Value) -> i64 {
    tree::get(body, &["status", "availableReplicas"]).and_then(Value::as_i64).unwrap_or(0)
}

/// Names of the pools that a route leads to.
fn pools(route: &Value) -> BTreeSet<&str> {
    let rules = tree::list(route, &["spec", "rules"]).iter();
    let backends = rules.flat_map(|rule| tree::list(rule, &["backendRefs"]));
    let pools = backends.filter(|backend| tree::text(backend, &["kind"]) == "InferencePool");
    pools.map(|backend| tree::text(backend, &["name"])).collect()
}

/// Every gateway that says anything about the route has seen its newest generation.
fn is_taken(route: &Value) -> bool {
    let generation = tree::get(route, &["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(0);
    let parents = tree::list(route, &["status", "parents"]).iter();
    let mut conditions = parents.flat_map(|parent| tree::list(parent, &["conditions"]));
    conditions.all(|condition| {
        tree::get(condition, &["observedGeneration"])
            .and_then(Value::as_i64)
            .is_none_or(|seen| seen >= generation)
    })
}

#[cfg(test)]
mod tests;
