//! Who may read metrics.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;

use super::Server;
use crate::serve::guard::admit;

async fn status(server: &Server, token: Option<&str>) -> StatusCode {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    admit(&server.wire(), &headers, "/metrics")
        .await
        .map_or_else(|denied| denied.status(), |()| StatusCode::OK)
}

#[tokio::test]
async fn no_token_and_a_wrong_token_are_unauthenticated() {
    let server = Server::default();
    assert_eq!(status(&server, None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.requests(), [""; 0]);
    server.review("TokenReview", json!({"authenticated": false}));
    assert_eq!(status(&server, Some("x")).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_known_caller_needs_the_permission() {
    let server = Server::default();
    server.review("TokenReview", json!({"authenticated": true, "user": {"username": "u"}}));
    server.review("SubjectAccessReview", json!({"allowed": false}));
    assert_eq!(status(&server, Some("x")).await, StatusCode::FORBIDDEN);
    server.review("SubjectAccessReview", json!({"allowed": true}));
    assert_eq!(status(&server, Some("x")).await, StatusCode::OK);
}

#[tokio::test]
async fn a_caller_who_cannot_be_checked_is_turned_away() {
    let server = Server::default();
    server.refuse("", 503);
    assert_eq!(status(&server, Some("x")).await, StatusCode::SERVICE_UNAVAILABLE);
}
