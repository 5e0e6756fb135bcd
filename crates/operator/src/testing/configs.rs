//! The life of a config: which requests go out, in which order, and how many.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use llmisvc_core::facts::{Key, Ref};
use llmisvc_core::labels::{APPLIED, CONFIG_FINALIZER, MANAGED_BY, MANAGED_BY_VALUE};
use serde_json::{Value, json};

use super::{Server, context};
use crate::configs::{self, reconcile};
use crate::context::Context;
use crate::events;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

const HOLD: &str = "merge llminferenceserviceconfigs/base";
const STATUS: &str = "patch llminferenceserviceconfigs/base/status";

fn path(namespace: &str, name: &str) -> String {
    format!("/apis/serving.kserve.io/v1alpha2/namespaces/{namespace}/llminferenceserviceconfigs/{name}")
}

/// Stores a config on the server and in the watch.
fn config(ctx: &Context, server: &Server, namespace: &str, name: &str) -> Value {
    let metadata = json!({"name": name, "namespace": namespace, "uid": "c", "generation": 1});
    shown(ctx, server, json!({"metadata": metadata, "spec": {"replicas": 1}}))
}

/// Stores a change of a config, and the watch shows it.
fn shown(ctx: &Context, server: &Server, config: Value) -> Value {
    let at =
        path(config["metadata"]["namespace"].as_str().unwrap(), config["metadata"]["name"].as_str().unwrap());
    let config = server.put(&at, config);
    ctx.stores.put(Watched::Configs, Raw::new(config.clone()));
    config
}

fn service(name: &str, refs: &[&str]) -> Raw {
    let refs: Vec<Value> = refs.iter().map(|name| json!({"name": name})).collect();
    Raw::new(json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name},
        "spec": {"baseRefs": refs},
        "status": {"annotations": {"serving.kserve.io/config-llm-template": "v0"}},
    }))
}

fn base() -> Ref {
    Ref::new("ns", "base")
}

fn stored(server: &Server) -> Value {
    server.get(&path("ns", "base")).unwrap()
}

