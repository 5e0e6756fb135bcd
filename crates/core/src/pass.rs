//! What every step of a pass shares: what it works on, and what it finds.

use serde_json::Value;

use crate::facts::{Cluster, Seen};
use crate::labels::STOP;
use crate::object::Live;
use crate::settings::Settings;
use crate::tree;

/// What a pass works on.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The service as a tree: `apiVersion`, `kind`, `metadata`, `spec`, `status`.
    pub service: &'a Value,
    /// The parsed `inferenceservice-config`.
    pub settings: &'a Settings,
    /// The cluster as a whole.
    pub cluster: &'a Cluster,
    /// Answers so far.
    pub seen: &'a Seen,
    /// Live children: only what must be kept of them is read (selectors, replicas, images).
    pub live: &'a Live,
}

/// Whether the stop annotation is `true`, in any case.
pub fn is_stopped(service: &Value) -> bool {
    tree::text(service, &["metadata", "annotations", STOP]).eq_ignore_ascii_case("true")
}

/// Why nothing could be built; nothing that is live is touched.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Reason of `PresetsCombined`: `ConfigNotFound`, `CombineBaseError`, `InvalidRenderedConfig`, `Stopped`,
    /// or `ValidationUnavailable` (then the condition is Unknown).
    pub reason: &'static str,
    /// One entry per problem.
    pub findings: Vec<Finding>,
}

/// One problem, or one warning, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Field path from `spec`, such as `spec.parallelism.dataLocal`.
    pub path: String,
    /// What is wrong, with the value, and what to do.
    pub message: String,
    /// The config that the value came from; none when it is the service's own.
    pub origin: Option<String>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.origin {
            Some(config) => write!(f, " (from config {config})"),
            None => Ok(()),
        }
    }
}

impl Finding {
    /// A finding in the service's own spec.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), origin: None }
    }
}
