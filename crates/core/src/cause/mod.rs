//! Why pods do not serve (asks A7): one pod's trouble, and what it means for its workload.
//!
//! Everything is read from the status of pods, claims and workloads, never from events. [`of_pod`] judges a pod while
//! it is reduced, so that of its containers only the trouble is kept. [`crate::facts::Key::Troubles`] is answered with
//! [`answer`]; [`of_workload`] makes reason and message of it.

mod claim;
mod container;
mod creation;
mod download;
mod pod;
mod scheduling;
#[cfg(test)]
mod tests;
mod text;
mod why;
mod workload;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use claim::Claim;
pub use creation::{of_creation, policy};
pub(crate) use pod::of_pod;
pub use why::Why;
pub use workload::{Workload, of_workload};

use crate::pods::Pod;

/// What keeps a pod from serving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// What kind of trouble.
    pub why: Why,
    /// The ReplicaSet or StatefulSet that controls the pod; empty when nothing does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// The container in trouble; none when it is the pod as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What happened, as the end of a sentence whose subject is the pod or the container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// PersistentVolumeClaims that may be the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
}

/// A reason and a message, for a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// In one word, see [`llmisvc_api::conditions::reason`].
    pub reason: &'static str,
    /// Which pod and container, what happened, and what to do.
    pub message: String,
}

/// The answer to [`crate::facts::Key::Troubles`]: the pods whose trouble counts.
pub fn answer(pods: &[Pod]) -> Value {
    let counts =
        |pod: &&Pod| pod.trouble.as_ref().is_some_and(|it| it.why != Why::Evicted || matters(pod, pods));
    json!(pods.iter().filter(counts).collect::<Vec<_>>())
}

/// A pod that its node gave up stays as a record for long. It matters until one that was made in its place serves.
fn matters(evicted: &Pod, pods: &[Pod]) -> bool {
    let is_over = |pod: &&Pod| pod.trouble.as_ref().is_some_and(|it| it.why == Why::Evicted);
    let mut others = pods.iter().filter(|pod| pod.template == evicted.template && !is_over(pod)).peekable();
    others.peek().is_some() && others.all(|pod| !pod.ready)
}
