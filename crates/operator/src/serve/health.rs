//! `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::context::Context;

/// The probes: alive as soon as the process serves, ready once every watch has shown a complete list. An operator
/// that waits for the Lease is ready too.
pub fn router(ctx: Arc<Context>) -> Router {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(ctx)
}

async fn ready(State(ctx): State<Arc<Context>>) -> (StatusCode, String) {
    if ctx.stores.is_synced() {
        (StatusCode::OK, "ok".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}", ctx.stores.unsynced().join(", ")))
    }
}
