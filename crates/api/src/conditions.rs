//! Conditions of both kinds (`reference/api.md §4`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Severity of conditions that `Ready` does not depend on directly.
const INFO: &str = "Info";

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type, see [`kind`].
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(with = "String")]
    pub status: Truth,
    /// Empty for `Ready` and what it depends on, `Info` for the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// When the status changed last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
    /// Reason, see [`reason`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a user should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Condition {
    /// A condition that nobody dated yet; an empty reason or message is none.
    pub fn new(kind: &str, status: Truth, reason: String, message: String) -> Self {
        let some = |text: String| Some(text).filter(|t| !t.is_empty());
        let (reason, message) = (some(reason), some(message));
        Self { kind: kind.to_owned(), status, severity: None, last_transition_time: None, reason, message }
    }
}

macro_rules! names {
    ($( $(#[$doc:meta])* $name:ident = $value:literal; )*) => {
        $( $(#[$doc])* pub const $name: &str = $value; )*
    };
}

/// Condition types.
pub mod kind {
    names! {
        /// Everything works.
        READY = "Ready";
        /// Configs are merged, rendered and valid.
        PRESETS_COMBINED = "PresetsCombined";
        /// Rollup of [`super::WORKLOADS`].
        WORKLOADS_READY = "WorkloadsReady";
        /// Rollup of [`super::ROUTER`].
        ROUTER_READY = "RouterReady";
        /// Main Deployment.
        MAIN_WORKLOAD_READY = "MainWorkloadReady";
        /// Main LeaderWorkerSet.
        WORKER_WORKLOAD_READY = "WorkerWorkloadReady";
        /// Prefill Deployment.
        PREFILL_WORKLOAD_READY = "PrefillWorkloadReady";
        /// Prefill LeaderWorkerSet.
        PREFILL_WORKER_WORKLOAD_READY = "PrefillWorkerWorkloadReady";
        /// Referenced gateways.
        GATEWAYS_READY = "GatewaysReady";
        /// Routes.
        HTTP_ROUTES_READY = "HTTPRoutesReady";
        /// InferencePool.
        INFERENCE_POOL_READY = "InferencePoolReady";
        /// Endpoint picker.
        SCHEDULER_WORKLOAD_READY = "SchedulerWorkloadReady";
        /// Tokenizer.
        TOKENIZER_READY = "TokenizerReady";
        /// Pods still run the template of a former controller; there only while they do, never affects `Ready`.
        ADOPTED = "Adopted";
        /// Old objects stay until new ones are ready; never affects `Ready`.
        HANDING_OVER = "HandingOver";
        /// Warnings: fields that take no effect and the like; never affects `Ready`.
        SPEC_IGNORED = "SpecIgnored";
        /// A rollout waits for room that nothing will make; there only while it holds, never affects `Ready`.
        ROLLOUT_BLOCKED = "RolloutBlocked";
        /// On configs: some service uses it.
        CONFIG_IN_USE = "ConfigInUse";
        /// Routing group: how requests split; never affects `Ready`.
        GROUP_READY = "GroupReady";
        /// Members of the routing group serve other models; there only while they do, never affects `Ready`.
        GROUP_DEGRADED = "GroupDegraded";
    }
}

/// Conditions that `Ready` depends on directly.
pub const DEPENDENTS: &[&str] = &[kind::PRESETS_COMBINED, kind::WORKLOADS_READY, kind::ROUTER_READY];
/// What `WorkloadsReady` rolls up, in order.
pub const WORKLOADS: &[&str] = &[
    kind::MAIN_WORKLOAD_READY,
    kind::WORKER_WORKLOAD_READY,
    kind::PREFILL_WORKLOAD_READY,
    kind::PREFILL_WORKER_WORKLOAD_READY,
];
/// What `RouterReady` rolls up, in order.
pub const ROUTER: &[&str] = &[
    kind::GATEWAYS_READY,
    kind::HTTP_ROUTES_READY,
    kind::INFERENCE_POOL_READY,
    kind::SCHEDULER_WORKLOAD_READY,
    kind::TOKENIZER_READY,
];

/// Reasons.
pub mod reason {
    names! {
        /// A config or preset is in neither namespace.
        CONFIG_NOT_FOUND = "ConfigNotFound";
        /// Merge or template failure.
        COMBINE_BASE_ERROR = "CombineBaseError";
        /// The merged spec breaks a rule.
        INVALID_RENDERED_CONFIG = "InvalidRenderedConfig";
        /// The merged spec could not be checked.
        VALIDATION_UNAVAILABLE = "ValidationUnavailable";
        /// Stopped by annotation.
        STOPPED = "Stopped";
        /// TLS secret.
        RECONCILE_CERTS_ERROR = "ReconcileCertsError";
        /// Deployment.
        RECONCILE_SINGLE_NODE_WORKLOAD_ERROR = "ReconcileSingleNodeWorkloadError";
        /// LeaderWorkerSet.
        RECONCILE_MULTI_NODE_WORKLOAD_ERROR = "ReconcileMultiNodeWorkloadError";
        /// Workload Service.
        RECONCILE_WORKLOAD_SERVICE_ERROR = "ReconcileWorkloadServiceError";
        /// Rollout under way.
        PROGRESSING = "Progressing";
        /// Rollout stuck.
        PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded";
        /// Not enough accelerators for a new pod.
        INSUFFICIENT_ACCELERATORS = "InsufficientAccelerators";
        /// No node takes a new pod.
        UNSCHEDULABLE = "Unschedulable";
        /// Endpoint picker objects.
        SCHEDULER_RECONCILE_ERROR = "SchedulerReconcileError";
        /// References to what does not exist.
        REFS_INVALID = "RefsInvalid";
        /// Nothing has looked at it yet.
        PENDING = "Pending";
        /// The next change of the spec replaces what a former controller made.
        FORMER_KEPT = "FormerKept";
        /// Something waits for something else.
        WAITING = "Waiting";
        /// Fields that take no effect.
        CONFIGURATION_WARNINGS = "ConfigurationWarnings";
        /// A gateway could not be read.
        GATEWAY_FETCH_ERROR = "GatewayFetchError";
        /// Some gateway is not ready.
        GATEWAYS_NOT_READY = "GatewaysNotReady";
        /// HTTPRoute could not be written.
        HTTP_ROUTE_RECONCILE_ERROR = "HTTPRouteReconcileError";
        /// HTTPRoute could not be read.
        HTTP_ROUTE_FETCH_ERROR = "HTTPRouteFetchError";
        /// Some route is not accepted.
        HTTP_ROUTES_NOT_READY = "HTTPRoutesNotReady";
        /// InferencePool could not be read.
        INFERENCE_POOL_FETCH_ERROR = "InferencePoolFetchError";
        /// No gateway has taken up the pool yet.
        WAITING_FOR_GATEWAY = "WaitingForGateway";
        /// Some service uses the config.
        IN_USE = "InUse";
        /// No service uses the config.
        NOT_IN_USE = "NotInUse";
        /// The config is deleted and still used.
        DELETION_BLOCKED = "DeletionBlocked";
        /// The config can be used by no service as it is.
        INVALID_CONFIG = "InvalidConfig";
        /// The pool is not accepted.
        INFERENCE_POOL_NOT_READY = "InferencePoolNotReady";
        /// Deleted, and routes of the other members of its group still lead to it.
        FINALIZATION_PENDING = "FinalizationPending";
        /// Members of a routing group serve other models.
        MEMBER_DIVERGENCE = "MemberDivergence";
    }
}

/// The conditions to write, given all that hold now: sorted by type, with severities, each with the time of its
/// last change of *status* (Kubernetes' convention; the peer's time moves with the message, api edge 38).
pub fn merge(old: &[Condition], new: Vec<Condition>, now: &str) -> Vec<Condition> {
    let before: BTreeMap<&str, &Condition> = old.iter().map(|c| (c.kind.as_str(), c)).collect();
    let by_kind: BTreeMap<String, Condition> = new.into_iter().map(|c| (c.kind.clone(), c)).collect();
    let dated = |mut c: Condition| {
        let unchanged = before.get(c.kind.as_str()).filter(|b| b.status == c.status);
        let since = unchanged.and_then(|b| b.last_transition_time.clone());
        c.last_transition_time = since.or_else(|| Some(now.to_owned()));
        c.severity = severity(&c.kind).map(str::to_owned);
        c
    };
    by_kind.into_values().map(dated).collect()
}

fn severity(kind: &str) -> Option<&'static str> {
    let direct = kind == kind::READY || DEPENDENTS.contains(&kind);
    (!direct).then_some(INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(kind: &str) -> Condition {
        Condition::new(kind, Truth::True, String::new(), String::new())
    }

    fn fails(kind: &str, reason: &str, message: &str) -> Condition {
        Condition::new(kind, Truth::False, reason.to_owned(), message.to_owned())
    }

    fn at(condition: Condition, time: &str, severity: Option<&str>) -> Condition {
        Condition {
            last_transition_time: Some(time.to_owned()),
            severity: severity.map(str::to_owned),
            ..condition
        }
    }

    #[test]
    fn conditions_are_sorted_and_only_dependents_have_no_severity() {
        let main = fails(kind::MAIN_WORKLOAD_READY, reason::PROGRESSING, "1 of 2");
        let new = vec![holds(kind::READY), holds(kind::ROUTER_READY), main.clone()];
        let expected = vec![
            at(main, "t1", Some(INFO)),
            at(holds(kind::READY), "t1", None),
            at(holds(kind::ROUTER_READY), "t1", None),
        ];
        assert_eq!(merge(&[], new, "t1"), expected);
    }

    #[test]
    fn the_time_moves_with_the_status_only() {
        // api §9.38
        let old = [at(fails(kind::READY, "A", "1 of 3"), "t1", None)];
        let message = fails(kind::READY, "B", "2 of 3 at 50%");
        assert_eq!(merge(&old, vec![message.clone()], "t2"), [at(message, "t1", None)]);
        let status = Condition { status: Truth::Unknown, ..fails(kind::READY, "B", "") };
        assert_eq!(merge(&old, vec![status.clone()], "t2"), [at(status, "t2", None)]);
    }

    #[test]
    fn a_condition_that_no_longer_applies_goes_and_the_last_of_a_type_counts() {
        let old = [at(holds("GroupDegraded"), "t1", Some(INFO))];
        let new = vec![holds(kind::READY), fails(kind::READY, "R", "m")];
        assert_eq!(merge(&old, new, "t2"), [at(fails(kind::READY, "R", "m"), "t2", None)]);
    }

    #[test]
    fn the_wire_form_leaves_empty_members_out() {
        let json = serde_json::to_value(fails("T", "R", "")).unwrap();
        assert_eq!(json, serde_json::json!({"type": "T", "status": "False", "reason": "R"}));
    }
}
