//! Stand-ins for parts of the core that are being written: the same names and shapes.
#![allow(dead_code)]

use llmisvc_core::Decision;
use llmisvc_core::facts::{Cluster, Seen};
use llmisvc_core::object::Live;
use llmisvc_core::settings::Settings;
use llmisvc_kinds::Kind;
use serde_json::Value;

/// What a status is made from.
#[allow(missing_docs)]
pub struct StatusInput<'a> {
    pub service: &'a Value,
    pub decision: &'a Decision,
    pub settings: &'a Settings,
    pub cluster: &'a Cluster,
    pub seen: &'a Seen,
    pub live: &'a Live,
    pub refused: &'a [Refusal],
    pub now: &'a str,
}

/// A child that could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Refusal {
    pub kind: Kind,
    pub name: String,
    pub reason: RefusalReason,
    pub message: String,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RefusalReason {
    Invalid,
    Taken,
    NotServed,
    Other,
}

/// Keeps the status as it is.
pub fn status(input: &StatusInput<'_>) -> Value {
    input.service.get("status").cloned().unwrap_or_default()
}

/// No presets.
pub fn shipped() -> Vec<Value> {
    Vec::new()
}
