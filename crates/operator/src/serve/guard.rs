//! Who may read a path: TokenReview says who calls, SubjectAccessReview whether they may.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use llmisvc_core::tree;
use llmisvc_kinds::Served;
use serde_json::{Value, json};

use crate::resources::{ACCESS_REVIEW, TOKEN_REVIEW};
use crate::wire::{Place, Wire, WireError};

/// Why a caller is turned away.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// No token, or one that is not valid.
    #[error("the caller is not authenticated")]
    Unauthenticated,
    /// A valid token without the permission.
    #[error("the caller may not read this path")]
    Forbidden,
    /// The API server could not be asked.
    #[error("the caller could not be checked")]
    Unchecked(#[from] WireError),
}

impl Denied {
    /// The status that the caller gets.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Unchecked(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Lets the caller pass who may `get` this path.
pub async fn admit(wire: &Wire, headers: &HeaderMap, path: &str) -> Result<(), Denied> {
    let header = headers.get(AUTHORIZATION).and_then(|h| h.to_str().ok());
    let token = header.and_then(|h| h.strip_prefix("Bearer ")).ok_or(Denied::Unauthenticated)?;
    let review = post(wire, &TOKEN_REVIEW, json!({"token": token})).await?;
    if tree::get(&review, &["status", "authenticated"]) != Some(&Value::Bool(true)) {
        return Err(Denied::Unauthenticated);
    }
    let access = post(wire, &ACCESS_REVIEW, access_spec(&review, path)).await?;
    let allowed = tree::get(&access, &["status", "allowed"]) == Some(&Value::Bool(true));
    if allowed { Ok(()) } else { Err(Denied::Forbidden) }
}

fn access_spec(review: &Value, path: &str) -> Value {
    let user = tree::get(review, &["status", "user"]).unwrap_or(&Value::Null);
    json!({
        "user": tree::text(user, &["username"]),
        "uid": tree::text(user, &["uid"]),
        "groups": tree::list(user, &["groups"]),
        "extra": tree::get(user, &["extra"]),
        "nonResourceAttributes": {"path": path, "verb": "get"},
    })
}

async fn post(wire: &Wire, served: &Served, spec: Value) -> Result<Value, WireError> {
    let body = json!({"apiVersion": served.api_version(), "kind": served.kind, "spec": spec});
    wire.post(Place { served, namespace: "", name: "" }, &body).await
}
