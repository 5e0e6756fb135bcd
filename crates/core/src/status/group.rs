//! Readiness of LeaderWorkerSets (`reference/workloads.md §15.1`).

use llmisvc_api::conditions::reason::PROGRESSING;
use serde_json::Value;

use super::cause::{STILL_SERVE, Unready, of_pods};
use super::condition::Judgement;
use super::view::{Part, View};
use crate::rollout::Counts;
use crate::tree;
use crate::workloads::group_size;

/// Main or decode LeaderWorkerSet.
pub(super) fn main(view: &View<'_>) -> Option<Judgement> {
    view.has(Part::MainGroup).then(|| judge(view, Part::MainGroup))
}

/// Prefill LeaderWorkerSet.
pub(super) fn prefill(view: &View<'_>) -> Option<Judgement> {
    view.has(Part::PrefillGroup).then(|| judge(view, Part::PrefillGroup))
}

fn judge(view: &View<'_>, part: Part) -> Judgement {
    let name = part.name(view.name);
    let path = view.path(&name);
    let Some(body) = view.live(part.kind(), &name) else {
        return Judgement::no(PROGRESSING, missing(&path, view.is_going(part.kind(), &name)));
    };
    let counts = Counts::of(part.kind(), body);
    if !counts.is_observed() {
        let generation = counts.generation;
        let message = format!("LeaderWorkerSet {path}: generation {generation} has not been observed yet");
        return Judgement::no(PROGRESSING, message);
    }
    // Nothing says that the controller runs but the conditions that it sets.
    if tree::list(body, &["status", "conditions"]).is_empty() {
        let message =
            format!("LeaderWorkerSet {path} has no status yet: does the LeaderWorkerSet controller run?");
        return Judgement::no(PROGRESSING, message);
    }
    if counts.is_updated() && counts.ready >= counts.wanted && holds(body, "Available") {
        return Judgement::yes();
    }
    let text = text(&counts, holds(body, "UpdateInProgress"));
    if counts.replicas == 0 && counts.wanted > 0 {
        return Judgement::no(PROGRESSING, format!("{text}; {}", none_yet(&path)));
    }
    let size = group_size(body);
    let unready = Unready { part, newest: None, wanted: counts.wanted.saturating_mul(size.unwrap_or(1)) };
    let serve = if counts.ready > 0 && counts.replicas > counts.updated { STILL_SERVE } else { "" };
    match of_pods(view, &unready) {
        Some(cause) => cause.judgement(&format!("{text}{serve}")),
        None => Judgement::no(PROGRESSING, text),
    }
}

/// No status tells what keeps the pods of a StatefulSet from being made.
fn none_yet(path: &str) -> String {
    format!(
        "no pod has been made: where this stays, the events of StatefulSet {path} say whether a quota or a policy refuses them"
    )
}

fn missing(path: &str, is_going: bool) -> String {
    if is_going {
        format!("LeaderWorkerSet {path} is deleted with its pods, and then created anew")
    } else {
        format!("LeaderWorkerSet {path} has not been created yet")
    }
}

/// Reason and message of a condition that does not hold are those of its time as True, so they are not repeated.
fn holds(body: &Value, kind: &str) -> bool {
    let conditions = tree::list(body, &["status", "conditions"]);
    let found = conditions.iter().find(|c| tree::text(c, &["type"]) == kind);
    found.is_some_and(|c| tree::text(c, &["status"]) == "True")
}

/// `1 of 2 groups are ready`. A group that is still coming up counts as not updated, so only an update tells how
/// many are of an older template.
fn text(counts: &Counts, is_updating: bool) -> String {
    let old = (counts.replicas - counts.updated).max(0);
    let rest = if is_updating && old > 0 {
        format!(", {old} of an older generation still there")
    } else {
        String::new()
    };
    format!("{} of {} groups are ready{rest}", counts.ready, counts.wanted)
}
