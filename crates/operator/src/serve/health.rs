//! `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::context::Context;
use crate::stores::watched::Watched;
use crate::webhook::Serving;

/// The probes: alive as soon as the process serves; ready once every watch has shown a complete list and the webhooks
/// have a certificate. An operator that waits for the Lease is ready too.
pub fn router(ctx: Arc<Context>, serving: Option<Arc<Serving>>) -> Router {
    let state = (ctx, serving);
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(state)
}

async fn ready(State((ctx, serving)): State<(Arc<Context>, Option<Arc<Serving>>)>) -> (StatusCode, String) {
    let waiting = waiting(&ctx, serving.as_deref());
    if waiting.is_empty() {
        (StatusCode::OK, "ok".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}", waiting.join(", ")))
    }
}

/// With webhooks, the lists of our own kinds are not waited for: objects that are stored as v1alpha1 are shown only
/// after conversion, and the API server reaches no webhook of a pod that is not ready.
fn waiting(ctx: &Context, serving: Option<&Serving>) -> Vec<&'static str> {
    let unsynced = ctx.stores.unsynced();
    let Some(serving) = serving else { return unsynced };
    let own = [Watched::Services, Watched::Configs].map(Watched::label);
    let others = unsynced.into_iter().filter(|label| !own.contains(label));
    others.chain((!serving.is_ready()).then_some("the webhooks' certificate")).collect()
}
