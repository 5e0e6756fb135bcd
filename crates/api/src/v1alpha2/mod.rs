//! Version v1alpha2.
//!
//! [`LlmInferenceServiceSpec`] is the typed spec; configs are partial and hold templates, so only a merged and
//! rendered spec has to fit it ([`decode`]). Whole objects stay trees: one malformed spec is one finding and never
//! a failed list.

mod decode;
mod kv_cache;
mod model;
mod parallelism;
mod quantity;
mod router;
mod scaling;
mod scheduler;
mod status;
mod tracing;
mod workload;

pub use decode::{DecodeError, decode};
pub use kv_cache::{
    EmptyDirTier, EvictionPolicy, FileSystemTier, KvCacheOffloading, PvcRef, PvcTier, SecondaryTier,
};
pub use model::{Confidential, Lora, LoraAdapter, Model, StorageInitializer};
pub use parallelism::Parallelism;
pub use quantity::Quantity;
pub use router::{Gateway, GatewayRef, HttpRoute, Ingress, IngressRef, Route, Router};
pub use scaling::{
    AuthenticationRef, Fallback, FallbackBehavior, HpaActuator, HpaConfig, Keda, KedaAdvanced, KedaSettings,
    MetricType, Scaling, ScalingModifiers, Trigger, Wva,
};
pub use scheduler::{ConfigMapKeyRef, Pool, Scheduler, SchedulerConfig, Tokenizer};
pub use status::{
    Address, AppliedConfig, BackendRef, ConfigSource, GatewayStatus, GroupMember, GroupStatus,
    LlmInferenceServiceConfigStatus, LlmInferenceServiceStatus, ObjectRef, ReachableModel, RouterStatus,
    SchedulerStatus, ServiceRef, SourcedAddress, WorkloadRef, WorkloadServiceRef, WorkloadsStatus,
};
pub use tracing::Tracing;
pub use workload::{LlmInferenceServiceSpec, NameRef, RolloutStrategy, Workload};

/// API group.
pub const GROUP: &str = "serving.kserve.io";
/// Version of these types.
pub const VERSION: &str = "v1alpha2";
/// `apiVersion` as in YAML.
pub const API_VERSION: &str = "serving.kserve.io/v1alpha2";
/// Kind of services.
pub const KIND: &str = "LLMInferenceService";
/// Plural of services.
pub const PLURAL: &str = "llminferenceservices";
/// Kind of configs.
pub const CONFIG_KIND: &str = "LLMInferenceServiceConfig";
/// Plural of configs.
pub const CONFIG_PLURAL: &str = "llminferenceserviceconfigs";

/// Where a spec of either kind and version holds pod specs, as paths below `spec`.
pub const POD_SPECS: [&[&str]; 6] = [
    &["template"],
    &["worker"],
    &["prefill", "template"],
    &["prefill", "worker"],
    &["router", "scheduler", "template"],
    &["router", "scheduler", "tokenizer", "template"],
];
