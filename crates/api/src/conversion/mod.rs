//! Conversion between the versions of both kinds, on trees (`reference/api.md §6`).

use serde_json::{Value, json};

use crate::version::Version;

/// Why an object cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// Not a version of ours.
    #[error("apiVersion {0:?} is none of this group: use serving.kserve.io/v1alpha1 or v1alpha2")]
    UnknownVersion(String),
}

/// The object in another version. Kind, name and everything that both versions have stay as they are.
pub fn convert(mut object: Value, to: Version) -> Result<Value, ConversionError> {
    let given = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    Version::of(&given).ok_or(ConversionError::UnknownVersion(given))?;
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), json!(to.api_version()));
    }
    Ok(object)
}
