//! A service after validation: no `Option` that a builder would have to guess about.

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::Value;

use crate::labels::Labels;

pub use crate::build::argv::{ExtraArgs, Spread};
pub use crate::fit::Fit;
pub use crate::revision::LivePair;
pub use crate::validate::account::Account;
pub use crate::validate::dra::{ClaimTemplate, Claims, Devices};
pub use crate::validate::kv_cache::{KvCache, Store, Tier};
pub use crate::validate::monitoring::Monitors;
pub use crate::validate::routing::{ExternalPool, Ingress, Route, Routing, Scheduler, Tokenizer};
pub use crate::validate::scaling::{Scaler, Scaling, Variant};
pub use crate::validate::storage::Weights;
pub use crate::validate::tracing::Tracing;

/// Who the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`; absent offline, and then no owner reference is emitted.
    pub uid: Option<String>,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `metadata.annotations`.
    pub annotations: Labels,
}

/// The service that `build` works on.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidService {
    /// Who it is.
    pub id: Identity,
    /// Stop annotation is `true`: nothing is desired.
    pub stopped: bool,
    /// Components talk TLS.
    pub tls: bool,
    /// Cluster DNS domain.
    pub domain: String,
    /// Name that requests use for the model.
    pub model: String,
    /// LoRA adapter names, sorted.
    pub adapters: Vec<String>,
    /// Main workload, or decode where there is a prefill one.
    pub decode: Workload,
    /// Prefill workload.
    pub prefill: Option<Workload>,
    /// What runs of prefill and decode; none unless both do.
    pub live_pair: Option<LivePair>,
    /// Scheduler, pool and route.
    pub routing: Routing,
    /// Managed DRA.
    pub claims: Claims,
    /// Who collects its metrics.
    pub monitors: Monitors,
}

/// What a workload's pods do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Prefill and decode in one pod.
    Both,
    /// Decode only.
    Decode,
    /// Prefill only.
    Prefill,
}

impl Role {
    /// Value of the label `llm-d.ai/role`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Decode => "decode",
            Self::Prefill => "prefill",
        }
    }
}

/// One workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What its pods do.
    pub role: Role,
    /// Pods wanted; none leaves the live count to whoever scales.
    pub replicas: Option<i64>,
    /// What scales it, when that is an object of ours.
    pub scaling: Option<Scaling>,
    /// `spec.labels` or `spec.prefill.labels`.
    pub labels: Labels,
    /// `spec.annotations` or `spec.prefill.annotations`.
    pub annotations: Labels,
    /// `rolloutStrategy`: `{maxUnavailable, maxSurge}` as given, or null.
    pub rollout: Value,
    /// Parallelism of the workload.
    pub parallelism: Parallelism,
    /// Selector of the live Deployment, kept as it is (selectors are immutable).
    pub live_selector: Option<Labels>,
    /// Identity of the pods.
    pub account: Account,
    /// What its pods look like.
    pub pods: Pods,
}

/// The pods of one replica.
#[derive(Clone, Debug, PartialEq)]
pub enum Pods {
    /// One pod; the workload is a Deployment.
    Single(Box<PodTemplate>),
    /// A group of pods on several nodes; the workload is a LeaderWorkerSet.
    Group(Box<Group>),
}

/// A leader and its workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Pods in a group, the leader included.
    pub size: i64,
    /// `subGroupPolicy.subGroupSize`.
    pub sub_group: Option<i64>,
    /// The pod that answers requests; none when all pods come from the worker template.
    pub leader: Option<PodTemplate>,
    /// All other pods.
    pub worker: PodTemplate,
}

/// Where a pod stands in its replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It is the whole replica.
    Single,
    /// First pod of a group.
    Leader,
    /// Any other pod of a group, or any pod of a group without leader template.
    Worker,
}

