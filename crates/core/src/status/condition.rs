//! Conditions of a service: kinds of them, and how a new set follows an old one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tree;

/// Condition types, as in `reference/router.md §15.2`, and the advisory `SpecIgnored`.
pub mod kind {
    /// Merge, rendering and validation.
    pub const PRESETS_COMBINED: &str = "PresetsCombined";
    /// Main or decode Deployment.
    pub const MAIN_WORKLOAD: &str = "MainWorkloadReady";
    /// Prefill Deployment.
    pub const PREFILL_WORKLOAD: &str = "PrefillWorkloadReady";
    /// Roll-up of the workloads.
    pub const WORKLOADS: &str = "WorkloadsReady";
    /// Gateways in use.
    pub const GATEWAYS: &str = "GatewaysReady";
    /// Managed and referenced routes.
    pub const HTTP_ROUTES: &str = "HTTPRoutesReady";
    /// Pool, ours or the referenced one.
    pub const INFERENCE_POOL: &str = "InferencePoolReady";
    /// Endpoint picker.
    pub const SCHEDULER: &str = "SchedulerWorkloadReady";
    /// Roll-up of everything between gateway and pods.
    pub const ROUTER: &str = "RouterReady";
    /// Roll-up of it all.
    pub const READY: &str = "Ready";
    /// Warnings: fields that take no effect and the like.
    pub const SPEC_IGNORED: &str = "SpecIgnored";
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

/// What is known about one condition at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it holds.
    pub status: Truth,
    /// Why not, in one word.
    pub reason: String,
    /// Why not, and what to do.
    pub message: String,
}

impl Judgement {
    /// It holds.
    pub fn yes() -> Self {
        Self { status: Truth::True, reason: String::new(), message: String::new() }
    }

    /// It does not hold.
    pub fn no(reason: &str, message: impl Into<String>) -> Self {
        Self { status: Truth::False, reason: reason.to_owned(), message: message.into() }
    }

    /// Nobody can tell.
    pub fn unknown(reason: &str, message: impl Into<String>) -> Self {
        Self { status: Truth::Unknown, reason: reason.to_owned(), message: message.into() }
    }
}

/// Judgements by condition type.
pub type Judgements = BTreeMap<&'static str, Judgement>;

/// A condition as it stands in `status.conditions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Status.
    pub status: Truth,
    /// Empty for `Ready` and what it depends on, `Info` for all others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// When the status last changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_transition_time: String,
    /// Reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// The first that is False decides, else the first that is Unknown (messages are copied, never formatted: edge
/// W-9); else it holds.
pub fn roll_up(judgements: &Judgements, of: &[&str]) -> Judgement {
    let find = |status: Truth| of.iter().filter_map(|kind| judgements.get(kind)).find(|j| j.status == status);
    find(Truth::False).or_else(|| find(Truth::Unknown)).cloned().unwrap_or_else(Judgement::yes)
}

/// The conditions of a service as it was read; entries that do not parse are left out.
pub fn conditions_of(service: &Value) -> Vec<Condition> {
    let list = tree::list(service, &["status", "conditions"]).iter();
    list.filter_map(|c| serde_json::from_value(c.clone()).ok()).collect()
}

/// The new set, sorted by type. The time moves only when the status does.
pub fn follow(old: &[Condition], new: Judgements, now: &str) -> Vec<Condition> {
    new.into_iter().map(|(kind, judgement)| condition(old, kind, judgement, now)).collect()
}

fn condition(old: &[Condition], kind: &str, judgement: Judgement, now: &str) -> Condition {
    let before = old.iter().find(|c| c.kind == kind && c.status == judgement.status);
    let since = before.map(|c| c.last_transition_time.as_str()).filter(|t| !t.is_empty()).unwrap_or(now);
    let dependent = [kind::READY, kind::PRESETS_COMBINED, kind::WORKLOADS, kind::ROUTER].contains(&kind);
    Condition {
        kind: kind.to_owned(),
        status: judgement.status,
        severity: if dependent { String::new() } else { "Info".to_owned() },
        last_transition_time: since.to_owned(),
        reason: judgement.reason,
        message: judgement.message,
    }
}
