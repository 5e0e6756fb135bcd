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
    ($( $(#[doc = $doc:literal])+ $name:ident = $value:literal; )*) => {
        $( $(#[doc = $doc])+ pub const $name: &str = $value; )*
        /// All of them, each with what it means: the source of `docs/conditions.md`.
        pub const ALL: &[(&str, &str)] = &[ $( ($value, concat!($($doc),+)), )* ];
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
        /// The main Deployment is rolled out and available.
        MAIN_WORKLOAD_READY = "MainWorkloadReady";
        /// The main LeaderWorkerSet is rolled out and all its groups are ready.
        WORKER_WORKLOAD_READY = "WorkerWorkloadReady";
        /// The same of the prefill Deployment.
        PREFILL_WORKLOAD_READY = "PrefillWorkloadReady";
        /// The same of the prefill LeaderWorkerSet.
        PREFILL_WORKER_WORKLOAD_READY = "PrefillWorkerWorkloadReady";
        /// Every Gateway that is used is programmed.
        GATEWAYS_READY = "GatewaysReady";
        /// Every route is accepted by its Gateways.
        HTTP_ROUTES_READY = "HTTPRoutesReady";
        /// The InferencePool is accepted by the Gateways of the routes.
        INFERENCE_POOL_READY = "InferencePoolReady";
        /// A pod of the endpoint picker is available.
        SCHEDULER_WORKLOAD_READY = "SchedulerWorkloadReady";
        /// A pod of the tokenizer is available.
        TOKENIZER_READY = "TokenizerReady";
        /// Pods still run the template of a former controller; there only while they do, never affects `Ready`.
        ADOPTED = "Adopted";
        /// Old objects stay until new ones are ready; never affects `Ready`.
        HANDING_OVER = "HandingOver";
        /// Warnings: fields that take no effect and the like; never affects `Ready`.
        SPEC_IGNORED = "SpecIgnored";
        /// A rollout waits for room that nothing will make; there only while it holds, never affects `Ready`.
        ROLLOUT_BLOCKED = "RolloutBlocked";
        /// Ingresses.
        INGRESS_READY = "IngressReady";
        /// On configs: some service uses it.
        CONFIG_IN_USE = "ConfigInUse";
        /// Another service of the namespace has a model of the same name, and requests that name only the model may reach
        /// either; there only while that is so, never affects `Ready`.
        MODEL_NAME_COLLISION = "ModelNameCollision";
        /// What scales the main or decode workload.
        SCALING_READY = "ScalingReady";
        /// What scales the prefill workload.
        PREFILL_SCALING_READY = "PrefillScalingReady";
        /// Routing group: how requests split; never affects `Ready`.
        GROUP_READY = "GroupReady";
        /// Members of the routing group serve other models; there only while they do, never affects `Ready`.
        GROUP_DEGRADED = "GroupDegraded";
        /// A PodMonitor or ServiceMonitor could not be written; there only while that is so, never affects `Ready`.
        MONITORING_READY = "MonitoringReady";
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
    kind::SCALING_READY,
    kind::PREFILL_SCALING_READY,
];
/// What `RouterReady` rolls up, in order.
pub const ROUTER: &[&str] = &[
    kind::GATEWAYS_READY,
    kind::HTTP_ROUTES_READY,
    kind::INGRESS_READY,
    kind::INFERENCE_POOL_READY,
    kind::SCHEDULER_WORKLOAD_READY,
    kind::TOKENIZER_READY,
];

/// Reasons.
pub mod reason {
    names! {
        /// A config or preset is in neither namespace.
        CONFIG_NOT_FOUND = "ConfigNotFound";
        /// A template does not render, or layers cannot be merged.
        COMBINE_BASE_ERROR = "CombineBaseError";
        /// The merged spec breaks a rule.
        INVALID_RENDERED_CONFIG = "InvalidRenderedConfig";
        /// The merged spec could not be checked.
        VALIDATION_UNAVAILABLE = "ValidationUnavailable";
        /// Stopped by annotation.
        STOPPED = "Stopped";
        /// A Secret with certificates could not be written.
        RECONCILE_CERTS_ERROR = "ReconcileCertsError";
        /// A Deployment, or the account of its pods, could not be written.
        RECONCILE_SINGLE_NODE_WORKLOAD_ERROR = "ReconcileSingleNodeWorkloadError";
        /// A LeaderWorkerSet, or the account of its pods, could not be written; or its CRD is missing.
        RECONCILE_MULTI_NODE_WORKLOAD_ERROR = "ReconcileMultiNodeWorkloadError";
        /// The workload Service could not be written.
        RECONCILE_WORKLOAD_SERVICE_ERROR = "ReconcileWorkloadServiceError";
        /// A rollout is under way.
        PROGRESSING = "Progressing";
        /// A rollout makes no progress.
        PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded";
        /// Not enough accelerators for a new pod.
        INSUFFICIENT_ACCELERATORS = "InsufficientAccelerators";
        /// No node takes a new pod.
        UNSCHEDULABLE = "Unschedulable";
        /// An object of the endpoint picker could not be written.
        SCHEDULER_RECONCILE_ERROR = "SchedulerReconcileError";
        /// Something that is referred to does not exist.
        REFS_INVALID = "RefsInvalid";
        /// Nothing has looked at it yet.
        PENDING = "Pending";
        /// The next change of the spec replaces what a former controller made.
        FORMER_KEPT = "FormerKept";
        /// Something waits for something else.
        WAITING = "Waiting";
        /// Fields take no effect, or contradict each other.
        CONFIGURATION_WARNINGS = "ConfigurationWarnings";
        /// A gateway could not be read.
        GATEWAY_FETCH_ERROR = "GatewayFetchError";
        /// Some gateway is not ready.
        GATEWAYS_NOT_READY = "GatewaysNotReady";
        /// An HTTPRoute could not be written.
        HTTP_ROUTE_RECONCILE_ERROR = "HTTPRouteReconcileError";
        /// An HTTPRoute could not be read.
        HTTP_ROUTE_FETCH_ERROR = "HTTPRouteFetchError";
        /// Some route is not accepted.
        HTTP_ROUTES_NOT_READY = "HTTPRoutesNotReady";
        /// The InferencePool could not be read, or is missing.
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
        /// Two services of a namespace have a model of the same name, and no common group.
        MODEL_NAME_COLLISION = "ModelNameCollision";
        /// The CRD of something that the service needs is not installed.
        CRD_NOT_FOUND = "CRDNotFound";
        /// A quota does not allow pods.
        QUOTA_EXCEEDED = "QuotaExceeded";
        /// A policy refuses pods.
        ADMISSION_DENIED = "AdmissionDenied";
        /// Pods can't be created for another reason.
        POD_CREATION_FAILED = "PodCreationFailed";
        /// Pods wait for their scheduling gates.
        SCHEDULING_GATED = "SchedulingGated";
        /// A claim of a pod is missing or not bound.
        VOLUME_PENDING = "VolumePending";
        /// The node of a pod is gone or does not answer.
        NODE_LOST = "NodeLost";
        /// An image can't be pulled.
        IMAGE_PULL_FAILED = "ImagePullFailed";
        /// A container refers to a Secret or ConfigMap, or a key in it, that does not exist.
        CONTAINER_CONFIG_ERROR = "ContainerConfigError";
        /// A container can't be started.
        CONTAINER_START_FAILED = "ContainerStartFailed";
        /// The source of the model refused the download.
        MODEL_DOWNLOAD_REFUSED = "ModelDownloadRefused";
        /// The source does not have the model.
        MODEL_DOWNLOAD_NOT_FOUND = "ModelDownloadNotFound";
        /// The model does not fit on the disk.
        MODEL_DOWNLOAD_DISK_FULL = "ModelDownloadDiskFull";
        /// The download failed otherwise.
        MODEL_DOWNLOAD_FAILED = "ModelDownloadFailed";
        /// A container was killed for its memory.
        OUT_OF_MEMORY = "OutOfMemory";
        /// A container ends again and again.
        CRASH_LOOP = "CrashLoop";
        /// A probe of a container fails.
        PROBE_FAILING = "ProbeFailing";
        /// A node ended or refused a pod.
        EVICTED = "Evicted";
        /// The cluster does not serve what scales.
        SCALING_CRD_NOT_FOUND = "ScalingCRDNotFound";
        /// What scales could not be made or written.
        RECONCILE_SCALING_ERROR = "ReconcileScalingError";
        /// A HorizontalPodAutoscaler has not said anything yet.
        HPA_PROGRESSING = "HPAProgressing";
        /// KEDA has not said anything yet.
        SCALED_OBJECT_PROGRESSING = "ScaledObjectProgressing";
        /// There are no replicas, on purpose.
        SCALED_TO_ZERO = "ScaledToZero";
        /// A gateway extra could not be written.
        PLATFORM_NETWORKING_RECONCILE_ERROR = "PlatformNetworkingReconcileError";
        /// An Ingress has no address.
        INGRESS_NOT_READY = "IngressNotReady";
        /// An Ingress could not be read.
        INGRESS_FETCH_ERROR = "IngressFetchError";
        /// Ingress could not be written.
        INGRESS_RECONCILE_ERROR = "IngressReconcileError";
        /// A monitor for the Prometheus operator could not be written.
        MONITORING_RECONCILE_ERROR = "MonitoringReconcileError";
        /// Everything is ready, and nothing leads to the service.
        NO_URL = "NoURL";
        /// Deleted, and routes of the other members of its group still lead to it.
        FINALIZATION_PENDING = "FinalizationPending";
        /// Members of a routing group serve other models.
        MEMBER_DIVERGENCE = "MemberDivergence";
    }
}

/// Reasons that tell what keeps pods from serving, in the order in which they come before others.
pub const ROOT_CAUSES: &[&str] = &[
    reason::CRD_NOT_FOUND,
    reason::QUOTA_EXCEEDED,
    reason::ADMISSION_DENIED,
    reason::POD_CREATION_FAILED,
    reason::SCHEDULING_GATED,
    reason::UNSCHEDULABLE,
    reason::VOLUME_PENDING,
    reason::NODE_LOST,
    reason::IMAGE_PULL_FAILED,
    reason::CONTAINER_CONFIG_ERROR,
    reason::CONTAINER_START_FAILED,
    reason::MODEL_DOWNLOAD_REFUSED,
    reason::MODEL_DOWNLOAD_NOT_FOUND,
    reason::MODEL_DOWNLOAD_DISK_FULL,
    reason::MODEL_DOWNLOAD_FAILED,
    reason::OUT_OF_MEMORY,
    reason::CRASH_LOOP,
    reason::PROBE_FAILING,
    reason::EVICTED,
];

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

    // A10
    #[test]
    fn the_page_has_one_row_for_each_root_cause() {
        let page = include_str!("../../../docs/troubleshooting.md");
        let rows = page.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.collect::<Vec<_>>(), ROOT_CAUSES);
    }

    #[test]
    fn the_wire_form_leaves_empty_members_out() {
        let json = serde_json::to_value(fails("T", "R", "")).unwrap();
        assert_eq!(json, serde_json::json!({"type": "T", "status": "False", "reason": "R"}));
    }
}
