//! `RolloutBlocked`: a new pod finds no node, and nothing under way will make room for it. Advisory.

use llmisvc_api::conditions::{Truth, kind, reason};
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::condition::{Judgement, Judgements, conditions_of};
use super::view::{Part, Sight, View};
use crate::facts::{Key, Ref};
use crate::labels::Component;
use crate::pods::{self, Pod, Stuck};
use crate::tree;
use crate::validate::rollout::is_in_place;

/// None while nothing is blocked. Pods are looked at only while a workload is not rolled out, and those of a Deployment
/// only once it has changed: the pods of new services come by the hundred, and their conditions count them.
pub(super) fn judge(view: &View<'_>, judgements: &Judgements) -> Option<Judgement> {
    let unready = |kind: &str| judgements.get(kind).is_some_and(|j| j.status != Truth::True) && !view.stopped;
    let mut roles = roles(view);
    roles.retain(|role| role.changed && unready(role.condition));
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
    components: &'static [Component],
    strategy: &'static str,
    /// It is not as it was created.
    changed: bool,
    /// Its Deployment or LeaderWorkerSet as it shall be, else as it is.
    workload: Option<&'a Value>,
}

fn roles<'a>(view: &View<'a>) -> Vec<Role<'a>> {
    let split = view.has(Part::Prefill) || view.has(Part::PrefillGroup);
    let main = if split { "decode" } else { "main workload" };
    let role = |part, name, condition, components: &'static [Component]| {
        let strategy =
            if name == "prefill" { "spec.prefill.rolloutStrategy" } else { "spec.rolloutStrategy" };
        let changed = is_changed(view, part);
        (part, Role { name, condition, components, strategy, changed, workload: workload(view, part) })
    };
    let all = [
        role(Part::Main, main, kind::MAIN_WORKLOAD_READY, &[Component::Workload]),
        role(Part::MainGroup, main, kind::WORKER_WORKLOAD_READY, &[Component::Leader, Component::Worker]),
        role(Part::Prefill, "prefill", kind::PREFILL_WORKLOAD_READY, &[Component::Prefill]),
        role(
            Part::PrefillGroup,
            "prefill",
            kind::PREFILL_WORKER_WORKLOAD_READY,
            &[Component::PrefillLeader, Component::PrefillWorker],
        ),
    ];
    all.into_iter().filter(|(part, _)| view.has(*part)).map(|(_, role)| role).collect()
}

fn is_changed(view: &View<'_>, part: Part) -> bool {
    let live = view.live(part.kind(), &part.name(view.name));
    let generation = |live: &Value| tree::get(live, &["metadata", "generation"]).and_then(Value::as_i64);
    let changed = |live: &Value| pods::is_rolling(live) || generation(live).is_some_and(|it| it > 1);
    part.kind() == Kind::LeaderWorkerSet || live.is_some_and(changed)
}

fn workload<'a>(view: &View<'a>, part: Part) -> Option<&'a Value> {
    let (kind, name) = (part.kind(), part.name(view.name));
    let desired = view.input.decision.objects().unwrap_or_default();
    let desired = desired.iter().find(|o| o.kind == kind && o.name == name).map(|o| &o.body);
    desired.or_else(|| view.live(kind, &name))
}

fn told(roles: &[Role<'_>], pods: &[Pod]) -> Option<Judgement> {
    let blocked = |role: &Role<'_>| {
        let stuck = pods::stuck(pods.iter().filter(|pod| role.has(pod)))?;
        // The old pods are about to make room.
        let moves = stuck.makes_room() && role.workload.is_some_and(is_in_place);
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

impl Role<'_> {
    fn has(&self, pod: &Pod) -> bool {
        self.components.iter().any(|component| component.as_str() == pod.component)
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
        let helps = stuck.makes_room() && self.workload.is_some_and(|it| !is_in_place(it));
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
