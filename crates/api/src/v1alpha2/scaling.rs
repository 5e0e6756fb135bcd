//! `scaling` (`reference/api.md §2.5`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::crd::{cel, nodes};

/// Autoscaling: limits, and exactly one of the two mechanisms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::rules(cel::SCALING)))]
pub struct Scaling {
    /// Floor while active; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_replicas: Option<i32>,
    /// Ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, range(min = 1))]
    pub max_replicas: Option<i32>,
    /// Workload Variant Autoscaler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wva: Option<Wva>,
    /// KEDA with the user's own triggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keda: Option<Keda>,
}

impl Scaling {
    /// `minReplicas`, or the 1 that holds without it.
    pub fn floor(&self) -> i32 {
        self.min_replicas.unwrap_or(1)
    }
}

/// Workload Variant Autoscaler: exactly one of the two actuators.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::rules(cel::WVA)))]
pub struct Wva {
    /// Cost of a replica; `10.0` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^\d+(\.\d+)?$"))]
    pub variant_cost: Option<String>,
    /// HorizontalPodAutoscaler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hpa: Option<HpaActuator>,
    /// ScaledObject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keda: Option<KedaSettings>,
}

/// HorizontalPodAutoscaler settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HpaActuator {
    /// autoscaling/v2 behavior.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::hpa_behavior")]
    pub behavior: Option<Value>,
}

/// KEDA with the user's own triggers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = cel::rules(cel::KEDA)))]
pub struct Keda {
    /// What the WVA actuator has too.
    #[serde(flatten)]
    pub settings: KedaSettings,
    /// Triggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1), extend("x-kubernetes-list-type" = "atomic"))]
    pub triggers: Option<Vec<Trigger>>,
}

/// ScaledObject settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::rules(cel::KEDA)))]
pub struct KedaSettings {
    /// Seconds between two looks at the metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub polling_interval: Option<i32>,
    /// Seconds of quiet before scaling to the idle count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub cooldown_period: Option<i32>,
    /// The same, after creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub initial_cooldown_period: Option<i32>,
    /// Replicas while idle; 0 scales to zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub idle_replica_count: Option<i32>,
    /// Replicas while metrics fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// HPA behavior and scaling modifiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advanced: Option<KedaAdvanced>,
}

/// Replicas while metrics fail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    /// Failures before it applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<i32>,
    /// Replica count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// How the count is used; `static` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<FallbackBehavior>,
}

/// How the fallback count is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FallbackBehavior {
    /// The count itself.
    Static,
    /// The replicas there are.
    CurrentReplicas,
    /// The larger of both.
    CurrentReplicasIfHigher,
    /// The smaller of both.
    CurrentReplicasIfLower,
}

/// HPA behavior and scaling modifiers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KedaAdvanced {
    /// Go back to the replica count from before on deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_to_original_replica_count: Option<bool>,
    /// The HPA that KEDA makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler_config: Option<HpaConfig>,
    /// Formula over several triggers; not with WVA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_modifiers: Option<ScalingModifiers>,
}

/// The HPA that KEDA makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HpaConfig {
    /// autoscaling/v2 behavior.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::hpa_behavior")]
    pub behavior: Option<Value>,
    /// Must be empty: the operator names the HPA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Formula over several triggers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingModifiers {
    /// Formula.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// Target value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Target value that wakes an idle workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_target: Option<String>,
    /// Kind of target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<MetricType>,
}

/// Kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetricType {
    /// Per replica.
    AverageValue,
    /// In total.
    Value,
}

/// KEDA trigger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// Scaler type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Scaler parameters.
    pub metadata: BTreeMap<String, String>,
    /// Name, for formulas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Read metrics once per polling interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_cached_metrics: Option<bool>,
    /// Kind of target; KEDA checks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<String>,
    /// Credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_ref: Option<AuthenticationRef>,
}

/// TriggerAuthentication.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuthenticationRef {
    /// Name.
    pub name: String,
    /// Kind; KEDA's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}
