//! Everything that can be wrong with, or is worth knowing about, a workload.

use thiserror::Error;

/// A problem without its path; [`super::scope::Scope`] adds the path and the config it came from.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("is missing: an autoscaler needs a limit, for example maxReplicas: 8")]
    NoCeiling,
    #[error("expected {expected}, got {got}")]
    Type { expected: &'static str, got: String },
    #[error("{got} is out of range: {rule}")]
    Range { got: i64, rule: &'static str },
    #[error(
        "dataLocal is {local}, but one node has to run all {data} data-parallel ranks: set both to the same"
    )]
    DataOnOneNode { data: i32, local: i32 },
    #[error(
        "a group can't be sized by tensor alone: set parallelism.pipeline, data and dataLocal, or the accelerators of \
         a pod in worker.containers[main].resources"
    )]
    GroupSize,
    #[error(
        "{name:?} can't name a LeaderWorkerSet, whose Service needs a DNS label: begin with a letter and leave out dots"
    )]
    GroupName { name: String },
    #[error("pod has no container \"main\": add one, or a preset that has one")]
    NoMain,
    #[error("ServiceAccount {name:?} not found in namespace {namespace:?}: create it or name another")]
    NoAccount { name: String, namespace: String },
    #[error("bad quoting in {value:?}: close every quote")]
    Quoting { value: String },
    #[error("{got:?} is no vLLM version: expected for example \"0.23.0\"")]
    Version { got: String },

    #[error(
        "{name:?} is {over} too long for a LeaderWorkerSet: its pods carry the name in a label, which leaves room for \
         {most} bytes; shorten the service's name"
    )]
    GroupNameLength { name: String, most: usize, over: usize },
    #[error("vLLM {got} runs over several nodes with Ray only: use an image with {needed} or newer")]
    GroupVersion { got: String, needed: String },
    #[error(
        "{path} is not known to work with this accelerator, which supports {supported}: take one of these or \
         another accelerator; whoever has tried it sets spec.annotations[llmisvc.io/supported-paths] to \"any\""
    )]
    UnsupportedPath { path: &'static str, supported: String },
    #[error("can't be part of a pod template: add them to a running pod with `kubectl debug`")]
    EphemeralContainers,

    // Warnings: these block nothing.
    #[error("{old:?} is ignored: serviceAccountName is {new:?}; remove one of the two")]
    SecondAccount { old: String, new: String },
    #[error(
        "{said} is taken for a default that KServe's CRD filled in, so {kept} of a lower layer stays; change it there"
    )]
    TakenForDefault { said: String, kept: String },
    #[error("is ignored: an adapter has only name and uri")]
    AdapterMember,
    #[error("{ranks} ranks over pods of {per_pod} are {size} pods, rounded up: the last one has room left")]
    Uneven { ranks: i64, per_pod: i64, size: i64 },
    #[error("label {key}={got} would change the selector, {key}={kept} is kept")]
    LabelIgnored { key: String, got: String, kept: String },
    #[error(
        "requests {requested} {resource}, but the parallelism needs {world} ({sizes}): set resources.limits or \
         parallelism so that they agree"
    )]
    AcceleratorMismatch { requested: i64, resource: String, world: i64, sizes: String },
    #[error(
        "{needed} {resource} are needed by the parallelism, but the running workload has none, so none are added: \
         set resources.limits or the annotation llmisvc.io/accelerator"
    )]
    AcceleratorKept { needed: i64, resource: String },
    #[error(
        "requests {requested} {resource}, each of which runs {ranks} ranks, but the parallelism needs {world} ({sizes}): \
         set resources.limits or parallelism so that they agree"
    )]
    ChipMismatch { requested: i64, resource: String, ranks: String, world: i64, sizes: String },
    #[error(
        "claims {claimed} of class {class}, but the parallelism needs {world} ({sizes}): set the annotation \
         serving.kserve.io/exp-dra-device-count or parallelism so that they agree"
    )]
    ClaimMismatch { claimed: i64, class: String, world: i64, sizes: String },
    #[error(
        "requests {requested} google.com/tpu, but a node of topology {topology} has {per_node} chips, and a pod needs all \
         of them: set resources.limits or the topology so that they agree"
    )]
    TpuChips { requested: i64, per_node: String, topology: String },
    #[error(
        "{topology} is {nodes} nodes with {per_node} chips each, for a group of as many pods, but the pods of a replica \
         are {pods}: take another topology, or worker and parallelism that make {nodes} pods"
    )]
    TpuNodes { topology: String, nodes: i64, per_node: i64, pods: i64 },
    #[error(
        "the parallelism makes {world} ranks in a pod ({sizes}), but the {per_node} chips of its node in topology \
         {topology} run {ranks}: set parallelism or the topology so that they agree"
    )]
    TpuRanks { world: i64, sizes: String, per_node: i64, topology: String, ranks: i64 },
    #[error(
        "{count} google.com/tpu are added, one for each rank, since the topology is not known, which decides how many chips \
         a pod has: add the node selectors cloud.google.com/gke-tpu-accelerator and cloud.google.com/gke-tpu-topology, or \
         set resources.limits"
    )]
    TpuUnsized { count: i64 },
    #[error("{got:?} is no size above zero: write for example 62Gi")]
    NoSize { got: String },
    #[error("{user:?} replaces the generated {generated:?}")]
    FlagReplaced { user: String, generated: String },
    #[error("{word:?} reaches vLLM with its quotes: no shell removes them, so remove them here")]
    QuotedArgument { word: String },
    #[error("prefill pods get no requests without spec.router.scheduler: add it")]
    PrefillWithoutScheduler,
    #[error(
        "{flag:?} is used in place of the generated --kv-transfer-config: of the tiers only those are mounted whose \
         directory it names"
    )]
    TiersReplaced { flag: String },
    #[error("vLLM {version} has no KV cache tiers, they came with 0.22: nothing is added to its pods")]
    TiersTooNew { version: String },
    #[error("cpu is no size above zero, so nothing is offloaded: set it, for example cpu: 10Gi")]
    TiersWithoutSize,
    #[error(
        "the command is not one of our presets' and passes no --kv-transfer-config, so vLLM doesn't use the tiers: \
         add the flag, with the directories /mnt/kv-cache-0 and so on"
    )]
    TiersUnsaid,
    #[error(
        "the CPU tier of {tier} lies in the container's memory, of which it may use {limit}: raise the limit, or \
         lower kvCacheOffloading.cpu"
    )]
    TierOverMemory { limit: String, tier: String },
    #[error(
        "model servers send no traces without an endpoint: set it, for example http://otel-collector:4317"
    )]
    NoEndpoint,
    #[error(
        "the command is a script that takes no arguments: add {flag} to it, or end vLLM's line in \"$@\""
    )]
    ClosedScript { flag: String },
    #[error("{field} has no {name:?}: its pods get the claim {claim:?}, and no container uses it")]
    NoClaimingContainer { name: String, field: String, claim: &'static str },
    #[error("{replicas} is written when {by}, which scales the workload until then, is gone{why}")]
    StillScaled { replicas: i64, by: String, why: &'static str },
    #[error(
        "no ScaledObject is made or changed while nobody says where its metrics are: set prometheus.url in key {key:?} of \
         ConfigMap inferenceservice-config"
    )]
    NoPrometheus { key: &'static str },
    #[error(
        "{sleeper} may have no replicas while {other} has some: set idleReplicaCount: 0 and the same triggers for both \
         prefill and decode, so that they go to zero and come back together"
    )]
    SleepApart { sleeper: &'static str, other: &'static str },
    #[error(
        "{ranks} ranks are no multiple of {size} pods, which pods with {per_pod} accelerators make, and vLLM runs the \
         same number in each: change parallelism or the accelerators of a pod"
    )]
    Indivisible { ranks: i64, per_pod: i64, size: i64 },
    #[error("{ranks} ranks over {size} pods of {per_pod} are {each} in each: the rest is not used")]
    Unused { ranks: i64, per_pod: i64, size: i64, each: i64 },
    #[error("main gives --lora-modules itself: no flags are added for the adapters of spec.model.lora")]
    AdaptersGiven,
    #[error(
        "its shell takes no arguments, so vLLM does not get the adapters of spec.model.lora: end the script with \
         \"$@\", or add {flags}"
    )]
    AdaptersUnheard { flags: String },
}
