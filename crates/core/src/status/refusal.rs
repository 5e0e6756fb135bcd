//! Children that the API server refused, as conditions of their components.

use llmisvc_api::conditions::{kind, reason};
use llmisvc_kinds::Kind;

use super::condition::{Judgement, Judgements};
use super::scaling;
use super::view::View;
use crate::cause::policy;
use crate::names;

/// A child that could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why, in one word.
    pub reason: RefusalReason,
    /// What the server said.
    pub message: String,
}

/// Why a child was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// The object is invalid.
    Invalid,
    /// Another owner has an object of this name.
    Taken,
    /// The cluster does not serve the kind.
    NotServed,
    /// Anything else: forbidden, quota, time-out.
    Other,
}

/// Sets the condition of the component that the child belongs to; the first refusal of a component counts.
pub(super) fn apply(view: &View<'_>, judgements: &mut Judgements) {
    for refusal in view.input.refused.iter().rev() {
        let (kind, reason) = component(view, refusal);
        let reason = refusal.root_cause().unwrap_or(reason);
        judgements.insert(kind, Judgement::no(reason, message(view, refusal)));
    }
}

impl Refusal {
    /// What anybody would look for by its own name, whatever was to be written.
    fn root_cause(&self) -> Option<&'static str> {
        match self.reason {
            // This one is Kubernetes' own, and scaling has a name for what it misses (`reference/router.md §2.4`).
            RefusalReason::NotServed
                if matches!(self.kind, Kind::ResourceClaimTemplate | Kind::ScaledObject) =>
            {
                None
            }
            RefusalReason::NotServed => Some(reason::CRD_NOT_FOUND),
            RefusalReason::Invalid | RefusalReason::Other => policy(&self.message),
            RefusalReason::Taken => None,
        }
    }
}

/// Condition and reason (`reference/router.md §2.4`, `§2.5`).
fn component(view: &View<'_>, refusal: &Refusal) -> (&'static str, &'static str) {
    let workload = (kind::MAIN_WORKLOAD_READY, reason::RECONCILE_SINGLE_NODE_WORKLOAD_ERROR);
    let group = (kind::WORKER_WORKLOAD_READY, reason::RECONCILE_MULTI_NODE_WORKLOAD_ERROR);
    let prefill_group = (kind::PREFILL_WORKER_WORKLOAD_READY, group.1);
    let scheduler = (kind::SCHEDULER_WORKLOAD_READY, reason::SCHEDULER_RECONCILE_ERROR);
    match refusal.kind {
        Kind::HTTPRoute => (kind::HTTP_ROUTES_READY, reason::HTTP_ROUTE_RECONCILE_ERROR),
        Kind::DestinationRule
        | Kind::BackendTrafficPolicy
        | Kind::HealthCheckPolicy
        | Kind::GCPBackendPolicy => (kind::HTTP_ROUTES_READY, reason::PLATFORM_NETWORKING_RECONCILE_ERROR),
        Kind::Ingress => (kind::INGRESS_READY, reason::INGRESS_RECONCILE_ERROR),
        Kind::InferencePool | Kind::OlderInferencePool | Kind::InferenceObjective | Kind::InferenceModel => {
            (kind::INFERENCE_POOL_READY, reason::SCHEDULER_RECONCILE_ERROR)
        }
        Kind::PodMonitor | Kind::ServiceMonitor => {
            (kind::MONITORING_READY, reason::MONITORING_RECONCILE_ERROR)
        }
        Kind::Secret => (kind::MAIN_WORKLOAD_READY, reason::RECONCILE_CERTS_ERROR),
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => scaling::component(view.name, refusal),
        _ if is_scheduler(view, refusal) => scheduler,
        Kind::Service => (kind::MAIN_WORKLOAD_READY, reason::RECONCILE_WORKLOAD_SERVICE_ERROR),
        Kind::Deployment if refusal.name == names::prefill(view.name) => {
            (kind::PREFILL_WORKLOAD_READY, workload.1)
        }
        // The account of a LeaderWorkerSet has its name.
        _ if refusal.name == names::prefill_group(view.name) => prefill_group,
        _ if is_group(view, &refusal.name) => group,
        _ => workload,
    }
}

fn is_group(view: &View<'_>, name: &str) -> bool {
    let of = [names::decode_group, names::group_sidecar_role, names::group_sidecar_role_binding];
    of.iter().any(|of| of(view.name) == name)
}

fn is_scheduler(view: &View<'_>, refusal: &Refusal) -> bool {
    let name = refusal.name.as_str();
    let own = [
        names::scheduler(view.name),
        names::scheduler_account(view.name),
        names::scheduler_role(view.name),
        names::scheduler_role_binding(view.name),
    ];
    refusal.kind == Kind::ClusterRoleBinding
        || own.iter().any(|own| own == name)
        || (refusal.kind == Kind::Service && view.picker.as_deref() == Some(name))
}

/// What brings a kind.
fn remedy(kind: Kind) -> String {
    let served = kind.served();
    match kind {
        Kind::ResourceClaimTemplate => {
            "managed DRA needs Kubernetes 1.34 or newer: upgrade, or remove the annotation \
             serving.kserve.io/exp-dra-device-class"
                .to_owned()
        }
        Kind::ScaledObject => format!(
            "install KEDA, which brings the CustomResourceDefinition {}.{}, or use scaling.wva.hpa, or remove scaling",
            served.plural, served.group
        ),
        _ => format!("install the CustomResourceDefinition {}.{}", served.plural, served.group),
    }
}

fn message(view: &View<'_>, refusal: &Refusal) -> String {
    let served = refusal.kind.served();
    let path = if served.namespaced { view.path(&refusal.name) } else { refusal.name.clone() };
    let Refusal { kind, message, .. } = refusal;
    match refusal.reason {
        RefusalReason::Invalid => format!("the API server refused {kind} {path}: {message}"),
        RefusalReason::Taken => {
            format!(
                "{kind} {path} exists and is not controlled by this service; delete or rename it: {message}"
            )
        }
        RefusalReason::NotServed => {
            let version = served.api_version();
            format!("the cluster does not serve {kind} ({version}); {}", remedy(*kind))
        }
        RefusalReason::Other => format!("{kind} {path} could not be written: {message}"),
    }
}
