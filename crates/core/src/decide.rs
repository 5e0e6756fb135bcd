//! One pass from a service to its desired objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::facts::{Cluster, Key, Seen};
use crate::object::{Live, Object};
use crate::resolve::AppliedConfig;
use crate::settings::Settings;
use crate::valid::ValidService;

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

/// The result of a pass.
#[derive(Debug)]
pub enum Step {
    /// These keys have to be answered first.
    Need(BTreeSet<Key>),
    /// Decided.
    Done(Box<Decision>),
}

/// Everything decided about one service.
#[derive(Debug)]
pub struct Decision {
    /// Configs that were merged, lowest precedence first.
    pub applied_configs: Vec<AppliedConfig>,
    /// Preset names to pin in `status.annotations`.
    pub pins: BTreeMap<String, String>,
    /// Things a user should know that block nothing.
    pub warnings: Vec<Finding>,
    /// The service and its objects, or why there are none.
    pub outcome: Result<Desired, Fault>,
}

/// A validated service and its children in apply order.
#[derive(Debug)]
pub struct Desired {
    /// The service after validation.
    pub service: ValidService,
    /// Children, in apply order. Empty when the service is stopped.
    pub objects: Vec<Object>,
}

/// Why nothing could be built; nothing that is live is touched.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Reason of `PresetsCombined`: `ConfigNotFound`, `CombineBaseError`, `InvalidRenderedConfig`,
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

/// Resolves, merges, renders, validates and builds.
pub fn decide(_inputs: &Inputs<'_>) -> Step {
    Step::Need(BTreeSet::new())
}
