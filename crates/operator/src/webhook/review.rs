//! Reviews as the API server sends them, and their answers: bytes in, a body out. What is said is said by the core.

use llmisvc_api::conversion;
use llmisvc_core::admission::Site;
use llmisvc_core::admission::wire::{Review, WireError};
use llmisvc_core::tree;
use serde_json::Value;

const CONVERSION: &str = "apiextensions.k8s.io/v1";

/// Why a review cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// The body.
    #[error("the body is not JSON")]
    NotJson,
    /// Not an AdmissionReview, or about something else.
    #[error(transparent)]
    Admission(#[from] WireError),
    /// Not a ConversionReview.
    #[error("the body is no ConversionReview of {CONVERSION} with a request")]
    NotAConversion,
    /// The work on it ended early.
    #[error("the review was not finished: try again")]
    Unfinished,
}

/// The answer to a review and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The body to send.
    pub body: Value,
    /// Whether the write was admitted, or the objects converted.
    pub ok: bool,
}

/// What validation says to an `AdmissionReview`.
pub fn validate(body: &[u8], site: &Site) -> Result<Answer, ReviewError> {
    Ok(admitted(Review::parse(json(body)?)?.validated(site)))
}

/// What the mutating webhook says; it changes nothing unless defaults are asked for.
pub fn mutate(body: &[u8], site: &Site, defaults: bool) -> Result<Answer, ReviewError> {
    let mut body = Review::parse(json(body)?)?.mutated(site);
    if let Some(response) = body.get_mut("response").and_then(Value::as_object_mut).filter(|_| !defaults) {
        response.retain(|key, _| key != "patch" && key != "patchType");
    }
    Ok(admitted(body))
}

fn admitted(body: Value) -> Answer {
    let ok = tree::get(&body, &["response", "allowed"]) == Some(&Value::Bool(true));
    Answer { body, ok }
}

/// A `ConversionReview`: all objects, or the first that cannot be converted and why.
pub fn convert(body: &[u8]) -> Result<Answer, ReviewError> {
    let review = json(body)?;
    let asked = tree::text(&review, &["kind"]) == "ConversionReview"
        && tree::text(&review, &["apiVersion"]) == CONVERSION
        && review.get("request").is_some_and(Value::is_object);
    if !asked {
        return Err(ReviewError::NotAConversion);
    }
    let body = conversion::review(&review);
    let ok = tree::text(&body, &["response", "result", "status"]) == "Success";
    Ok(Answer { body, ok })
}

fn json(body: &[u8]) -> Result<Value, ReviewError> {
    serde_json::from_slice(body).map_err(|_| ReviewError::NotJson)
}

#[cfg(test)]
mod tests;
