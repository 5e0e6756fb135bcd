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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::Server;
    use crate::testing::passes::context;

    async fn answer(ctx: &Arc<Context>, serving: Option<Arc<Serving>>) -> (u16, String) {
        let (code, text) = ready(State((Arc::clone(ctx), serving))).await;
        (code.as_u16(), text)
    }

    #[tokio::test]
    async fn it_is_ready_when_every_list_is_complete_and_says_what_it_waits_for() {
        // G-60
        let ctx = context(&Server::default());
        let all = Watched::all();
        let (last, others) = all.split_last().unwrap();
        assert_eq!(answer(&ctx, None).await.0, 503);
        for watched in others {
            ctx.stores.listed(*watched, &BTreeSet::new());
        }
        assert_eq!(answer(&ctx, None).await, (503, format!("waiting for: {}", last.label())));
        ctx.stores.listed(*last, &BTreeSet::new());
        assert_eq!(answer(&ctx, None).await, (200, "ok".to_owned()));
        let without_certificate = answer(&ctx, Some(Arc::default())).await;
        assert_eq!(without_certificate, (503, "waiting for: the webhooks' certificate".to_owned()));
    }
}
