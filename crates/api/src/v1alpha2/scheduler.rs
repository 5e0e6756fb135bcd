//! `router.scheduler` (`reference/api.md §2.9–2.10`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NameRef;
use super::decode::without_nulls;
use crate::crd::nodes;

/// Endpoint picker and pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scheduler {
    /// Endpoint picker replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Labels of the endpoint picker's pods.
    #[serde(default, deserialize_with = "without_nulls", skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the endpoint picker's pods.
    #[serde(default, deserialize_with = "without_nulls", skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Pod spec of the endpoint picker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::pod_spec")]
    pub template: Option<Value>,
    /// Scheduler configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<SchedulerConfig>,
    /// InferencePool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Standalone tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<Tokenizer>,
}

/// Scheduler configuration: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulerConfig {
    /// `EndpointPickerConfig` document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::any_object")]
    pub inline: Option<Value>,
    /// ConfigMap that holds the document.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<ConfigMapKeyRef>,
}

/// Key of a ConfigMap in the namespace of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ConfigMapKeyRef {
    /// ConfigMap name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Key; `epp` when absent or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the ConfigMap or the key may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// InferencePool: one of the user's, or the spec of ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// Pool that the user manages; a name here wins over `spec`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<NameRef>,
    /// InferencePoolSpec (v1) merged over the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::pool_spec")]
    pub spec: Option<Value>,
}

/// Standalone tokenizer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tokenizer {
    /// Pod spec merged over the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::pod_spec")]
    pub template: Option<Value>,
}
