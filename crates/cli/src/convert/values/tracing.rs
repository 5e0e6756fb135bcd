//! Tracing (`reference/llm-d.md §3.2`).

use serde_json::json;

use super::Draft;
use crate::convert::keys::{Keys, put};

/// The chart samples everything unless told otherwise, our preset one trace in twenty.
const CHART_RATIO: &str = "1.0";

/// Puts `tracing` into the service where it is on.
pub fn convert(keys: &mut Keys, draft: &mut Draft) {
    if !keys.is_on("tracing.enabled", false) {
        return;
    }
    let ratio = keys.text("tracing.sampling.samplerArg").unwrap_or_else(|| CHART_RATIO.to_owned());
    let mut tracing = json!({"samplerArg": ratio});
    put(&mut tracing, &["exporterEndpoint"], json!(keys.text("tracing.otlpEndpoint")));
    put(&mut tracing, &["sampler"], json!(keys.text("tracing.sampling.sampler")));
    draft.put(&["spec", "tracing"], tracing);
}