/// One pod template with what is decided about it.
#[derive(Clone, Debug, PartialEq)]
pub struct PodTemplate {
    /// Where its pods stand.
    pub position: Position,
    /// Merged and rendered pod spec.
    pub pod: Value,
    /// `serviceAccountName`; none for the namespace's default account.
    pub account: Option<String>,
    /// vLLM version from the preset, when the merged command is exactly a preset's of ours: then the core
    /// composes the flags (design: "the core composes argv"). None: a foreign command, left alone.
    pub composed_for: Option<String>,
    /// Resource that the accelerator count goes to, and how many; none when the user or the live
    /// workload says otherwise.
    pub accelerators: Option<(String, i64)>,
    /// Model mount and download.
    pub weights: Weights,
    /// `VLLM_ADDITIONAL_ARGS` of `main`, for composed commands.
    pub extra_args: ExtraArgs,
    /// Flags that a preset or config adds to the generated ones, each with its values.
    pub added: Vec<Vec<String>>,
    /// A routing sidecar stands in front of vLLM.
    pub sidecar: bool,
    /// How its ranks reach the other pods of the group; none for a single pod.
    pub spread: Option<Spread>,
    /// Tiers below the KV cache in accelerator memory.
    pub kv_cache: Option<KvCache>,
    /// Where its traces go.
    pub tracing: Option<Tracing>,
    /// Whether the weights fit the accelerators, as far as that is known.
    pub fit: Option<Fit>,
}

impl PodTemplate {
    /// Port of vLLM: a routing sidecar before it takes the one that requests come to.
    pub const fn port(&self) -> u16 {
        if self.sidecar { 8001 } else { 8000 }
    }

    /// A template about which nothing is decided yet.
    pub const fn bare(position: Position, pod: Value) -> Self {
        Self {
            position,
            pod,
            account: None,
            composed_for: None,
            accelerators: None,
            weights: Weights::NONE,
            extra_args: ExtraArgs::Words(Vec::new()),
            added: Vec::new(),
            sidecar: false,
            spread: None,
            kv_cache: None,
            tracing: None,
            fit: None,
        }
    }
}

impl Workload {
    /// A workload about which nothing is decided yet.
    pub fn bare(role: Role) -> Self {
        Self {
            role,
            replicas: None,
            scaling: None,
            labels: Labels::new(),
            annotations: Labels::new(),
            rollout: Value::Null,
            parallelism: Parallelism::default(),
            live_selector: None,
            account: Account::Default,
            pods: Pods::Single(Box::new(PodTemplate::bare(Position::Single, Value::Null))),
        }
    }

    /// As many replicas as it may come to have, as far as the service says.
    pub fn most_replicas(&self) -> Option<i64> {
        self.replicas.or_else(|| self.scaling.as_ref().map(|scaling| scaling.max))
    }

    /// The name of its Deployment or LeaderWorkerSet.
    pub fn name(&self, service: &str) -> String {
        crate::names::workload(service, self.role, self.is_group())
    }

    /// Its replicas are groups of pods.
    pub const fn is_group(&self) -> bool {
        matches!(self.pods, Pods::Group(_))
    }

    /// Its pod templates, the one that answers requests first.
    pub fn templates(&self) -> impl Iterator<Item = &PodTemplate> {
        let (first, second) = match &self.pods {
            Pods::Single(only) => (Some(only.as_ref()), None),
            Pods::Group(group) => (group.leader.as_ref(), Some(&group.worker)),
        };
        first.into_iter().chain(second)
    }

    /// The same, to change them.
    pub fn templates_mut(&mut self) -> impl Iterator<Item = &mut PodTemplate> {
        let (first, second) = match &mut self.pods {
            Pods::Single(only) => (Some(only.as_mut()), None),
            Pods::Group(group) => (group.leader.as_mut(), Some(&mut group.worker)),
        };
        first.into_iter().chain(second)
    }

    /// The pod that answers requests.
    pub fn serving(&self) -> &PodTemplate {
        match &self.pods {
            Pods::Single(only) => only,
            Pods::Group(group) => group.leader.as_ref().unwrap_or(&group.worker),
        }
    }

    /// A routing sidecar stands in front of vLLM in one of its pods.
    pub fn has_sidecar(&self) -> bool {
        self.templates().any(|template| template.sidecar)
    }

    /// True when the preset below the pod is one of ours, whatever its command has become.
    pub fn is_own_preset(&self) -> bool {
        self.annotations.contains_key(crate::labels::VLLM_VERSION)
    }
}