fn in_use(config: &Value) -> Value {
    let conditions = config["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|c| c["type"] == "ConfigInUse").unwrap()["reason"].clone()
}

fn deleted(mut config: Value) -> Value {
    config["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    config
}

// E-41: protected from the moment a service names it, before any pass over that service
#[tokio::test(start_paused = true)]
async fn the_finalizer_comes_before_use_is_told_and_goes_with_the_last_user() {
    // G-17
    let server = Server::default();
    let ctx = context(&server);
    config(&ctx, &server, "ns", "base");
    for name in ["a", "b"] {
        ctx.stores.put(Watched::Services, service(name, &["base"]));
    }
    reconcile(Arc::clone(&ctx), base()).await;
    assert_eq!(server.requests(), [HOLD, STATUS]);
    let listed = json!([{"namespace": "ns", "name": "a"}, {"namespace": "ns", "name": "b"}]);
    assert_eq!(stored(&server)["status"]["referencedBy"], listed);
    reconcile(Arc::clone(&ctx), base()).await;
    assert_eq!(server.requests(), [""; 0], "nothing has changed");

    tokio::time::advance(Duration::from_secs(2)).await;
    ctx.stores.remove(Watched::Services, &service("a", &[]));
    reconcile(Arc::clone(&ctx), base()).await;
    assert_eq!(server.requests(), [STATUS]);
    tokio::time::advance(Duration::from_secs(2)).await;
    ctx.stores.put(Watched::Services, service("b", &["other"]));
    reconcile(Arc::clone(&ctx), base()).await;
    assert_eq!(server.requests(), [HOLD, STATUS]);
    assert_eq!(
        (stored(&server)["metadata"]["finalizers"].clone(), in_use(&stored(&server))),
        (json!([]), json!("NotInUse"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_is_told_once_and_ends_with_the_last_user() {
    let server = Server::default();
    let ctx = context(&server);
    ctx.stores.put(Watched::Services, service("a", &["base"]));
    config(&ctx, &server, "ns", "base");
    reconcile(Arc::clone(&ctx), base()).await;
    server.requests();
    shown(&ctx, &server, deleted(stored(&server)));
    tokio::time::advance(Duration::from_secs(2)).await;
    reconcile(Arc::clone(&ctx), base()).await;
    events::flush(&ctx).await;
    assert_eq!(server.requests(), [STATUS, "create events"]);
    assert_eq!(in_use(&stored(&server)), "DeletionBlocked");

    // Another operator, a second user: no second event.
    let again = context(&server);
    again.stores.put(Watched::Configs, Raw::new(stored(&server)));
    for name in ["a", "b"] {
        again.stores.put(Watched::Services, service(name, &["base"]));
    }
    reconcile(Arc::clone(&again), base()).await;
    events::flush(&again).await;
    assert_eq!(server.requests(), [STATUS]);
    for name in ["a", "b"] {
        again.stores.remove(Watched::Services, &service(name, &[]));
    }
    reconcile(Arc::clone(&again), base()).await;
    assert_eq!(server.requests(), [HOLD], "at once, and nothing after it");
    assert_eq!(stored(&server)["metadata"]["finalizers"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_restart_over_settled_configs_sends_nothing() {
    let server = Server::default();
    let ctx = context(&server);
    ctx.stores.put(Watched::Services, service("a", &["base"]));
    config(&ctx, &server, "ns", "base");
    reconcile(Arc::clone(&ctx), base()).await;
    server.requests();
    let again = context(&server);
    again.stores.put(Watched::Configs, Raw::new(stored(&server)));
    again.stores.put(Watched::Services, service("a", &["base"]));
    reconcile(again, base()).await;
    assert_eq!(server.requests(), [""; 0]);
}

/// Works on what is due until the time is over.
async fn work(ctx: &Arc<Context>, time: Duration, during: impl Future<Output = ()>) {
    let worker = Arc::clone(ctx);
    let turn = move |config, _| reconcile(Arc::clone(&worker), config);
    let stop = tokio::time::sleep(time);
    tokio::join!(Arc::clone(&ctx.stores.configs_due).work(configs::CONCURRENCY, stop, turn), during);
}

// G-4
#[tokio::test(start_paused = true)]
async fn two_hundred_services_that_come_within_a_second_are_two_or_three_writes() {
    let server = Server::default();
    let ctx = context(&server);
    config(&ctx, &server, "ns", "base");
    let arrivals = async {
        for i in 0..200 {
            ctx.stores.put(Watched::Services, service(&format!("m{i:03}"), &["base"]));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    work(&ctx, Duration::from_secs(10), arrivals).await;
    let requests = server.requests();
    let writes = requests.iter().filter(|request| *request == STATUS).count();
    assert!((2..=3).contains(&writes) && requests.len() == writes + 1, "{requests:?}");
    assert_eq!(stored(&server)["status"]["referencedBy"].as_array().map(Vec::len), Some(200));
    assert_eq!(ctx.stores.configs_due.depth(), 0);
}

// C-14, G-3
#[tokio::test(start_paused = true)]
async fn a_changed_spec_wakes_exactly_the_users_and_the_life_of_a_config_nobody() {
    let server = Server::default();
    let ctx = context(&server);
    let mut config = config(&ctx, &server, "ns", "base");
    for i in 0..200 {
        let name = format!("m{i:03}");
        let refs: &[&str] = if i % 2 == 0 { &["base"] } else { &["other"] };
        ctx.stores.put(Watched::Services, service(&name, refs));
        ctx.stores.depends(&Ref::new("ns", &name), &Key::Config(Ref::new("ns", refs[0])));
    }
    reconcile(Arc::clone(&ctx), base()).await;
    let put = |version: &str, config: &Value| {
        let mut config = config.clone();
        config["metadata"]["resourceVersion"] = json!(version);
        ctx.stores.put(Watched::Configs, Raw::new(config))
    };
    let nobody = BTreeSet::new();
    assert_eq!(put("100", &stored(&server)), nobody, "finalizer and status");
    assert_eq!(put("101", &deleted(stored(&server))), nobody);
    config["spec"]["replicas"] = json!(2);
    let users: BTreeSet<Ref> = (0..200).step_by(2).map(|i| Ref::new("ns", &format!("m{i:03}"))).collect();
    assert_eq!(put("102", &config), users);
}

#[tokio::test(start_paused = true)]
async fn a_config_that_shadows_another_takes_its_users() {
    let server = Server::default();
    let ctx = context(&server);
    config(&ctx, &server, "kserve", "base");
    ctx.stores.put(Watched::Services, service("a", &["base"]));
    work(&ctx, Duration::from_secs(2), async {}).await;
    assert_eq!(in_use(&server.get(&path("kserve", "base")).unwrap()), "InUse");
    let own = config(&ctx, &server, "ns", "base");
    work(&ctx, Duration::from_secs(2), async {}).await;
    assert_eq!(in_use(&server.get(&path("kserve", "base")).unwrap()), "NotInUse");
    assert_eq!(in_use(&stored(&server)), "InUse");
    ctx.stores.remove(Watched::Configs, &Raw::new(own));
    work(&ctx, Duration::from_secs(2), async {}).await;
    assert_eq!(in_use(&server.get(&path("kserve", "base")).unwrap()), "InUse");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_tried_again_and_nothing_is_told_before_it_is_protected() {
    let server = Server::default();
    let ctx = context(&server);
    config(&ctx, &server, "ns", "base");
    ctx.stores.put(Watched::Services, service("a", &["base"]));
    server.refuse("base", 503);
    work(&ctx, Duration::from_secs(1), async {}).await;
    let tried = server.requests();
    assert!(tried.len() > 2 && tried.iter().all(|request| request == HOLD), "{tried:?}");
    server.relent("base");
    work(&ctx, Duration::from_secs(10), async {}).await;
    assert_eq!(server.requests(), [HOLD, STATUS]);
}

fn old_preset() -> Value {
    json!({
        "metadata": {
            "name": "llmisvc-v0-0-1-config-llm-template", "namespace": "kserve", "uid": "p", "generation": 1,
            "labels": {MANAGED_BY: MANAGED_BY_VALUE}, "annotations": {APPLIED: "0"},
        },
        "spec": {},
    })
}

#[tokio::test(start_paused = true)]
async fn a_preset_of_an_older_release_goes_when_the_last_service_unpins_it() {
    let server = Server::default();
    let ctx = context(&server);
    let preset = shown(&ctx, &server, old_preset());
    let place = Raw::new(preset.clone()).place().unwrap();
    let mut user = service("a", &[]);
    user.value["status"]["annotations"] = json!({"serving.kserve.io/config-llm-template": place.name});
    ctx.stores.put(Watched::Services, user);
    ctx.presets_installed.store(true, Ordering::Relaxed);
    let (held, told) = (
        format!("merge llminferenceserviceconfigs/{}", place.name),
        format!("patch llminferenceserviceconfigs/{}/status", place.name),
    );
    work(&ctx, Duration::from_secs(5), async {}).await;
    assert_eq!(server.requests(), [held.clone(), told.clone()]);

    ctx.stores.put(Watched::Services, service("a", &[]));
    work(&ctx, Duration::from_secs(5), async {}).await;
    assert_eq!(server.requests(), [held, told], "released first");
    let released = server.get(&path("kserve", &place.name)).unwrap();
    ctx.stores.put(Watched::Configs, Raw::new(released));
    work(&ctx, Duration::from_secs(5), async {}).await;
    assert_eq!(server.requests(), [format!("delete llminferenceserviceconfigs/{}", place.name)]);
}

#[tokio::test(start_paused = true)]
async fn no_preset_goes_before_those_of_this_release_stand_or_after_it_has_changed() {
    let server = Server::default();
    let ctx = context(&server);
    let preset = shown(&ctx, &server, old_preset());
    let place = Raw::new(preset.clone()).place().unwrap();
    reconcile(Arc::clone(&ctx), place.clone()).await;
    assert_eq!(server.requests(), [format!("patch llminferenceserviceconfigs/{}/status", place.name)]);

    ctx.presets_installed.store(true, Ordering::Relaxed);
    let mut changed = server.get(&path("kserve", &place.name)).unwrap();
    changed["metadata"]["finalizers"] = json!([CONFIG_FINALIZER]);
    server.put(&path("kserve", &place.name), changed);
    reconcile(Arc::clone(&ctx), place.clone()).await;
    assert!(server.get(&path("kserve", &place.name)).is_some(), "the watch has not shown the newest version");
}

fn namespace(server: &Server, goes: bool) {
    let mut namespace = json!({"metadata": {"name": "kserve"}});
    if goes {
        namespace = deleted(namespace);
    }
    server.put("/api/v1/namespaces/kserve", namespace);
}

#[tokio::test(start_paused = true)]
async fn configs_go_with_the_namespace_of_the_operator_although_they_are_used() {
    let server = Server::default();
    let ctx = context(&server);
    let used = |name: &str| {
        config(&ctx, &server, "kserve", name);
        server.get(&path("kserve", name)).unwrap()
    };
    used("base");
    used("second");
    ctx.stores.put(Watched::Services, service("a", &["base", "second"]));
    namespace(&server, false);
    work(&ctx, Duration::from_secs(5), async {}).await;
    server.requests();
    configs::leave(&ctx).await;
    assert_eq!(server.requests(), ["get "], "an ordinary end takes nothing away");

    let going = server.get(&path("kserve", "base")).unwrap();
    shown(&ctx, &server, deleted(going));
    work(&ctx, Duration::from_secs(5), async {}).await;
    assert_eq!(
        server.get(&path("kserve", "base")).unwrap()["metadata"]["finalizers"],
        json!([CONFIG_FINALIZER])
    );
    namespace(&server, true);
    work(&ctx, Duration::from_secs(20), async {}).await;
    assert_eq!(server.get(&path("kserve", "base")).unwrap()["metadata"]["finalizers"], json!([]));
    configs::leave(&ctx).await;
    assert_eq!(server.get(&path("kserve", "second")).unwrap()["metadata"]["finalizers"], json!([]));
}
