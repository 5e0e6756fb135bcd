//! `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::guard;
use crate::context::Context;

/// Open metrics, for `--metrics-secure=false`.
pub fn open(ctx: Arc<Context>) -> Router {
    Router::new().route("/metrics", get(async |State(ctx): State<Arc<Context>>| text(&ctx))).with_state(ctx)
}

/// Metrics for callers who may `get` the path `/metrics`.
pub fn guarded(ctx: Arc<Context>) -> Router {
    Router::new().route("/metrics", get(guarded_text)).with_state(ctx)
}

async fn guarded_text(State(ctx): State<Arc<Context>>, headers: HeaderMap) -> Response {
    match guard::admit(&ctx.wire, &headers, "/metrics").await {
        Ok(()) => text(&ctx),
        Err(denied) => denied.status().into_response(),
    }
}

fn text(ctx: &Context) -> Response {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match ctx.metrics.text(ctx.queue.depth(), ctx.stores.child_count()) {
        Ok(text) => ([(CONTENT_TYPE, format)], text).into_response(),
        Err(std::fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
