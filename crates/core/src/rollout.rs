//! How far a workload's rollout has come, as its live object tells.

use llmisvc_kinds::Kind;
use serde_json::Value;

use crate::object::Object;
use crate::tree;

/// The numbers in a live Deployment, or in a LeaderWorkerSet, where they count groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Generation of the spec.
    pub generation: i64,
    /// The one that the other numbers are about.
    pub observed: i64,
    /// Wanted in all.
    pub wanted: i64,
    /// There now, of whatever template.
    pub replicas: i64,
    /// Of those, made from the newest template.
    pub updated: i64,
    /// Those that serve: available pods, ready groups.
    pub ready: i64,
}

impl Counts {
    /// Of a live object of this kind. The controller of LeaderWorkerSets says no generation that it has observed; one
    /// is noted where its status can only be that of an older one.
    pub fn of(kind: Kind, live: &Value) -> Self {
        let number = |path: &[&str]| tree::get(live, path).and_then(Value::as_i64);
        let status = |key: &str| number(&["status", key]);
        let generation = number(&["metadata", "generation"]).unwrap_or_default();
        let (ready, unsaid) = match kind {
            Kind::LeaderWorkerSet => ("readyReplicas", generation),
            _ => ("availableReplicas", 0),
        };
        Self {
            generation,
            observed: status("observedGeneration").unwrap_or(unsaid),
            wanted: number(&["spec", "replicas"]).unwrap_or(1),
            replicas: status("replicas").unwrap_or_default(),
            updated: status("updatedReplicas").unwrap_or_default(),
            ready: status(ready).unwrap_or_default(),
        }
    }

    /// The numbers are about the newest generation.
    pub const fn is_observed(&self) -> bool {
        self.observed >= self.generation
    }

    /// None of an older template is left.
    pub const fn is_of_one_template(&self) -> bool {
        self.replicas <= self.updated
    }

    /// All that are wanted are of the newest template, and no others are left (edge W-8).
    pub const fn is_updated(&self) -> bool {
        self.updated >= self.wanted && self.is_of_one_template()
    }
}

/// All pods that are wanted are of the newest template and ready, and no older ones are left.
pub fn is_complete(desired: &Object, live: &Value) -> bool {
    let mut counts = Counts::of(desired.kind, live);
    if let Some(wanted) = tree::get(&desired.body, &["spec", "replicas"]).and_then(Value::as_i64) {
        counts.wanted = wanted;
    }
    counts.is_observed() && counts.is_updated() && counts.ready >= counts.wanted
}
