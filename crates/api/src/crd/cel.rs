//! The CEL rules of the schema (`reference/api.md §2.12`), every access guarded with `has()`.
//!
//! The API server treats a null member as absent. Without stored defaults `minReplicas` may be absent; then 1 holds.

use serde_json::{Value, json};

/// One validation rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Id in the reference.
    pub id: &'static str,
    /// True where the object is fine.
    pub rule: &'static str,
    /// What the user reads.
    pub message: &'static str,
    /// Asks for completeness, which a config (partial by nature) need not have.
    pub completeness: bool,
}

const fn rule(id: &'static str, rule: &'static str, message: &'static str) -> Rule {
    Rule { id, rule, message, completeness: false }
}

const fn complete(id: &'static str, rule: &'static str, message: &'static str) -> Rule {
    Rule { id, rule, message, completeness: true }
}

/// Rules of the object that holds the workload fields.
pub const WORKLOAD: &[Rule] = &[rule(
    "C1",
    "!(has(self.replicas) && has(self.scaling))",
    "replicas and scaling are mutually exclusive: remove one of them",
)];

/// Rules of `scaling`.
pub const SCALING: &[Rule] = &[
    complete("C2", "has(self.wva) || has(self.keda)", "either wva or keda must be specified"),
    rule(
        "C3",
        "!(has(self.wva) && has(self.keda))",
        "wva and keda are mutually exclusive: remove one of them",
    ),
    complete(
        "C4",
        "!has(self.keda) || (has(self.keda.triggers) && size(self.keda.triggers) > 0)",
        "at least one trigger is required in keda.triggers",
    ),
    rule(
        "C5",
        "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
        "minReplicas cannot exceed maxReplicas",
    ),
    complete(
        "C6",
        "has(self.minReplicas) || !has(self.wva) || !has(self.wva.keda) || !has(self.wva.keda.idleReplicaCount) \
         || self.wva.keda.idleReplicaCount < 1",
        "minReplicas is required when idleReplicaCount is set above 0 (it is 1 when absent)",
    ),
    rule(
        "C7",
        "!has(self.minReplicas) || !has(self.wva) || !has(self.wva.keda) || !has(self.wva.keda.idleReplicaCount) \
         || self.wva.keda.idleReplicaCount < self.minReplicas",
        "wva.keda.idleReplicaCount must be less than minReplicas",
    ),
    complete(
        "C8",
        "has(self.minReplicas) || !has(self.keda) || !has(self.keda.idleReplicaCount) \
         || self.keda.idleReplicaCount < 1",
        "minReplicas is required when idleReplicaCount is set above 0 (it is 1 when absent)",
    ),
    rule(
        "C9",
        "!has(self.minReplicas) || !has(self.keda) || !has(self.keda.idleReplicaCount) \
         || self.keda.idleReplicaCount < self.minReplicas",
        "keda.idleReplicaCount must be less than minReplicas",
    ),
];

/// Rules of `scaling.wva`.
pub const WVA: &[Rule] = &[
    rule(
        "C10",
        "!has(self.keda) || !has(self.keda.advanced) || !has(self.keda.advanced.scalingModifiers) || (\
         (!has(self.keda.advanced.scalingModifiers.formula) || self.keda.advanced.scalingModifiers.formula == '') && \
         (!has(self.keda.advanced.scalingModifiers.target) || self.keda.advanced.scalingModifiers.target == '') && \
         (!has(self.keda.advanced.scalingModifiers.activationTarget) || \
         self.keda.advanced.scalingModifiers.activationTarget == '') && \
         (!has(self.keda.advanced.scalingModifiers.metricType) || \
         self.keda.advanced.scalingModifiers.metricType == ''))",
        "scalingModifiers must not be set with wva, which makes the trigger itself",
    ),
    rule(
        "C11",
        "!(has(self.hpa) && has(self.keda))",
        "hpa and keda are mutually exclusive: remove one of them",
    ),
    complete("C12", "has(self.hpa) || has(self.keda)", "either hpa or keda must be specified"),
];

/// Rules of both KEDA objects.
pub const KEDA: &[Rule] = &[rule(
    "C13",
    "!has(self.advanced) || !has(self.advanced.horizontalPodAutoscalerConfig) || \
     !has(self.advanced.horizontalPodAutoscalerConfig.name) || \
     self.advanced.horizontalPodAutoscalerConfig.name == ''",
    "horizontalPodAutoscalerConfig.name must not be set: the operator names it",
)];

/// `x-kubernetes-validations` of a list of rules.
pub fn rules(list: &[Rule]) -> Value {
    list.iter().map(|r| json!({"rule": r.rule, "message": r.message})).collect()
}

/// Whether a rule of the schema asks for completeness.
pub(super) fn asks_for_completeness(validation: &Value) -> bool {
    [WORKLOAD, SCALING, WVA, KEDA]
        .concat()
        .iter()
        .any(|r| r.completeness && validation.get("rule").is_some_and(|text| text == r.rule))
}
