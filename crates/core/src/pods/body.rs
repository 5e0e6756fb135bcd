//! A pod as the API server shows it, of which only what [`Pod`] needs is ever kept in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Pod;
use super::leaf::Digest;
use super::shown::{Container, Named, Owner, Status, Volume};
use crate::cause;
use crate::facts::Ref;

/// A pod while it is decoded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    namespace: String,
    resource_version: String,
    pub(crate) deletion_timestamp: Option<IgnoredAny>,
    labels: Labels,
    annotations: Annotations,
    pub(crate) owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "llmisvc.io/restarted-at")]
    restarted: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "app.kubernetes.io/name")]
    service: String,
    #[serde(rename = "app.kubernetes.io/component")]
    component: String,
    #[serde(rename = "llm-d.ai/role")]
    role: String,
    #[serde(rename = "llmisvc.io/kv-revision")]
    revision: String,
    #[serde(rename = "pod-template-hash")]
    deployment: String,
    #[serde(rename = "leaderworkerset.sigs.k8s.io/template-revision-hash")]
    group: String,
    #[serde(rename = "controller-revision-hash")]
    stateful: String,
    #[serde(rename = "leaderworkerset.sigs.k8s.io/worker-index")]
    worker_index: String,
}

impl Labels {
    /// A group's own hash comes before that of the StatefulSet that makes its pods.
    fn template(&mut self) -> String {
        let hashes = [&mut self.deployment, &mut self.group, &mut self.stateful];
        hashes.into_iter().find(|hash| !hash.is_empty()).map(std::mem::take).unwrap_or_default()
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spec {
    pub(crate) node_name: String,
    pub(crate) containers: Vec<Container>,
    pub(crate) init_containers: Vec<Container>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) scheduling_gates: Vec<Named>,
    node_selector: Digest,
    affinity: Digest,
    tolerations: Digest,
}

impl Body {
    /// Namespace and name.
    pub fn place(&self) -> Ref {
        Ref::new(&self.metadata.namespace, &self.metadata.name)
    }

    /// Name of the service that it belongs to.
    pub fn service(&self) -> &str {
        &self.metadata.labels.service
    }

    /// `metadata.resourceVersion`.
    pub fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }

    /// What is kept of it. It counts as blocked from the first moment: whoever has a clock gives it time.
    pub fn reduce(mut self) -> Pod {
        let over = matches!(self.status.phase.as_str(), "Succeeded" | "Failed");
        let trouble = cause::of_pod(&self).map(Box::new);
        let (template, blocked) = (self.metadata.labels.template(), self.blocked());
        Pod {
            component: self.metadata.labels.component,
            role: self.metadata.labels.role,
            revision: self.metadata.labels.revision,
            restarted: self.metadata.annotations.restarted,
            template,
            worker_index: self.metadata.labels.worker_index.parse().ok(),
            placed: !self.spec.node_name.is_empty() && !over,
            ready: self.status.holds("Ready"),
            deleting: self.metadata.deletion_timestamp.is_some(),
            requests: self.spec.requests(),
            constraints: self.spec.constraints(),
            blocked,
            trouble,
            name: self.metadata.name,
        }
    }

    fn blocked(&mut self) -> Option<String> {
        let scheduled = self.status.conditions.iter_mut().find(|c| c.kind == "PodScheduled");
        let refused = scheduled.filter(|c| c.status == "False" && c.reason == "Unschedulable");
        refused.map(|c| std::mem::take(&mut c.message))
    }
}

impl Spec {
    /// As the scheduler counts: all containers and sidecars together, or the largest step before them.
    pub(crate) fn requests(&self) -> BTreeMap<String, i64> {
        let (sidecars, steps): (Vec<_>, Vec<_>) =
            self.init_containers.iter().partition(|c| c.restart_policy == "Always");
        let mut total = BTreeMap::new();
        for (name, amount) in self.containers.iter().chain(sidecars).flat_map(|c| &c.resources.requests) {
            let sum = total.entry(name.clone()).or_insert(0_i64);
            *sum = sum.saturating_add(amount.0);
        }
        for (name, amount) in steps.into_iter().flat_map(|c| &c.resources.requests) {
            let most = total.entry(name.clone()).or_insert(0);
            *most = amount.0.max(*most);
        }
        total
    }

    fn constraints(&self) -> u64 {
        let parts = (self.node_selector.0, self.affinity.0, self.tolerations.0);
        if parts == (0, 0, 0) {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        hasher.finish()
    }
}
