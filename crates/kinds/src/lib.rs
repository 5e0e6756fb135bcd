//! The kinds that the operator owns, in one list.
//!
//! [`Kind`] drives the object set, the apply order, pruning, the watches and the generated ClusterRole, so a
//! new kind is added in one place. Bodies are trees (`serde_json::Value`): fields newer than any crate survive.

use serde::{Deserialize, Serialize};

/// Where a kind is served and how it is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// API version within the group.
    pub version: &'static str,
    /// Kind as in YAML.
    pub kind: &'static str,
    /// Lower-case plural as in URLs and RBAC rules.
    pub plural: &'static str,
    /// False for cluster-scoped kinds.
    pub namespaced: bool,
    /// True for kinds whose CRD a cluster may lack.
    pub optional: bool,
}

impl Served {
    /// `apiVersion` as in YAML: `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

macro_rules! kinds {
    ($( $(#[$doc:meta])* $name:ident $(as $kind:literal)? = $group:literal / $version:literal $plural:literal $scope:ident $need:ident; )*) => {
        /// A kind that the operator creates, in apply order: what others refer to comes first, and routes come
        /// last, since some gateways never look again at a route whose backend was missing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $( $(#[$doc])* $name, )* }

        impl Kind {
            /// Every owned kind, in apply order.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )* ];

            /// Group, version, plural and scope.
            pub const fn served(self) -> Served {
                match self {
                    $( Self::$name => Served {
                        group: $group, version: $version, kind: kinds!(@kind $name $($kind)?), plural: $plural,
                        namespaced: kinds!(@scope $scope), optional: kinds!(@need $need),
                    }, )*
                }
            }
        }
    };
    (@kind $name:ident) => { stringify!($name) };
    (@kind $name:ident $kind:literal) => { $kind };
    (@scope namespaced) => { true };
    (@scope cluster) => { false };
    (@need required) => { false };
    (@need optional) => { true };
}

kinds! {
    /// Per-service TLS key pair.
    Secret = "" / "v1" "secrets" namespaced required;
    /// Identity of routing sidecars and of the endpoint picker.
    ServiceAccount = "" / "v1" "serviceaccounts" namespaced required;
    /// What those identities may read.
    Role = "rbac.authorization.k8s.io" / "v1" "roles" namespaced required;
    /// Binds a Role.
    RoleBinding = "rbac.authorization.k8s.io" / "v1" "rolebindings" namespaced required;
    /// Lets the endpoint picker check tokens; the one child without an owner reference.
    ClusterRoleBinding = "rbac.authorization.k8s.io" / "v1" "clusterrolebindings" cluster required;
    /// Workload Service and endpoint picker Service.
    Service = "" / "v1" "services" namespaced required;
    /// Pool of model servers.
    InferencePool = "inference.networking.k8s.io" / "v1" "inferencepools" namespaced optional;
    /// The same pool for gateways that know only the group from before v1.
    OlderInferencePool as "InferencePool" = "inference.networking.x-k8s.io" / "v1alpha2" "inferencepools" namespaced optional;
    /// Priority of the requests for a model.
    InferenceObjective = "inference.networking.x-k8s.io" / "v1alpha2" "inferenceobjectives" namespaced optional;
    /// What came before [`Self::InferenceObjective`].
    InferenceModel = "inference.networking.x-k8s.io" / "v1alpha2" "inferencemodels" namespaced optional;
    /// How Istio connects to Services that serve TLS.
    DestinationRule = "networking.istio.io" / "v1" "destinationrules" namespaced optional;
    /// How Envoy Gateway treats requests of a route.
    BackendTrafficPolicy = "gateway.envoyproxy.io" / "v1alpha1" "backendtrafficpolicies" namespaced optional;
    /// How GKE checks the health of a pool or Service.
    HealthCheckPolicy = "networking.gke.io" / "v1" "healthcheckpolicies" namespaced optional;
    /// How GKE treats requests to a pool or Service.
    GCPBackendPolicy = "networking.gke.io" / "v1" "gcpbackendpolicies" namespaced optional;
    /// Keeps an endpoint picker while nodes are drained.
    PodDisruptionBudget = "policy" / "v1" "poddisruptionbudgets" namespaced required;
    /// Devices that pods claim by managed DRA.
    ResourceClaimTemplate = "resource.k8s.io" / "v1" "resourceclaimtemplates" namespaced optional;
    /// Decode, prefill and scheduler.
    Deployment = "apps" / "v1" "deployments" namespaced required;
    /// Decode and prefill on several nodes.
    LeaderWorkerSet = "leaderworkerset.x-k8s.io" / "v1" "leaderworkersets" namespaced optional;
    /// Scales by a metric of the workload variant autoscaler.
    HorizontalPodAutoscaler = "autoscaling" / "v2" "horizontalpodautoscalers" namespaced required;
    /// Scales by KEDA.
    ScaledObject = "keda.sh" / "v1alpha1" "scaledobjects" namespaced optional;
    /// Way in where there is no Gateway.
    Ingress = "networking.k8s.io" / "v1" "ingresses" namespaced required;
    /// Route from the gateways.
    HTTPRoute = "gateway.networking.k8s.io" / "v1" "httproutes" namespaced optional;
    /// Where the Prometheus operator finds the metrics of model servers. Last: nothing that serves waits for it.
    PodMonitor = "monitoring.coreos.com" / "v1" "podmonitors" namespaced optional;
    /// Where it finds those of an endpoint picker.
    ServiceMonitor = "monitoring.coreos.com" / "v1" "servicemonitors" namespaced optional;
}

impl Kind {
    /// The owned kind with this `apiVersion` and `kind`, if there is one.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.served().kind == kind && k.served().api_version() == api_version)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.served().kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_form_is_pinned() {
        let all: Vec<String> = Kind::ALL
            .iter()
            .map(|k| format!("{} {} {}", k.served().api_version(), k.served().kind, k.served().plural))
            .collect();
        assert_eq!(
            all,
            [
                "v1 Secret secrets",
                "v1 ServiceAccount serviceaccounts",
                "rbac.authorization.k8s.io/v1 Role roles",
                "rbac.authorization.k8s.io/v1 RoleBinding rolebindings",
                "rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings",
                "v1 Service services",
                "inference.networking.k8s.io/v1 InferencePool inferencepools",
                "inference.networking.x-k8s.io/v1alpha2 InferencePool inferencepools",
                "inference.networking.x-k8s.io/v1alpha2 InferenceObjective inferenceobjectives",
                "inference.networking.x-k8s.io/v1alpha2 InferenceModel inferencemodels",
                "networking.istio.io/v1 DestinationRule destinationrules",
                "gateway.envoyproxy.io/v1alpha1 BackendTrafficPolicy backendtrafficpolicies",
                "networking.gke.io/v1 HealthCheckPolicy healthcheckpolicies",
                "networking.gke.io/v1 GCPBackendPolicy gcpbackendpolicies",
                "policy/v1 PodDisruptionBudget poddisruptionbudgets",
                "resource.k8s.io/v1 ResourceClaimTemplate resourceclaimtemplates",
                "apps/v1 Deployment deployments",
                "leaderworkerset.x-k8s.io/v1 LeaderWorkerSet leaderworkersets",
                "autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers",
                "keda.sh/v1alpha1 ScaledObject scaledobjects",
                "networking.k8s.io/v1 Ingress ingresses",
                "gateway.networking.k8s.io/v1 HTTPRoute httproutes",
                "monitoring.coreos.com/v1 PodMonitor podmonitors",
                "monitoring.coreos.com/v1 ServiceMonitor servicemonitors",
            ]
        );
    }

    #[test]
    fn kinds_are_found_by_their_yaml_names() {
        assert_eq!(Kind::of("apps/v1", "Deployment"), Some(Kind::Deployment));
        assert_eq!(Kind::of("v1", "Deployment"), None);
    }
}
