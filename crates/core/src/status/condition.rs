//! What is known about each condition of a service, and how it becomes `status.conditions`.

use std::collections::BTreeMap;

use llmisvc_api::conditions::{Condition, Truth, merge};
use serde_json::Value;

use super::zero;
use crate::tree;

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

/// The first that is False decides, else the first that is Unknown (messages are copied, never formatted: edge
/// W-9); else it holds, and says so where nothing runs on purpose.
pub fn roll_up(judgements: &Judgements, of: &[&str]) -> Judgement {
    let find = |status: Truth| of.iter().filter_map(|kind| judgements.get(kind)).find(|j| j.status == status);
    let wrong = find(Truth::False).or_else(|| find(Truth::Unknown));
    wrong.or_else(|| zero::asleep(judgements, of)).cloned().unwrap_or_else(Judgement::yes)
}

/// The conditions of a service as it was read; entries that do not parse are left out.
pub fn conditions_of(service: &Value) -> Vec<Condition> {
    let list = tree::list(service, &["status", "conditions"]).iter();
    list.filter_map(|c| serde_json::from_value(c.clone()).ok()).collect()
}

/// The conditions to write.
pub fn follow(old: &[Condition], new: Judgements, now: &str) -> Vec<Condition> {
    let new = new.into_iter().map(|(kind, j)| Condition::new(kind, j.status, j.reason, j.message));
    merge(old, new.collect(), now)
}
