//! DynamoGraphDeployment (vLLM).

use serde_json::Value;

use super::{ConvertError, Converted};

/// Not known yet.
pub fn convert(_documents: &[Value]) -> Result<Converted, ConvertError> {
    Err(ConvertError::Impossible { path: "kind".to_owned(), problem: "cannot be converted".to_owned() })
}
