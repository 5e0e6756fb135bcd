//! DynamoGraphDeployment of vLLM (`reference/llm-d.md §6.2`), in both of its versions.

use serde_json::Value;

use super::{ConvertError, Converted};

/// To be replaced below.
pub fn convert(_documents: &[Value]) -> Result<Converted, ConvertError> {
    Ok(Converted::default())
}
