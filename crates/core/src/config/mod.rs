//! The life of a config: who uses it, whether it may go, what its status says (`reference/api.md §3.2`, `§4.6`).
//!
//! The finalizer is there exactly as long as some service uses the config, and not from the start as in KServe: what
//! nobody uses can be deleted, alone or with its namespace, also when no operator runs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::facts::{Cluster, OWN_PREFIX, Ref};
use crate::labels::{APPLIED, CONFIG_FINALIZER, MANAGED_BY, MANAGED_BY_VALUE};
use crate::tree;

mod status;
mod usage;
pub use status::{problems, status};
pub use usage::Claims;

/// What to do about a config itself, besides its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Keep,
    /// Add the finalizer: it is used from now on.
    Hold,
    /// Take the finalizer off: nobody uses it any more.
    LetGo,
    /// Delete it: a preset of an older release that nobody uses.
    Retire,
}

/// The next step, given who uses the config. `leaving`: its namespace goes and takes the operator with it, so that
/// nobody would be left to let it go later.
pub fn step(config: &Value, users: &BTreeSet<Ref>, cluster: &Cluster, leaving: bool) -> Step {
    match (is_held(config), !users.is_empty() && !leaving) {
        (true, false) => Step::LetGo,
        (false, true) if !is_deleting(config) => Step::Hold,
        (false, false) if users.is_empty() && !is_deleting(config) && is_retired(config, cluster) => {
            Step::Retire
        }
        _ => Step::Keep,
    }
}

/// Whether a deletion waits for the services that use the config.
pub fn is_blocked(config: &Value, users: &BTreeSet<Ref>) -> bool {
    is_deleting(config) && is_held(config) && !users.is_empty()
}

/// Whether our finalizer is on it.
pub fn is_held(config: &Value) -> bool {
    tree::list(config, &["metadata", "finalizers"]).iter().any(|f| f == CONFIG_FINALIZER)
}

/// Whether it is being deleted.
pub fn is_deleting(config: &Value) -> bool {
    tree::get(config, &["metadata", "deletionTimestamp"]).is_some()
}

/// A preset that an older release of this operator installed. Those of a newer one stay for the way back from a
/// rollback, and one that somebody else applied carries no hash of ours.
fn is_retired(config: &Value, cluster: &Cluster) -> bool {
    let text = |path: &[&str]| tree::text(config, path);
    let name = text(&["metadata", "name"]);
    let installed = text(&["metadata", "labels", MANAGED_BY]) == MANAGED_BY_VALUE
        && !text(&["metadata", "annotations", APPLIED]).is_empty()
        && text(&["metadata", "namespace"]) == cluster.system_namespace;
    installed
        && !name.starts_with(&cluster.config_prefix)
        && release(name) < release(OWN_PREFIX)
        && release(name).is_some()
}

/// The release in the name of a preset of ours: `llmisvc-v0-1-0-…` is 0.1.0.
fn release(name: &str) -> Option<[u64; 3]> {
    let mut parts = name.strip_prefix("llmisvc-v")?.split('-').map(str::parse);
    let mut part = || parts.next()?.ok();
    Some([part()?, part()?, part()?])
}

#[cfg(test)]
mod tests;
