//! The group of a pool follows what the gateways say, over whole passes of an example.

use std::collections::BTreeSet;
use std::sync::Arc;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Server;
use super::whole::{context, m};
use crate::context::Context;
use crate::memo::Mind;
use crate::reconcile::pass;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/demo/httproutes/llama-70b-kserve-route";
const OLDER: &str =
    "/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/demo/inferencepools/llama-70b-inference-pool";

/// The example in a cluster that serves both groups.
async fn settled(server: &Server, mind: &mut Mind) -> Arc<Context> {
    let ctx = context(server);
    for watched in [Watched::Settings, Watched::Child(Kind::OlderInferencePool)] {
        ctx.stores.listed(watched, &BTreeSet::new());
    }
    pass(&ctx, &m(), mind).await.unwrap();
    pass(&ctx, &m(), mind).await.unwrap();
    server.requests();
    ctx
}

/// The watch shows what the gateway says about the route as it is.
fn says(ctx: &Context, server: &Server, generation: i64, status: &str, reason: &str) {
    let mut route = server.get(ROUTE).unwrap();
    let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "observedGeneration": generation});
    let conditions = [condition("Accepted", "True", "Accepted"), condition("ResolvedRefs", status, reason)];
    let parent = route["spec"]["parentRefs"][0].clone();
    route["metadata"]["generation"] = json!(generation);
    route["status"] = json!({"parents": [{"parentRef": parent, "conditions": conditions}]});
    ctx.stores.put(Watched::Child(Kind::HTTPRoute), Raw::new(server.put(ROUTE, route)));
}

fn led(server: &Server) -> Value {
    server.get(ROUTE).unwrap()["spec"]["rules"][0]["backendRefs"][0]["group"].take()
}

fn writes(server: &Server) -> Vec<String> {
    let all = server.requests().into_iter();
    all.filter(|request| request.contains("inferencepools") || request.contains("httproutes"))
        .filter(|request| !request.starts_with("get ") && !request.starts_with("patch "))
        .collect()
}

// G-22, G-23
#[tokio::test]
async fn a_pool_comes_before_the_route_turns_to_it_and_goes_after_the_gateway_has_taken_the_other() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    assert!(server.get(OLDER).is_none(), "nobody has asked for it");
    says(&ctx, &server, 1, "False", "BackendNotFound");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(writes(&server), [""; 0]);
    says(&ctx, &server, 1, "False", "InvalidKind");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(
        writes(&server),
        ["create inferencepools/llama-70b-inference-pool", "apply httproutes/llama-70b-kserve-route"]
    );
    assert_eq!(led(&server), "inference.networking.x-k8s.io");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    says(&ctx, &server, 2, "True", "ResolvedRefs");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(writes(&server), [""; 0], "it rests there");
    // The gateway is replaced by one that knows v1 only.
    says(&ctx, &server, 2, "False", "InvalidKind");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(writes(&server), ["apply httproutes/llama-70b-kserve-route"], "the older pool stays for now");
    assert_eq!(led(&server), "inference.networking.k8s.io");
    says(&ctx, &server, 3, "True", "ResolvedRefs");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let last = writes(&server);
    assert!(last.contains(&"delete inferencepools/llama-70b-inference-pool".to_owned()), "{last:?}");
    assert!(server.get(OLDER).is_none());
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(writes(&server), [""; 0]);
}

#[tokio::test]
async fn a_route_stays_where_it_leads_while_the_other_pool_is_refused() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    says(&ctx, &server, 1, "False", "InvalidKind");
    server.refuse("llama-70b-inference-pool", 422);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(writes(&server), ["create inferencepools/llama-70b-inference-pool"]);
    assert_eq!(led(&server), "inference.networking.k8s.io");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(led(&server), "inference.networking.k8s.io", "remembered, and not forgotten");
    server.relent("llama-70b-inference-pool");
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    assert_eq!(led(&server), "inference.networking.x-k8s.io");
    assert!(server.get(OLDER).is_some());
}
