//! Readiness of LeaderWorkerSets (`reference/workloads.md §15.1`).

use llmisvc_api::conditions::reason::PROGRESSING;
use serde_json::Value;

use super::condition::Judgement;
use super::view::{Part, View};
use crate::tree;

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
    let counts = Counts::of(body);
    if counts.observed < counts.generation {
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
    if counts.is_rolled_out() && holds(body, "Available") {
        return Judgement::yes();
    }
    Judgement::no(PROGRESSING, counts.text(holds(body, "UpdateInProgress")))
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

/// Numbers of groups.
struct Counts {
    generation: i64,
    observed: i64,
    wanted: i64,
    replicas: i64,
    updated: i64,
    ready: i64,
}

impl Counts {
    /// The controller says no generation that it has observed. The watch notes one where the status can only be that
    /// of an older generation.
    fn of(body: &Value) -> Self {
        let number = |path: &[&str]| tree::get(body, path).and_then(Value::as_i64);
        let status = |key: &str| number(&["status", key]);
        let generation = number(&["metadata", "generation"]).unwrap_or_default();
        Self {
            generation,
            observed: status("observedGeneration").unwrap_or(generation),
            wanted: number(&["spec", "replicas"]).unwrap_or(1),
            replicas: status("replicas").unwrap_or_default(),
            updated: status("updatedReplicas").unwrap_or_default(),
            ready: status("readyReplicas").unwrap_or_default(),
        }
    }

    /// No group of an older template is left (edge W-8).
    const fn is_rolled_out(&self) -> bool {
        self.updated >= self.wanted && self.replicas <= self.updated && self.ready >= self.wanted
    }

    /// `1 of 2 groups are ready`. A group that is still coming up counts as not updated, so only an update tells how
    /// many are of an older template.
    fn text(&self, is_updating: bool) -> String {
        let old = (self.replicas - self.updated).max(0);
        let rest = if is_updating && old > 0 {
            format!(", {old} of an older generation still there")
        } else {
            String::new()
        };
        format!("{} of {} groups are ready{rest}", self.ready, self.wanted)
    }
}
