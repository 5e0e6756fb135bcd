//! `tracing` (`reference/api.md §2.11`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// OpenTelemetry settings; presence, even as `{}`, turns tracing on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tracing {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exporter_endpoint: Option<String>,
    /// `OTEL_TRACES_SAMPLER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<String>,
    /// `OTEL_TRACES_SAMPLER_ARG`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler_arg: Option<String>,
    /// `OTEL_TRACES_EXPORTER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exporter: Option<String>,
}
