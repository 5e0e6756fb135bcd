//! Label and annotation keys, and the sets that children carry (`reference/workloads.md §1.6`).

use std::collections::BTreeMap;

/// String map of labels or annotations, ordered.
pub type Labels = BTreeMap<String, String>;

/// Service name.
pub const NAME: &str = "app.kubernetes.io/name";
/// Always [`PART_OF_VALUE`]; the selector of our watches.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Value of [`PART_OF`].
pub const PART_OF_VALUE: &str = "llminferenceservice";
/// Which part of the service an object belongs to.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// `workload` on pods that are endpoints.
pub const ENDPOINT: &str = "kserve.io/component";
/// `both`, `decode` or `prefill`.
pub const ROLE: &str = "llm-d.ai/role";
/// What prefill and decode pods must have in common to hand KV caches over.
pub const KV_REVISION: &str = "llmisvc.io/kv-revision";
/// Anything new here on a service restarts its model servers; on a pod it says which restart it comes from.
pub const RESTARTED_AT: &str = "llmisvc.io/restarted-at";
/// Hash of the desired object as last applied.
pub const APPLIED: &str = "llmisvc.io/applied";
/// On a Deployment or LeaderWorkerSet whose pods still run the template of a former controller: a hash of ours.
pub const ADOPTED: &str = "llmisvc.io/adopted";
/// `now` on a service: nothing is kept of what a former controller made.
pub const ADOPT: &str = "llmisvc.io/adopt";
/// `true` stops the service.
pub const STOP: &str = "serving.kserve.io/stop";
/// `none` or a resource name: which accelerator the count goes to.
pub const ACCELERATOR: &str = "llmisvc.io/accelerator";
/// Bytes of memory of an accelerator, for the estimate whether weights fit.
pub const ACCELERATOR_MEMORY: &str = "llmisvc.io/accelerator-memory";
/// Bytes of the model's weights, for the same.
pub const MODEL_WEIGHTS: &str = "llmisvc.io/model-weights";
/// On a config: `pods` where its `template` goes over every pod of a service.
pub const OVERLAY: &str = "llmisvc.io/overlay";
/// In `spec.annotations`: flags for vLLM that come after the generated ones and before the user's.
pub const VLLM_ARGS: &str = "llmisvc.io/vllm-args";
/// In `spec.annotations`: the paths that an accelerator is known to work with, by name; `any` allows all.
pub const SUPPORTED_PATHS: &str = "llmisvc.io/supported-paths";
/// On a service: `auto`, `none`, or names of gateway extras.
pub const GATEWAY_EXTRAS: &str = "llmisvc.io/gateway-extras";
/// On a service: the Secret with its CA in the namespace of an Istio Gateway.
pub const GATEWAY_CA: &str = "llmisvc.io/gateway-ca";
/// On a service: `enabled` or `disabled`, whatever the operator's settings say about monitors.
pub const MONITORING: &str = "llmisvc.io/monitoring";
/// vLLM version that a preset's image carries; decides which flags exist.
pub const VLLM_VERSION: &str = "llmisvc.io/vllm-version";
/// Model-based routing switch on workload annotations and Gateways; never copied to children.
pub const MODEL_BASED_ROUTING: &str = "serving.kserve.io/model-based-routing-enabled";
/// Traffic group of a service, and on its route.
pub const ROUTING_GROUP: &str = "serving.kserve.io/routing-group";
/// Finalizer of services that own something which owner references do not reach.
pub const FINALIZER: &str = "serving.kserve.io/llmisvc-finalizer";
/// Finalizer of configs that some service uses.
pub const CONFIG_FINALIZER: &str = "serving.kserve.io/llmisvcconfig-finalizer";
/// Who manages an object: [`MANAGED_BY_VALUE`] on presets that are ours.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "llmisvc-operator";
/// On the pods of a LeaderWorkerSet: its name.
pub const GROUP_NAME: &str = "leaderworkerset.sigs.k8s.io/name";
/// On the pods of a LeaderWorkerSet: their place in the group; 0 is the leader.
pub const GROUP_WORKER_INDEX: &str = "leaderworkerset.sigs.k8s.io/worker-index";

/// Value of [`COMPONENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// Main or decode workload, workload Service, TLS Secret, sidecar RBAC.
    Workload,
    /// Prefill workload.
    Prefill,
    /// Leader of a main or decode group.
    Leader,
    /// Worker of a main or decode group, and its LeaderWorkerSet.
    Worker,
    /// Leader of a prefill group.
    PrefillLeader,
    /// Worker of a prefill group, and its LeaderWorkerSet.
    PrefillWorker,
    /// Tokenizer and its Service.
    Tokenizer,
    /// HTTPRoute.
    Router,
    /// Endpoint picker, its Service, RBAC, and the pool.
    Scheduler,
}

impl Component {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "llminferenceservice-workload",
            Self::Prefill => "llminferenceservice-workload-prefill",
            Self::Leader => "llminferenceservice-workload-leader",
            Self::Worker => "llminferenceservice-workload-worker",
            Self::PrefillLeader => "llminferenceservice-workload-leader-prefill",
            Self::PrefillWorker => "llminferenceservice-workload-worker-prefill",
            Self::Tokenizer => "tokenizer",
            Self::Router => "llminferenceservice-router",
            Self::Scheduler => "llminferenceservice-router-scheduler",
        }
    }
}

/// `{name, part-of, component}`: the labels of every child, and the whole selector of new Deployments.
pub fn base(service: &str, component: Component) -> Labels {
    labels([(NAME, service), (PART_OF, PART_OF_VALUE), (COMPONENT, component.as_str())])
}

/// Selector of the endpoints of a service: what the workload Service and the pool select.
pub fn endpoints(service: &str) -> Labels {
    labels([(NAME, service), (PART_OF, PART_OF_VALUE), (ENDPOINT, "workload")])
}

/// A label set from pairs.
pub fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}
