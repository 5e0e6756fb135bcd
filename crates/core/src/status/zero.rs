//! Workloads without replicas, on purpose: a state of its own, and no failure.

use llmisvc_api::conditions::{Truth, kind, reason};
use llmisvc_kinds::Kind;

use super::condition::{Judgement, Judgements};
use super::view::{Part, View};
use crate::build::scheduler_config::{pair, parse};
use crate::names;
use crate::rollout::Counts;
use crate::tree;
use crate::workloads::templates;

const MAIN: [(Part, &str); 2] =
    [(Part::Main, kind::MAIN_WORKLOAD_READY), (Part::MainGroup, kind::WORKER_WORKLOAD_READY)];
const PREFILL: [(Part, &str); 2] = [
    (Part::Prefill, kind::PREFILL_WORKLOAD_READY),
    (Part::PrefillGroup, kind::PREFILL_WORKER_WORKLOAD_READY),
];

/// Says of each workload that has no replicas and shall have none that it is asleep.
pub(super) fn apply(view: &View<'_>, judgements: &mut Judgements) {
    let (main, prefill) = (replicas(view, MAIN), replicas(view, PREFILL));
    for ((part, kind), other) in MAIN.map(|it| (it, prefill)).into_iter().chain(PREFILL.map(|it| (it, main)))
    {
        if !is_asleep(view, part) {
            continue;
        }
        let message =
            if MAIN.contains(&(part, kind)) { wakes(view, part, other) } else { alone(view, part, other) };
        if let Some(judgement) = judgements.get_mut(kind).filter(|_| !view.stopped) {
            let reason = reason::SCALED_TO_ZERO.to_owned();
            *judgement = Judgement { reason, message, ..Judgement::yes() };
        }
    }
}

/// Of a roll-up in which nothing is wrong: the main workload is asleep, and so is the service. Without prefill alone it
/// is not.
pub(super) fn asleep<'a>(judgements: &'a Judgements, of: &[&str]) -> Option<&'a Judgement> {
    let beside = |kind: &str| PREFILL.iter().any(|(_, prefill)| *prefill == kind) || !of.contains(&kind);
    let mut known = judgements.iter().filter(|(kind, _)| !beside(kind)).map(|(_, it)| it);
    known.find(|it| it.status == Truth::True && it.reason == reason::SCALED_TO_ZERO)
}

fn counts(view: &View<'_>, part: Part) -> Option<Counts> {
    let live = view.live(part.kind(), &part.name(view.name))?;
    view.has(part).then(|| Counts::of(part.kind(), live))
}

fn is_asleep(view: &View<'_>, part: Part) -> bool {
    counts(view, part).is_some_and(|it| it.is_observed() && it.wanted == 0 && it.replicas == 0)
}

/// How many replicas the one role has that there is.
fn replicas(view: &View<'_>, of: [(Part, &str); 2]) -> i64 {
    of.iter().find_map(|(part, _)| counts(view, *part)).map_or(0, |counts| counts.wanted)
}

fn wakes(view: &View<'_>, part: Part, prefill: i64) -> String {
    let scaled = view.valid.is_some_and(|service| service.decode.scaling.is_some());
    let rest = match (scaled, holds_requests(view)) {
        (false, _) => "scale it up to serve requests",
        (true, true) => "requests wait in the endpoint picker until the autoscaler has started one",
        (true, false) => {
            "requests fail until the autoscaler has started one: nothing holds them, see docs/scaling.md"
        }
    };
    let meanwhile =
        if prefill > 0 { format!("; prefill has {prefill} meanwhile, of no use") } else { String::new() };
    format!("{}; {rest}{meanwhile}", none_of(view, part))
}

fn alone(view: &View<'_>, part: Part, decode: i64) -> String {
    let meanwhile = if decode > 0 { format!(" while decode has {decode}") } else { String::new() };
    format!("{}{meanwhile}", none_of(view, part))
}

fn none_of(view: &View<'_>, part: Part) -> String {
    format!("{} {} has no replicas", part.kind(), view.path(&part.name(view.name)))
}

/// The endpoint picker that runs has flow control, which queues requests while the pool is empty.
fn holds_requests(view: &View<'_>) -> bool {
    let Some(picker) = view.live(Kind::Deployment, &names::scheduler(view.name)) else { return false };
    let mut containers = templates(picker).flat_map(|template| tree::list(template, &["spec", "containers"]));
    containers.any(|container| {
        let config = pair(tree::list(container, &["args"])).and_then(|(_, text)| parse(&text));
        config.is_some_and(|config| {
            tree::list(&config, &["featureGates"]).iter().any(|gate| gate == "flowControl")
        })
    })
}
