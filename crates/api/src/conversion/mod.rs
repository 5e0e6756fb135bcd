//! Conversion between the versions of both kinds, on trees, without loss (`reference/api.md §6`).
//!
//! [`shape`] moves what both versions have. What only the other version can hold is [kept](kept) in an annotation,
//! and comes back unless the object was changed at that place in between.

mod criticality;
mod kept;
mod pool;
mod review;
mod shape;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use criticality::{LORA, LORA_BY_NAME, MODEL, of as criticalities};
pub use kept::annotation;
pub use pool::older as older_pool;
pub use review::review;

use crate::v1alpha2::{CONFIG_KIND, KIND};
use crate::version::Version;
use kept::Kept;

/// As many places are tried one by one, after they didn't fit as a whole. Conversion keeps fewer; an annotation that
/// somebody filled with thousands must not keep the webhook busy.
const PLACES: usize = 64;

/// Why an object cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// Not a version of ours.
    #[error("apiVersion {0:?} is none of this group: use serving.kserve.io/v1alpha1 or v1alpha2")]
    UnknownVersion(String),
    /// Not a kind of ours.
    #[error("kind {0:?} has no versions here: use LLMInferenceService or LLMInferenceServiceConfig")]
    UnknownKind(String),
}

/// The object in another version. Kind, name and everything that both versions have stay as they are.
pub fn convert(object: Value, to: Version) -> Result<Value, ConversionError> {
    let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let given = text("apiVersion");
    let from = Version::of(given).ok_or_else(|| ConversionError::UnknownVersion(given.to_owned()))?;
    if ![KIND, CONFIG_KIND].contains(&text("kind")) {
        return Err(ConversionError::UnknownKind(text("kind").to_owned()));
    }
    Ok(if from == to { object } else { translate(object, from, to) })
}

/// What `to` can show of the object, with what an earlier conversion kept for it, and with what it can't show kept.
fn translate(mut object: Value, from: Version, to: Version) -> Value {
    let shown = shape::to(&object, to);
    let taken = Kept::take(&mut object, to);
    let mut converted = match &taken {
        Some((kept, _)) => restored(&object, shown, kept, from),
        None => shown,
    };
    let mut lost = Kept::between(&shape::to(&converted, from), &object);
    if let Some((_, text)) = taken.filter(|_| !lost.is_empty() && kept::is_there(&converted, from)) {
        // The place is taken by an annotation that was restored. Both are there again once this is converted back.
        lost.keep_annotation(to, text);
    }
    lost.write(&mut converted, from);
    converted
}

/// Brings back what was kept, as far as nothing changes for those who use `from`: what they see, they wrote.
fn restored(object: &Value, shown: Value, kept: &Kept, from: Version) -> Value {
    let seen = [shape::to(&shown, from), kept::without_annotations(object)];
    let unchanged = |candidate: &Value| seen.contains(&shape::to(candidate, from));
    let all = kept.steps().fold(shown.clone(), |object, step| step.apply(object));
    if unchanged(&all) {
        return all;
    }
    kept.steps().take(PLACES).fold(shown, |object, step| {
        let candidate = step.apply(object.clone());
        if unchanged(&candidate) { candidate } else { object }
    })
}
