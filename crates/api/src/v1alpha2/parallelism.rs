//! `parallelism` (`reference/api.md §2.4`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tensor, pipeline, data and expert parallelism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parallelism {
    /// Tensor-parallel size.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tensor: Option<i32>,
    /// Pipeline-parallel size.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub pipeline: Option<i32>,
    /// Data-parallel size over all nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub data: Option<i32>,
    /// Data-parallel ranks per node.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub data_local: Option<i32>,
    /// Port of the data-parallel coordinator.
    #[serde(rename = "dataRPCPort", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub data_rpc_port: Option<i32>,
    /// Expert parallelism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expert: Option<bool>,
}

impl Parallelism {
    /// `data` or `dataLocal` is above zero.
    pub fn is_data_parallel(&self) -> bool {
        self.data.unwrap_or(0) > 0 || self.data_local.unwrap_or(0) > 0
    }

    /// `pipeline` is above zero.
    pub fn is_pipeline_parallel(&self) -> bool {
        self.pipeline.unwrap_or(0) > 0
    }
}
