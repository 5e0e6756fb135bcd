//! What is told about a service over its life, and how that is written.

use std::sync::Arc;
use std::time::Duration;

use llmisvc_core::facts::Ref;
use serde_json::{Value, json};

use super::Server;
use super::whole::{SERVICE, context, example, m, settled};
use crate::context::Context;
use crate::events::{self, News, Type};
use crate::memo::Mind;
use crate::metrics::Outcome;
use crate::reconcile::{pass, reconcile};
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

/// Reasons of what was told since the last look.
fn told(ctx: &Context) -> Vec<(&'static str, String)> {
    ctx.events.said().into_iter().map(|news| (news.reason, news.message)).collect()
}

fn reasons(ctx: &Context) -> Vec<&'static str> {
    told(ctx).into_iter().map(|(reason, _)| reason).collect()
}

/// The service is changed, and the watch shows it.
fn change(ctx: &Context, server: &Server, edit: impl FnOnce(&mut Value)) {
    let mut service = example();
    service["status"] = server.get(SERVICE).unwrap()["status"].take();
    edit(&mut service);
    ctx.stores.put(Watched::Services, Raw::new(server.put(SERVICE, service)));
}

// G-5
#[tokio::test(start_paused = true)]
async fn the_children_of_a_new_service_are_one_event() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = context(&server);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let first = told(&ctx);
    let count = ctx.stores.child_count();
    let expected = format!("Created {count} objects: Secret llama-70b-kserve-self-signed-certs, ");
    assert!(first[0].0 == "Created" && first[0].1.starts_with(&expected), "{first:?}");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    assert_eq!(reasons(&ctx), [""; 0], "nothing has changed");
}

// G-5
#[tokio::test(start_paused = true)]
async fn a_changed_child_is_told_once() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    ctx.events.said();
    change(&ctx, &server, |service| service["spec"]["prefill"]["replicas"] = json!(3));
    tokio::time::advance(Duration::from_secs(2)).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let updated = "Updated Deployment llama-70b-kserve-prefill".to_owned();
    assert_eq!(told(&ctx), [("Updated", updated)]);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(reasons(&ctx), [""; 0]);
}

// G-5, G-11, G-12: the Gateway of the service does not exist
#[tokio::test(start_paused = true)]
async fn a_stop_is_one_event_whatever_is_missing() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    let routes = server.get(SERVICE).unwrap()["status"]["conditions"].take();
    assert!(routes.to_string().contains("RefsInvalid"), "{routes}");
    let count = ctx.stores.child_count();
    ctx.events.said();
    change(&ctx, &server, |service| {
        service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    });
    tokio::time::advance(Duration::from_secs(2)).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(ctx.stores.child_count(), 0);
    let news = told(&ctx);
    assert!(news[0].1.starts_with(&format!("Deleted {count} objects: HTTPRoute ")), "{news:?}");
    assert_eq!(news.len(), 1, "{news:?}");
}

// G-6
#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_missing_is_told_once_and_waited_for_without_a_timer() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = context(&server);
    change(&ctx, &server, |service| {
        service["spec"]["router"]["gateway"] = json!({"refs": [{"name": "gone", "namespace": "infra"}]});
    });
    let first = pass(&ctx, &m(), &mut mind).await.unwrap();
    let errors: Vec<String> = told(&ctx).into_iter().filter(|(r, _)| *r == "Error").map(|(_, m)| m).collect();
    assert!(errors.len() == 1 && errors[0].contains("infra/gone"), "{errors:?}");
    server.requests();
    let second = pass(&ctx, &m(), &mut mind).await.unwrap();
    for next in [first, second] {
        assert_eq!(next.outcome(), Outcome::Settled);
        assert!(next.after().is_none_or(|after| after > Duration::from_hours(24)), "{next:?}");
    }
    assert_eq!((server.requests(), reasons(&ctx)), (Vec::new(), Vec::new()));
    let gateway = json!({"metadata": {"name": "gone", "namespace": "infra"}});
    assert_eq!(ctx.stores.put(Watched::Gateways, Raw::new(gateway)), [m()].into());
}

// G-7
#[tokio::test(start_paused = true)]
async fn a_conflict_is_looked_at_again_and_told_nobody() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    ctx.events.said();
    change(&ctx, &server, |service| service["spec"]["prefill"]["replicas"] = json!(3));
    tokio::time::advance(Duration::from_secs(2)).await;
    server.refuse("llama-70b-kserve-prefill", 409);
    let status = server.get(SERVICE).unwrap()["status"]["conditions"].take();
    let next = pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(next.outcome(), Outcome::Retry);
    let reasons_of = |conditions: &Value| {
        let all = conditions.as_array().unwrap().iter();
        all.map(|c| (c["type"].clone(), c["reason"].clone())).collect::<Vec<_>>()
    };
    let after = server.get(SERVICE).unwrap()["status"]["conditions"].take();
    assert_eq!(reasons_of(&after), reasons_of(&status));
    assert_eq!(reasons(&ctx), [""; 0]);
}

