//! Version v1alpha2.
use serde::{Deserialize, Serialize};

/// Tensor, pipeline, data and expert parallelism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parallelism {
    /// Tensor-parallel size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensor: Option<i32>,
    /// Pipeline-parallel size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<i32>,
    /// Data-parallel size over all nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<i32>,
    /// Data-parallel ranks per node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_local: Option<i32>,
    /// Port of the data-parallel coordinator.
    #[serde(rename = "dataRPCPort", skip_serializing_if = "Option::is_none")]
    pub data_rpc_port: Option<i32>,
    /// Expert parallelism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expert: Option<bool>,
}
