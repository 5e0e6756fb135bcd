//! Readiness of Deployments (`reference/workloads.md §15.1`, `reference/router.md §10.7`).

use llmisvc_api::conditions::Truth;
use llmisvc_api::conditions::reason::{PROGRESS_DEADLINE_EXCEEDED as DEADLINE, PROGRESSING};
use serde_json::Value;

use super::cause::{STILL_SERVE, Unready, of_pods};
use super::condition::Judgement;
use super::view::{Part, View};
use crate::cause::{Cause, of_creation};
use crate::tree;

/// Main or decode Deployment.
pub(super) fn main(view: &View<'_>) -> Option<Judgement> {
    view.has(Part::Main).then(|| deployment(view, Part::Main, rolled_out))
}

/// Prefill Deployment.
pub(super) fn prefill(view: &View<'_>) -> Option<Judgement> {
    view.has(Part::Prefill).then(|| deployment(view, Part::Prefill, rolled_out))
}

/// Endpoint picker: standbys stay unready on purpose, so one available pod is enough.
pub(super) fn scheduler(view: &View<'_>) -> Option<Judgement> {
    view.has(Part::Scheduler).then(|| deployment(view, Part::Scheduler, one_available))
}

/// Tokenizer.
pub(super) fn tokenizer(view: &View<'_>) -> Option<Judgement> {
    view.has(Part::Tokenizer).then(|| deployment(view, Part::Tokenizer, one_available))
}

fn deployment(view: &View<'_>, part: Part, judge: fn(&Counts<'_>) -> Judgement) -> Judgement {
    let name = part.name(view.name);
    let path = view.path(&name);
    let Some(body) = view.live(part.kind(), &name) else {
        return Judgement::no(PROGRESSING, format!("Deployment {path} has not been created yet"));
    };
    let counts = Counts::of(body);
    if counts.observed < counts.generation {
        let message =
            format!("Deployment {path}: generation {} has not been observed yet", counts.generation);
        return Judgement::no(PROGRESSING, message);
    }
    let judgement = judge(&counts);
    let cause = (judgement.status != Truth::True).then(|| cause(view, part, &counts)).flatten();
    cause.map_or(judgement, |cause| cause.judgement(&counts.in_trouble()))
}

/// What keeps pods from being made, else what keeps those that there are from serving.
fn cause(view: &View<'_>, part: Part, counts: &Counts<'_>) -> Option<Cause> {
    let refused = counts.condition("ReplicaFailure").filter(|(status, ..)| *status == "True");
    let newest = counts.newest().filter(|_| counts.updated > 0);
    let unready = Unready { part, newest, wanted: counts.wanted };
    refused.map(|(.., message)| of_creation(message)).or_else(|| of_pods(view, &unready))
}

/// Ready only when the newest generation is rolled out (edges W-8, 41).
fn rolled_out(counts: &Counts<'_>) -> Judgement {
    if let Some(("False", DEADLINE, message)) = counts.condition("Progressing") {
        return Judgement::no(DEADLINE, format!("{message}; {}", counts.text()));
    }
    let updated = counts.updated >= counts.wanted && counts.replicas <= counts.updated;
    if updated && (counts.available >= counts.wanted || counts.is_settled()) {
        return Judgement::yes();
    }
    match counts.condition("Available") {
        // Nothing serves, so say what the Deployment says.
        Some(("False", reason, message)) => Judgement::no(reason, format!("{}: {message}", counts.text())),
        _ => Judgement::no(PROGRESSING, counts.text()),
    }
}

fn one_available(counts: &Counts<'_>) -> Judgement {
    if counts.available > 0 && counts.updated > 0 && counts.replicas <= counts.updated {
        return Judgement::yes();
    }
    match (counts.condition("Progressing"), counts.condition("Available")) {
        (Some(("False", DEADLINE, message)), _) => Judgement::no(DEADLINE, message),
        (_, Some(("False", reason, message))) => {
            Judgement::no(reason, format!("{}: {message}", counts.text()))
        }
        _ => Judgement::no(PROGRESSING, counts.text()),
    }
}

struct Counts<'a> {
    body: &'a Value,
    generation: i64,
    observed: i64,
    wanted: i64,
    replicas: i64,
    updated: i64,
    available: i64,
}

impl<'a> Counts<'a> {
    fn of(body: &'a Value) -> Self {
        let number = |path: &[&str]| tree::get(body, path).and_then(Value::as_i64);
        let status = |key: &str| number(&["status", key]).unwrap_or_default();
        Self {
            body,
            generation: number(&["metadata", "generation"]).unwrap_or_default(),
            observed: status("observedGeneration"),
            wanted: number(&["spec", "replicas"]).unwrap_or(1),
            replicas: status("replicas"),
            updated: status("updatedReplicas"),
            available: status("availableReplicas"),
        }
    }

    /// Status, reason and message of a condition.
    fn condition(&self, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
        let conditions = tree::list(self.body, &["status", "conditions"]);
        let found = conditions.iter().find(|c| tree::text(c, &["type"]) == kind)?;
        Some((
            tree::text(found, &["status"]),
            tree::text(found, &["reason"]),
            tree::text(found, &["message"]),
        ))
    }

    /// Hash of the newest pod template: the newest ReplicaSet, which the Deployment names while it says how far that
    /// is, has it at the end of its name.
    fn newest(&self) -> Option<&'a str> {
        let (.., message) = self.condition("Progressing")?;
        let name = message.split('"').nth(1)?;
        name.rsplit_once('-').map(|(_, hash)| hash)
    }

    /// Beside a cause: how far it is, and whether it serves all the same.
    fn in_trouble(&self) -> String {
        let older_serve = self.replicas > self.updated && self.available > 0;
        format!("{}{}", self.text(), if older_serve { STILL_SERVE } else { "" })
    }

    /// The rollout was complete once and enough pods are up: a single lost pod is no rollout.
    fn is_settled(&self) -> bool {
        matches!(self.condition("Progressing"), Some((_, "NewReplicaSetAvailable", _)))
            && matches!(self.condition("Available"), Some(("True", ..)))
    }

    /// `1 of 2 updated pods are ready`; pods of older templates count as not ready.
    fn text(&self) -> String {
        let old = (self.replicas - self.updated).max(0);
        let ready = (self.available - old).clamp(0, self.updated);
        let rest =
            if old > 0 { format!(", {old} of an older generation still there") } else { String::new() };
        format!("{ready} of {} updated pods are ready{rest}", self.wanted)
    }
}