// G-5
#[tokio::test(start_paused = true)]
async fn passes_that_fail_are_told_once_until_one_succeeds() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    ctx.events.said();
    change(&ctx, &server, |service| service["metadata"]["generation"] = json!(2));
    server.refuse("status", 503);
    for _ in 0..8 {
        tokio::time::advance(Duration::from_secs(2)).await;
        reconcile(Arc::clone(&ctx), m()).await;
    }
    let refused = "Reconciliation failed: spec.status: refused by the test (503 )".to_owned();
    assert_eq!(told(&ctx), [("Error", refused)]);
    server.relent("status");
    reconcile(Arc::clone(&ctx), m()).await;
    assert_eq!(reasons(&ctx), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_same_event_is_counted_and_one_that_expired_is_written_anew() {
    let server = Server::default();
    let ctx = context(&server);
    let news = News { kind: Type::Warning, reason: "Error", message: "no".to_owned() };
    let again = async || {
        events::tell(&ctx, &m(), &example(), news.clone());
        events::flush(&ctx).await;
        server.requests().concat()
    };
    let created = again().await;
    assert_eq!(created, "create events");
    let counted = again().await;
    let name = counted.strip_prefix("merge events/").unwrap();
    let path = format!("/api/v1/namespaces/demo/events/{name}");
    let event = server.get(&path).unwrap();
    assert_eq!((&event["count"], &event["involvedObject"]["uid"]), (&json!(2), &json!("owner")));
    server.remove(&path);
    assert_eq!(again().await, format!("merge events/{name}create events"));
    let text = ctx.metrics.text(0, 0).unwrap();
    for line in [r#"events_total{result="written"} 2"#, r#"events_total{result="repeated"} 1"#] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn a_service_that_is_gone_is_told_nothing_about_and_has_no_series() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    let series = || ctx.metrics.text(0, 0).unwrap().matches(r#"name="llama-70b""#).count();
    assert!(series() > 5);
    ctx.events.said();
    let gone = Ref::new("demo", "llama-70b");
    ctx.stores.forget(Watched::Services, &gone);
    pass(&ctx, &gone, &mut mind).await.unwrap();
    assert_eq!((series(), reasons(&ctx)), (0, Vec::new()));
}

// router.md §6.5; G-5
#[tokio::test(start_paused = true)]
async fn two_services_of_one_model_name_are_told_about_each_other_once() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    ctx.events.said();
    let mut other = example();
    other["metadata"]["name"] = json!("other");
    other["spec"]["model"]["name"] = example()["spec"]["model"]["name"].clone();
    if other["spec"]["model"]["name"].is_null() {
        other["spec"]["model"]["name"] = json!("llama-70b");
    }
    let woken = ctx.stores.put(Watched::Services, Raw::new(other.clone()));
    assert_eq!(woken, [m(), Ref::new("demo", "other")].into());
    for _ in 0..2 {
        tokio::time::advance(Duration::from_secs(4)).await;
        pass(&ctx, &m(), &mut mind).await.unwrap();
    }
    assert_eq!(reasons(&ctx), ["ModelNameCollision"]);
    other["metadata"]["resourceVersion"] = json!("1000");
    other["spec"]["model"]["name"] = json!("its-own");
    assert!(ctx.stores.put(Watched::Services, Raw::new(other)).contains(&m()));
    for _ in 0..2 {
        tokio::time::advance(Duration::from_secs(4)).await;
        pass(&ctx, &m(), &mut mind).await.unwrap();
    }
    let conditions = server.get(SERVICE).unwrap()["status"]["conditions"].to_string();
    assert!(!conditions.contains("ModelNameCollision"), "{conditions}");
    assert_eq!(reasons(&ctx), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_deprecated_plugin_is_told_when_the_picker_gets_it() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    ctx.events.said();
    let plugins = json!([{"type": "precise-prefix-cache-scorer"}]);
    change(&ctx, &server, |service| {
        service["spec"]["router"]["scheduler"]["config"] = json!({"inline": {"plugins": plugins}});
    });
    tokio::time::advance(Duration::from_secs(2)).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let news = told(&ctx);
    let expected =
        "The scheduler's configuration uses plugin precise-prefix-cache-scorer, which is deprecated";
    let deprecated: Vec<_> = news.iter().filter(|(reason, _)| *reason == "DeprecatedPlugin").collect();
    assert!(deprecated.len() == 1 && deprecated[0].1.starts_with(expected), "{news:?}");
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert!(!reasons(&ctx).contains(&"DeprecatedPlugin"));
}
