//! A service after validation: no `Option` that a builder would have to guess about.

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::Value;

use crate::labels::Labels;

pub use crate::build::argv::ExtraArgs;
pub use crate::validate::account::Account;
pub use crate::validate::routing::{ExternalPool, Route, Routing, Scheduler};
pub use crate::validate::storage::Download;

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
    /// Scheduler, pool and route.
    pub routing: Routing,
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
    /// `spec.labels` or `spec.prefill.labels`.
    pub labels: Labels,
    /// `spec.annotations` or `spec.prefill.annotations`.
    pub annotations: Labels,
    /// Merged and rendered pod spec.
    pub pod: Value,
    /// `rolloutStrategy`: `{maxUnavailable, maxSurge}` as given, or null.
    pub rollout: Value,
    /// Parallelism of the workload.
    pub parallelism: Parallelism,
    /// vLLM version from the preset, when the merged command is exactly a preset's of ours: then the core
    /// composes the flags (design: "the core composes argv"). None: a foreign command, left alone.
    pub composed_for: Option<String>,
    /// Resource that the accelerator count goes to, and how many; none when the user or the live
    /// workload says otherwise.
    pub accelerators: Option<(String, i64)>,
    /// Model mount and download.
    pub download: Download,
    /// Selector of the live Deployment, kept as it is (selectors are immutable).
    pub live_selector: Option<Labels>,
    /// `VLLM_ADDITIONAL_ARGS` of `main`, for composed commands.
    pub extra_args: ExtraArgs,
    /// The generated flags move KV caches between prefill and decode.
    pub kv_transfer: bool,
    /// Identity of the pods.
    pub account: Account,
    /// A routing sidecar stands in front of vLLM.
    pub sidecar: bool,
}

impl Workload {
    /// The name of its Deployment.
    pub fn name(&self, service: &str) -> String {
        match self.role {
            Role::Both | Role::Decode => crate::names::decode(service),
            Role::Prefill => crate::names::prefill(service),
        }
    }

    /// True when the preset below the pod is one of ours, whatever its command has become.
    pub fn is_own_preset(&self) -> bool {
        self.annotations.contains_key(crate::labels::VLLM_VERSION)
    }
}
