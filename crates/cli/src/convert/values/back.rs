//! From a service to values.
use serde_json::Value;

use crate::convert::{ConvertError, Loss};

/// x
pub fn convert(_objects: &[Value]) -> Result<(String, Vec<Loss>), ConvertError> {
    Ok(Default::default())
}
