//! What makes several endpoint pickers of a service one that is always there (`reference/router.md §10.2`, `§10.7`).
//!
//! Pickers elect a leader, and only the leader is Ready. So whatever waits for a second one to become Ready waits for
//! ever: a rollout that keeps one pod available, and a budget that keeps the leader from leaving its node.

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::build::scheduler::is_given;
use crate::labels::{self, Component, Labels};
use crate::names;
use crate::object::Object;
use crate::tree;
use crate::valid::{Scheduler, ValidService};

/// Of several pickers one leads, and the others stand by.
pub const LEADER_ELECTION: &str = "--ha-enable-leader-election";

/// Where pickers of one service rather do not meet, and how much that counts.
const DOMAINS: [(&str, i64); 2] = [("kubernetes.io/hostname", 100), ("topology.kubernetes.io/zone", 50)];

/// How the Deployment replaces its pods. A single picker goes before the next one comes, since two that do not elect a
/// leader must not run side by side. Of several all may be unavailable: the leader holds its Lease until it ends, and
/// no new pod is Ready before that. The new ones are all there before the first old one is asked to go.
pub fn strategy(scheduler: &Scheduler) -> Value {
    if !scheduler.has_standby() {
        return json!({"type": "Recreate"});
    }
    let (surge, unavailable) = if elects_leader(scheduler) { ("100%", "100%") } else { ("25%", "25%") };
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
}

/// Evictions go one by one, and none happens while no picker is Ready. The budget counts Ready pods, of which there is
/// one: a stricter one would keep its node from ever being drained.
pub fn budget(svc: &ValidService, scheduler: &Scheduler) -> Option<Object> {
    let unavailable = if elects_leader(scheduler) { json!("100%") } else { json!(1) };
    let labels = labels::base(&svc.id.name, Component::Scheduler);
    let selector = scheduler.selector(&labels);
    let spec = json!({"maxUnavailable": unavailable, "selector": {"matchLabels": selector}});
    let name = names::scheduler(&svc.id.name);
    scheduler.has_standby().then(|| {
        Object::new(Kind::PodDisruptionBudget, &svc.id.namespace, &name, labels, json!({"spec": spec}))
    })
}

/// Puts pickers on nodes and into zones of their own where there are some, unless the template says otherwise. Pickers
/// that run already stay as they are. A topology spread constraint would do nothing in a cluster without zones: the
/// scheduler gives no points to nodes that lack one of the labels.
pub fn spread(pod: &mut Value, scheduler: &Scheduler, selector: &Labels) {
    let stays = scheduler.live.as_ref().is_some_and(|live| live.unspread);
    if !scheduler.has_standby() || stays || is_spread(pod) {
        return;
    }
    let apart = |(domain, weight): (&str, i64)| {
        let term = json!({"topologyKey": domain, "labelSelector": {"matchLabels": selector}});
        json!({"weight": weight, "podAffinityTerm": term})
    };
    let preferred = json!({"preferredDuringSchedulingIgnoredDuringExecution": DOMAINS.map(apart)});
    *tree::entry(tree::entry(pod, "affinity"), "podAntiAffinity") = preferred;
}

/// The pod spec says where its pods go in relation to each other.
pub fn is_spread(pod: &Value) -> bool {
    !tree::list(pod, &["topologySpreadConstraints"]).is_empty()
        || tree::get(pod, &["affinity", "podAntiAffinity"]).is_some_and(Value::is_object)
}

/// The container has the flag of several pickers, on or off.
pub fn has_flag(main: &Value) -> bool {
    ["command", "args"].iter().any(|field| is_given(tree::list(main, &[field]), LEADER_ELECTION))
}

/// Not where the template turns it off: then all are Ready.
fn elects_leader(scheduler: &Scheduler) -> bool {
    let main = tree::named(tree::list(&scheduler.pod, &["containers"]), "main");
    let words = |field| main.map(|main| tree::list(main, &[field])).unwrap_or_default();
    let mut all = words("command").iter().chain(words("args"));
    let off = |word: &Value| word.as_str().is_some_and(|word| word.ends_with("=false"));
    !all.any(|word| off(word) && is_given(std::slice::from_ref(word), LEADER_ELECTION))
}

#[cfg(test)]
#[path = "availability_tests.rs"]
mod tests;
