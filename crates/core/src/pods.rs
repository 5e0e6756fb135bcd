//! Pods, reduced to what is decided from them, and whether a rollout waits for room.
//!
//! Whoever reads pods decodes a [`Body`], which skips everything else of a pod while it is parsed, and keeps a
//! [`Pod`]. [`crate::facts::Key::Pods`] is answered with [`answer`], and [`read`] reads that.

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_kinds::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cause::Trouble;
use crate::rollout::Counts;
use crate::validate::accelerator::is_extended;

mod body;
mod leaf;
pub(crate) mod shown;
#[cfg(test)]
mod tests;

pub use body::Body;

/// A pod of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Which part of the service it is, see [`crate::labels::Component`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub component: String,
    /// `both`, `decode` or `prefill`; empty for other pods.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// Label [`crate::labels::KV_REVISION`]; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// Annotation [`crate::labels::RESTARTED_AT`]; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub restarted: String,
    /// Hash of the pod template that it was made from: pods of one workload that differ in it are of different
    /// generations.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template: String,
    /// Its place in its group; none for a pod that is in no group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_index: Option<u32>,
    /// It has a node, and holds there what it requests.
    #[serde(skip_serializing_if = "is_default")]
    pub placed: bool,
    /// It serves.
    #[serde(skip_serializing_if = "is_default")]
    pub ready: bool,
    /// It is on its way out.
    #[serde(skip_serializing_if = "is_default")]
    pub deleting: bool,
    /// What it requests of each resource, in thousandths.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, i64>,
    /// Hash of what else decides on which nodes it may run: node selector, affinity, tolerations.
    #[serde(skip_serializing_if = "is_default")]
    pub constraints: u64,
    /// Why no node takes it, in the scheduler's words; given only once this has lasted a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// What keeps it from serving; absent on one that serves or is about to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Box<Trouble>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The answer to [`crate::facts::Key::Pods`].
pub fn answer(pods: &[Pod]) -> Value {
    json!(pods)
}

/// The pods in an answer; none in one that is no such answer.
pub fn read(answer: &Value) -> Vec<Pod> {
    Vec::deserialize(answer).unwrap_or_default()
}

/// Whether pods of an older template of a Deployment or LeaderWorkerSet are still there.
pub fn is_rolling(workload: &Value) -> bool {
    // Both kinds count alike what is of which template.
    !Counts::of(Kind::Deployment, workload).is_of_one_template()
}

/// A pod that no node takes, while nothing is under way that would make room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The scheduler's message.
    pub message: &'a str,
    /// The accelerators that are short: extended resources that the pod requests.
    pub lacking: Vec<&'a str>,
    /// Pods of other templates that hold some of what is short; any that are placed when no accelerator is.
    pub holders: Vec<&'a Pod>,
}

/// Why one workload's rollout does not go on, if it does not. `pods` are those of the workload.
pub fn stuck<'a>(pods: impl Iterator<Item = &'a Pod> + Clone) -> Option<Stuck<'a>> {
    let blocked = pods.clone().filter(|pod| !pod.deleting);
    let mut blocked = blocked.filter_map(|pod| Some((pod, pod.blocked.as_deref()?)));
    let (pod, message) = blocked.find(|(pod, _)| !pods.clone().any(|other| makes_headway(pod, other)))?;
    let requested = |name: &&str| pod.requests.contains_key(*name);
    let short = insufficient(message).into_iter();
    let lacking: Vec<&str> = short.filter(|name| is_accelerator(name)).filter(requested).collect();
    let holds = |other: &&Pod| {
        let some = lacking.is_empty() || lacking.iter().any(|name| other.requests.contains_key(*name));
        other.template != pod.template && other.placed && !other.deleting && some
    };
    let holders = pods.filter(holds).collect();
    Some(Stuck { pod, message, lacking, holders })
}

/// What `other` does will, in time, let the rollout go on: an old pod is leaving, or a new one is starting. Of a
/// group the placed pods wait for the others, so they say nothing.
fn makes_headway(blocked: &Pod, other: &Pod) -> bool {
    if other.template == blocked.template {
        other.worker_index.is_none() && other.placed && !other.ready
    } else {
        other.deleting
    }
}

impl Stuck<'_> {
    /// Accelerators are short, and one old pod less is enough for the new pod: it asks for no more of whatever is
    /// short, and may run wherever the old one does.
    pub fn makes_room(&self) -> bool {
        let short = insufficient(self.message);
        let of = |pod: &Pod, name: &str| pod.requests.get(name).copied().unwrap_or_default();
        let fits = |old: &&Pod| {
            old.constraints == self.pod.constraints
                && short.iter().all(|name| of(self.pod, name) <= of(old, name))
        };
        !self.lacking.is_empty() && self.holders.iter().any(fits)
    }
}

/// The resources that the scheduler's message says to be short: `3 Insufficient nvidia.com/gpu, 1 …`.
fn insufficient(message: &str) -> BTreeSet<&str> {
    let names = message.split("Insufficient ").skip(1);
    let names = names.filter_map(|rest| rest.split([' ', ',', ';']).next());
    names.map(|name| name.trim_end_matches('.')).collect()
}

fn is_accelerator(resource: &str) -> bool {
    is_extended(resource) && !resource.starts_with("hugepages-")
}
