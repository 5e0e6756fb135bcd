//! Resources that the operator reads or writes besides the owned kinds.

use kube::api::ApiResource;
use llmisvc_api::v1alpha2::{CONFIG_KIND, CONFIG_PLURAL, GROUP, KIND, PLURAL, VERSION};
use llmisvc_core::facts::{Key, Ref};
use llmisvc_core::validate::routing::GATEWAY_GROUP;
use llmisvc_kinds::{Kind, Served};

const fn resource(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
    optional: bool,
) -> Served {
    Served { group, version, kind, plural, namespaced, optional }
}

/// `LLMInferenceService`.
pub const SERVICE: Served = resource(GROUP, VERSION, KIND, PLURAL, true, false);
/// `LLMInferenceServiceConfig`.
pub const CONFIG: Served = resource(GROUP, VERSION, CONFIG_KIND, CONFIG_PLURAL, true, false);
/// ConfigMap: the global one, and scheduler configurations by name.
pub const CONFIG_MAP: Served = resource("", "v1", "ConfigMap", "configmaps", true, false);
/// ServiceAccount, by name.
pub const SERVICE_ACCOUNT: Served = Kind::ServiceAccount.served();
/// Secret, by name.
pub const SECRET: Served = Kind::Secret.served();
/// Service behind a Gateway.
pub const GATEWAY_SERVICE: Served = Kind::Service.served();
/// Gateway.
pub const GATEWAY: Served = resource(GATEWAY_GROUP, "v1", "Gateway", "gateways", true, true);
/// GatewayClass, by name.
pub const GATEWAY_CLASS: Served =
    resource(GATEWAY_GROUP, "v1", "GatewayClass", "gatewayclasses", false, true);
/// Ingress, by name.
pub const INGRESS: Served = Kind::Ingress.served();
/// PersistentVolumeClaim, by name.
pub const CLAIM: Served = resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true, false);
/// HTTPRoute, by name.
pub const HTTP_ROUTE: Served = Kind::HTTPRoute.served();
/// InferencePool, by name.
pub const INFERENCE_POOL: Served = Kind::InferencePool.served();
/// InferencePool of the older group, by name.
pub const OLDER_INFERENCE_POOL: Served = Kind::OlderInferencePool.served();
/// Pod of a service.
pub const POD: Served = resource("", "v1", "Pod", "pods", true, false);
/// Namespace: that of the operator.
pub const NAMESPACE: Served = resource("", "v1", "Namespace", "namespaces", false, false);
/// Lease of the leader.
pub const LEASE: Served = resource("coordination.k8s.io", "v1", "Lease", "leases", true, false);
/// Event.
pub const EVENT: Served = resource("", "v1", "Event", "events", true, false);
/// CustomResourceDefinition, metadata only.
pub const CRD: Served = resource(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    false,
    false,
);
/// ValidatingWebhookConfiguration.
pub const VALIDATING: Served = resource(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    false,
    false,
);
/// MutatingWebhookConfiguration.
pub const MUTATING: Served = resource(
    "admissionregistration.k8s.io",
    "v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    false,
    false,
);
/// TokenReview.
pub const TOKEN_REVIEW: Served =
    resource("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", false, false);
/// SubjectAccessReview.
pub const ACCESS_REVIEW: Served =
    resource("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", false, false);

/// The same for `kube`'s watcher.
pub fn api_resource(served: &Served) -> ApiResource {
    ApiResource {
        group: served.group.to_owned(),
        version: served.version.to_owned(),
        api_version: served.api_version(),
        kind: served.kind.to_owned(),
        plural: served.plural.to_owned(),
    }
}

/// `plural.group`, the name of the CRD that serves it.
pub fn crd_name(served: &Served) -> String {
    format!("{}.{}", served.plural, served.group)
}

/// The resource that answers a key, and where.
pub fn of_key(key: &Key) -> Option<(Served, &Ref)> {
    Some(match key {
        // Never asked for by name: the stores of configs, pods and groups have the answers.
        Key::ConfigNames(_) | Key::Pods(_) | Key::Troubles(_) | Key::Namesakes(_) | Key::Group(_) => {
            return None;
        }
        Key::Config(r) => (CONFIG, r),
        Key::ConfigMap(r) | Key::CaBundle(r) => (CONFIG_MAP, r),
        Key::ServiceAccount(r) => (SERVICE_ACCOUNT, r),
        Key::Secret(r) => (SECRET, r),
        Key::Gateway(r) => (GATEWAY, r),
        Key::GatewayClass(r) => (GATEWAY_CLASS, r),
        Key::Ingress(r) => (INGRESS, r),
        Key::Claim(r) => (CLAIM, r),
        Key::HttpRoute(r) => (HTTP_ROUTE, r),
        Key::InferencePool(r) => (INFERENCE_POOL, r),
        Key::OlderInferencePool(r) => (OLDER_INFERENCE_POOL, r),
        Key::GatewayService(r) => (GATEWAY_SERVICE, r),
    })
}
