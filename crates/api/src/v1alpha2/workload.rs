//! The spec and the workload fields that it shares with `prefill` (`reference/api.md §2.1, §2.3, §2.7`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decode::without_nulls;
use super::{KvCacheOffloading, Model, Parallelism, Router, Scaling, StorageInitializer, Tracing};
use crate::crd::{cel, nodes};

/// Spec of both kinds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LlmInferenceServiceSpec {
    /// Base model and adapters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Switch of the model download.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_initializer: Option<StorageInitializer>,
    /// Main workload; with `prefill`, the decode workload.
    #[serde(flatten)]
    pub workload: Workload,
    /// Prefill workload; presence turns disaggregation on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill: Option<Workload>,
    /// Route, gateway and scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<Router>,
    /// OpenTelemetry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
    /// Configs to merge below this spec, lowest precedence first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_refs: Option<Vec<NameRef>>,
}

/// One workload: a Deployment, or with `worker` a LeaderWorkerSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::rules(cel::WORKLOAD)))]
pub struct Workload {
    /// Replica count; absent leaves the live value alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,
    /// Autoscaling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// Tensor, pipeline, data and expert parallelism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<Parallelism>,
    /// Labels of the pods.
    #[serde(default, deserialize_with = "without_nulls", skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the pods.
    #[serde(default, deserialize_with = "without_nulls", skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Pod spec, or that of the leader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::pod_spec")]
    pub template: Option<Value>,
    /// Pod spec of the workers of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::pod_spec")]
    pub worker: Option<Value>,
    /// Tiers below the KV cache in accelerator memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_cache_offloading: Option<KvCacheOffloading>,
    /// Limits of a rolling update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout_strategy: Option<RolloutStrategy>,
}

/// Limits of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStrategy {
    /// Pods that may be missing, as a count or a percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// Pods that may be there in addition, as a count or a percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrString>,
}

/// Reference by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct NameRef {
    /// Name.
    #[serde(default)]
    pub name: String,
}
