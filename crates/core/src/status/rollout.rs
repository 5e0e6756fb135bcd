//! `RolloutBlocked`: a new pod finds no node, and nothing under way will make room for it. Advisory.

use llmisvc_api::conditions::{Truth, kind, reason};
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::condition::{Judgement, Judgements, conditions_of};
use super::view::{Part, Sight, View};
use crate::facts::{Key, Ref};
use crate::labels::Component;
use crate::names;
use crate::pods::{self, Pod, Stuck};
use crate::valid::Role as RoleOf;
use crate::validate::rollout::is_in_place;

/// None while nothing is blocked. Pods are looked at only while a workload is not rolled out.
pub(super) fn judge(view: &View<'_>, judgements: &Judgements) -> Option<Judgement> {
    let unready = |kind: &str| judgements.get(kind).is_some_and(|j| j.status != Truth::True) && !view.stopped;
    let roles: Vec<Role<'_>> = roles(view).into_iter().filter(|role| unready(role.condition)).collect();
    if roles.is_empty() {
        return None;
    }
    match view.look(&Key::Pods(Ref::new(view.namespace, view.name))) {
        Sight::Found(answer) => told(&roles, &pods::read(answer)),
        Sight::Absent => None,
        Sight::Unreadable(_) | Sight::Unasked => former(view),
    }
}

/// A workload as far as its rollout goes.
struct Role<'a> {
    name: &'static str,
    condition: &'static str,
    /// Components of its pods, on one node and in groups.
    components: [Component; 3],
    strategy: &'static str,
    /// Its Deployment and its LeaderWorkerSet as they shall be, else as they are.
    workloads: [Option<&'a Value>; 2],
}

fn roles<'a>(view: &View<'a>) -> Vec<Role<'a>> {
    let condition = |[single, group]: [(Part, &'static str); 2]| {
        [single, group].into_iter().find(|(part, _)| view.has(*part)).map(|(_, condition)| condition)
    };
    let prefill = condition([
        (Part::Prefill, kind::PREFILL_WORKLOAD_READY),
        (Part::PrefillGroup, kind::PREFILL_WORKER_WORKLOAD_READY),
    ]);
    let main =
        condition([(Part::Main, kind::MAIN_WORKLOAD_READY), (Part::MainGroup, kind::WORKER_WORKLOAD_READY)]);
    let main = main.map(|condition| Role {
        name: if prefill.is_some() { "decode" } else { "main workload" },
        condition,
        components: [Component::Workload, Component::Leader, Component::Worker],
        strategy: "spec.rolloutStrategy",
        workloads: workloads(view, RoleOf::Decode),
    });
    let prefill = prefill.map(|condition| Role {
        name: "prefill",
        condition,
        components: [Component::Prefill, Component::PrefillLeader, Component::PrefillWorker],
        strategy: "spec.prefill.rolloutStrategy",
        workloads: workloads(view, RoleOf::Prefill),
    });
    main.into_iter().chain(prefill).collect()
}

fn workloads<'a>(view: &View<'a>, role: RoleOf) -> [Option<&'a Value>; 2] {
    [(Kind::Deployment, false), (Kind::LeaderWorkerSet, true)].map(|(kind, is_group)| {
        let name = names::workload(view.name, role, is_group);
        let desired = view.input.decision.objects().unwrap_or_default();
        let desired = desired.iter().find(|o| o.kind == kind && o.name == name).map(|o| &o.body);
        desired.or_else(|| view.live(kind, &name))
    })
}

fn told(roles: &[Role<'_>], pods: &[Pod]) -> Option<Judgement> {
    let blocked = |role: &Role<'_>| {
        let stuck = pods::stuck(pods.iter().filter(|pod| role.has(pod)))?;
        // The old pods are about to make room.
        let moves = stuck.makes_room() && role.workload(stuck.pod).is_some_and(is_in_place);
        (!moves).then(|| (reason_of(&stuck), role.message(&stuck)))
    };
    let all: Vec<(&str, String)> = roles.iter().filter_map(blocked).collect();
    let reason = all.first()?.0.to_owned();
    let messages: Vec<String> = all.into_iter().map(|(_, message)| message).collect();
    Some(Judgement { reason, message: messages.join("; "), ..Judgement::yes() })
}

fn reason_of(stuck: &Stuck<'_>) -> &'static str {
    if stuck.lacking.is_empty() { reason::UNSCHEDULABLE } else { reason::INSUFFICIENT_ACCELERATORS }
}

impl<'a> Role<'a> {
    fn has(&self, pod: &Pod) -> bool {
        self.components.iter().any(|component| component.as_str() == pod.component)
    }

    /// The workload that made a pod.
    fn workload(&self, pod: &Pod) -> Option<&'a Value> {
        let [deployment, group] = self.workloads;
        if pod.worker_index.is_some() { group } else { deployment }
    }

    fn message(&self, stuck: &Stuck<'_>) -> String {
        let why = stuck.message.trim_end_matches('.');
        let (pod, count) = (&stuck.pod.name, stuck.holders.len());
        let holders =
            if count == 1 { "1 old pod holds".to_owned() } else { format!("{count} old pods hold") };
        let lacking = stuck.lacking.join(" and ");
        let (held, free) = match stuck.lacking.is_empty() {
            true if count == 0 => (String::new(), "free what is short".to_owned()),
            true => (format!("; {holders} room on nodes"), "free what is short".to_owned()),
            false => (format!("; {holders} {lacking}"), format!("free {lacking}")),
        };
        let name = self.name;
        format!("{name}: no node takes pod {pod}: {why}{held}; {}{free} or add nodes", self.hint(stuck))
    }

    /// Another strategy helps only where an old pod's room is enough for a new one.
    fn hint(&self, stuck: &Stuck<'_>) -> String {
        let helps = stuck.makes_room() && self.workload(stuck.pod).is_some_and(|it| !is_in_place(it));
        let hint = format!("set {} to maxSurge 0 and maxUnavailable 1, ", self.strategy);
        if helps { hint } else { String::new() }
    }
}

/// What the former status said, until there is an answer.
fn former(view: &View<'_>) -> Option<Judgement> {
    let found = conditions_of(view.input.service).into_iter().find(|c| c.kind == kind::ROLLOUT_BLOCKED)?;
    let (reason, message) = (found.reason.unwrap_or_default(), found.message.unwrap_or_default());
    Some(Judgement { status: found.status, reason, message })
}
