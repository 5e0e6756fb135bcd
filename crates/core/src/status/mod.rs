//! The status of a service as a function of what is known. It is always complete, whatever went wrong.

mod adopted;
mod cause;
pub mod condition;
mod gateways;
mod group;
mod ingress;
mod namesakes;
mod parent_url;
mod path;
mod pause;
mod pool;
mod refusal;
mod report;
mod rollout;
mod routes;
mod scale;
mod scaling;
#[cfg(test)]
mod tests;
mod topology;
mod traffic;
mod unreached;
mod url;
mod view;
mod ways;
mod workload;
mod zero;

use llmisvc_api::conditions::{self, kind, reason};
use serde_json::{Value, json};

pub use self::refusal::{Refusal, RefusalReason};

use self::condition::{Judgement, Judgements, conditions_of, follow, roll_up};
use self::view::View;
use crate::decide::Decision;
use crate::facts::{Cluster, Seen};
use crate::handover::Held;
use crate::object::Live;
use crate::pass::Fault;
use crate::settings::Settings;
use crate::tree;

/// What the status is made from.
pub struct StatusInput<'a> {
    /// The service as it was read, with its former status.
    pub service: &'a Value,
    /// What was decided about it.
    pub decision: &'a Decision,
    /// The global settings.
    pub settings: &'a Settings,
    /// The cluster as a whole.
    pub cluster: &'a Cluster,
    /// Gateways, routes and pools. Keys that are new to it are asked for; until they are answered, what the
    /// former status says about them stays.
    pub seen: &'a Seen,
    /// Live children.
    pub live: &'a Live,
    /// Children that the API server refused in this pass.
    pub refused: &'a [Refusal],
    /// Time of this pass, RFC 3339.
    pub now: &'a str,
}

/// The whole `status`, to replace the former one.
pub fn status(input: &StatusInput<'_>) -> Value {
    let view = View::new(input);
    let conditions = follow(&conditions_of(input.service), judgements(&view), input.now);
    let mut status = json!({"conditions": conditions});
    if let Some(generation) = adopted::observed(&view).filter(|g| g.is_i64()) {
        *tree::entry(&mut status, "observedGeneration") = generation.clone();
    }
    for (key, value) in report::fields(&view) {
        if !value.is_null() {
            *tree::entry(&mut status, key) = value;
        }
    }
    status
}

fn judgements(view: &View<'_>) -> Judgements {
    let mut judgements = Judgements::new();
    let mut put = |kind: &'static str, judgement: Option<Judgement>| {
        let judgement = if view.stopped { judgement.map(|_| stopped()) } else { judgement };
        judgements.extend(judgement.map(|j| (kind, j)));
    };
    put(kind::MAIN_WORKLOAD_READY, workload::main(view));
    put(kind::WORKER_WORKLOAD_READY, group::main(view));
    put(kind::PREFILL_WORKLOAD_READY, workload::prefill(view));
    put(kind::PREFILL_WORKER_WORKLOAD_READY, group::prefill(view));
    put(kind::SCHEDULER_WORKLOAD_READY, workload::scheduler(view));
    put(kind::TOKENIZER_READY, workload::tokenizer(view));
    put(kind::GATEWAYS_READY, gateways::judge(view));
    put(kind::HTTP_ROUTES_READY, routes::judge(view));
    put(kind::INGRESS_READY, ingress::judge(view));
    put(kind::INFERENCE_POOL_READY, pool::judge(view));
    judgements.extend(scaling::judge(view));
    zero::apply(view, &mut judgements);
    pause::apply(view, &mut judgements);
    refusal::apply(view, &mut judgements);
    judgements.extend(roll_ups(view, &judgements));
    judgements.extend(rollout::judge(view, &judgements).map(|j| (kind::ROLLOUT_BLOCKED, j)));
    judgements.extend(adopted::judge(view).map(|j| (kind::ADOPTED, j)));
    judgements.extend(traffic::ready(view).map(|j| (kind::GROUP_READY, j)));
    judgements.extend(traffic::degraded(view).map(|j| (kind::GROUP_DEGRADED, j)));
    judgements.extend(handing_over(view).map(|j| (kind::HANDING_OVER, j)));
    judgements.extend(namesakes::judge(view).map(|j| (kind::MODEL_NAME_COLLISION, j)));
    judgements.extend(spec_ignored(view).map(|j| (kind::SPEC_IGNORED, j)));
    judgements
}

fn stopped() -> Judgement {
    Judgement::no(reason::STOPPED, "Service is stopped")
}

fn roll_ups(view: &View<'_>, judgements: &Judgements) -> Judgements {
    let mut rolled = Judgements::from([(kind::PRESETS_COMBINED, presets_combined(view))]);
    let lists: [(&str, &[&str]); 2] =
        [(kind::WORKLOADS_READY, conditions::WORKLOADS), (kind::ROUTER_READY, conditions::ROUTER)];
    for (roll, of) in lists {
        let known = of.iter().any(|kind| judgements.contains_key(kind));
        let judgement = match view.fault {
            Some(fault) if !known => waiting(fault),
            _ => roll_up(judgements, of),
        };
        rolled.insert(roll, judgement);
    }
    if !view.stopped && rolled.get(kind::ROUTER_READY) == Some(&Judgement::yes()) {
        let unreached = unreached::why(view).map(|why| Judgement::no(reason::NO_URL, why));
        rolled.extend(unreached.map(|judgement| (kind::ROUTER_READY, judgement)));
    }
    let ready = roll_up(&rolled, conditions::DEPENDENTS);
    rolled.insert(kind::READY, ready);
    rolled
}

fn waiting(fault: &Fault) -> Judgement {
    Judgement::unknown(fault.reason, "nothing has been created yet; condition PresetsCombined says why")
}

fn presets_combined(view: &View<'_>) -> Judgement {
    let Some(fault) = view.fault else { return Judgement::yes() };
    let findings: Vec<String> = fault.findings.iter().map(ToString::to_string).collect();
    let message = findings.join("; ");
    match fault.reason {
        _ if view.stopped => {
            Judgement::no(reason::STOPPED, format!("Service is stopped with warning: {message}"))
        }
        reason::VALIDATION_UNAVAILABLE => Judgement::unknown(fault.reason, message),
        reason => Judgement::no(reason, message),
    }
}

/// Advisory: what is left as it is for now.
fn handing_over(view: &View<'_>) -> Option<Judgement> {
    let held = view.input.decision.held().map(Held::reasons).unwrap_or_default();
    let message = format!("objects that serve are left as they are: {}", held.join("; "));
    let judgement = Judgement { reason: reason::WAITING.to_owned(), message, ..Judgement::yes() };
    (!held.is_empty()).then_some(judgement)
}

/// Advisory: fields that take no effect, contradictions, and keys of the global ConfigMap that did not parse.
fn spec_ignored(view: &View<'_>) -> Option<Judgement> {
    let all: Vec<String> = view.input.decision.warnings.iter().map(ToString::to_string).collect();
    let message = all.join("; ");
    let judgement =
        Judgement { reason: reason::CONFIGURATION_WARNINGS.to_owned(), message, ..Judgement::yes() };
    (!all.is_empty()).then_some(judgement)
}
