//! Everything that can be wrong with, or is worth knowing about, a workload.

use thiserror::Error;

/// A problem without its path; [`super::scope::Scope`] adds the path and the config it came from.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
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
    #[error("confidential models are not supported by this version: remove model.confidential")]
    Confidential,
    #[error("ServiceAccount {name:?} not found in namespace {namespace:?}: create it or name another")]
    NoAccount { name: String, namespace: String },
    #[error("bad quoting in {value:?}: close every quote")]
    Quoting { value: String },
    #[error("{got:?} is no vLLM version: expected for example \"0.23.0\"")]
    Version { got: String },
    #[error("managed DRA ({annotation}) is not supported by this version: remove the annotation")]
    ManagedDra { annotation: String },

    #[error(
        "{name:?} is {over} too long for a LeaderWorkerSet: its pods carry the name in a label, which leaves room for \
         {most} bytes; shorten the service's name"
    )]
    GroupNameLength { name: String, most: usize, over: usize },
    #[error("vLLM {got} runs over several nodes with Ray only: use an image with {needed} or newer")]
    GroupVersion { got: String, needed: String },

    // Warnings: these block nothing.
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
    #[error("{user:?} replaces the generated {generated:?}")]
    FlagReplaced { user: String, generated: String },
    #[error("{word:?} reaches vLLM with its quotes: no shell removes them, so remove them here")]
    QuotedArgument { word: String },
    #[error("prefill pods get no requests without spec.router.scheduler: add it")]
    PrefillWithoutScheduler,
    #[error("{feature} is not supported by this version and has no effect")]
    NoEffect { feature: &'static str },
    #[error(
        "{ranks} ranks are no multiple of {size} pods, which pods with {per_pod} accelerators make, and vLLM runs the \
         same number in each: change parallelism or the accelerators of a pod"
    )]
    Indivisible { ranks: i64, per_pod: i64, size: i64 },
    #[error("{ranks} ranks over {size} pods of {per_pod} are {each} in each: the rest is not used")]
    Unused { ranks: i64, per_pod: i64, size: i64, each: i64 },
}
