//! `kvCacheOffloading` (`reference/api.md §2.6`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Quantity;
use crate::crd::nodes;

/// Tiers below the KV cache in accelerator memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KvCacheOffloading {
    /// Size of the tier in CPU memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// What leaves the CPU tier first; `lru` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eviction_policy: Option<EvictionPolicy>,
    /// Tiers below the CPU tier, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary: Option<Vec<SecondaryTier>>,
}

/// Eviction policy of the CPU tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EvictionPolicy {
    /// Least recently used.
    Lru,
    /// Adaptive replacement.
    Arc,
}

/// One tier below the CPU tier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondaryTier {
    /// Tier on a file system, the only kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system: Option<FileSystemTier>,
}

/// Where a file system tier lives: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSystemTier {
    /// Scratch space of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDirTier>,
    /// Volume claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc: Option<PvcTier>,
}

/// Scratch space of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmptyDirTier {
    /// Size limit, also requested as ephemeral storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Quantity>,
}

/// Volume claim: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PvcTier {
    /// Spec of one ephemeral claim per pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::pvc_spec")]
    pub spec: Option<Value>,
    /// Existing claim.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<PvcRef>,
}

/// Existing claim in the namespace of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PvcRef {
    /// Claim name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Path inside the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}
