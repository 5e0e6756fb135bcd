//! Whole passes over an example, with the real core.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use llmisvc_core::facts::{Answer, Cluster, Key, Ref, Seen};
use llmisvc_core::object::Live;
use llmisvc_core::settings::Settings;
use llmisvc_core::{Decision, Inputs, Step};
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Server;
use crate::context::Context;
use crate::memo::{Asleep, Mind};
use crate::reconcile::pass;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

pub(super) const SERVICE: &str =
    "/apis/serving.kserve.io/v1alpha2/namespaces/demo/llminferenceservices/llama-70b";

pub(super) fn example() -> Value {
    let text = include_str!("../../../../examples/prefill-decode/service.yaml");
    let mut service: Value = serde_yaml_ng::from_str(text).unwrap();
    service["metadata"]["namespace"] = json!("demo");
    service["metadata"]["uid"] = json!("owner");
    service["metadata"]["generation"] = json!(1);
    service
}

fn presets() -> Vec<Value> {
    let mut presets = llmisvc_core::presets::shipped(&Cluster::default().config_prefix);
    for preset in &mut presets {
        preset["metadata"]["namespace"] = json!("kserve");
    }
    presets
}

pub(super) fn context(server: &Server) -> Arc<Context> {
    let ctx = context_with_presets(server);
    ctx.stores.put(Watched::Services, Raw::new(server.put(SERVICE, example())));
    ctx
}

/// A cluster with our presets and the default account of the namespace `demo`.
pub(super) fn context_with_presets(server: &Server) -> Arc<Context> {
    let ctx = super::context(server);
    for preset in presets() {
        ctx.stores.put(Watched::Configs, Raw::new(preset));
    }
    let account = "/api/v1/namespaces/demo/serviceaccounts/default";
    server.put(account, json!({"metadata": {"name": "default", "namespace": "demo"}}));
    ctx
}

fn decided() -> Decision {
    let (service, settings, cluster) = (example(), Settings::default(), Cluster::default());
    let mut seen = Seen::default();
    loop {
        let live = Live::new();
        let inputs =
            Inputs { service: &service, settings: &settings, cluster: &cluster, seen: &seen, live: &live };
        match llmisvc_core::decide(&inputs) {
            Step::Done(decision) => return *decision,
            Step::Need(keys) => {
                for key in keys {
                    let answer = match &key {
                        llmisvc_core::facts::Key::Config(place) => preset(place),
                        _ => Answer::Absent,
                    };
                    seen.insert(key, answer);
                }
            }
        }
    }
}

fn preset(place: &Ref) -> Answer {
    let found = presets()
        .into_iter()
        .find(|p| p["metadata"]["name"] == *place.name && p["metadata"]["namespace"] == *place.namespace);
    found.map_or(Answer::Absent, |preset| Answer::Found(preset.into()))
}

#[test]
fn a_decision_wakes_up_as_it_went_to_sleep() {
    let decision = decided();
    let objects = decision.outcome.as_ref().map(|desired| desired.objects.len()).unwrap_or_default();
    assert!(objects > 10, "{decision:?}");
    let before = format!("{decision:?}");
    assert_eq!(format!("{:?}", Asleep::new(decision).wake().unwrap()), before);
}

#[tokio::test]
async fn an_example_is_created_whole_and_then_costs_nothing() {
    // G-2
    let server = Server::default();
    let ctx = context(&server);
    let (place, mut mind) = (Ref::new("demo", "llama-70b"), Mind::default());
    pass(&ctx, &place, &mut mind).await.unwrap();
    let first = server.requests();
    let writes: Vec<&String> = first.iter().filter(|r| !r.starts_with("get ")).collect();
    assert_eq!(writes[0], "merge llminferenceservices/llama-70b", "the finalizer comes first: {first:?}");
    assert_eq!(*writes[writes.len() - 1], "patch llminferenceservices/llama-70b/status");
    assert_eq!(*writes[writes.len() - 2], "create httproutes/llama-70b-kserve-route");
    let creates = writes.iter().filter(|w| w.starts_with("create ")).count();
    assert_eq!((creates, ctx.stores.child_count()), (writes.len() - 2, creates));
    pass(&ctx, &place, &mut mind).await.unwrap();
    assert_eq!(server.requests(), [""; 0], "recalled");
    pass(&ctx, &place, &mut Mind::default()).await.unwrap();
    let anew = server.requests();
    assert!(anew.iter().all(|r| r.starts_with("get ")), "decided anew: {anew:?}");
}

#[tokio::test]
async fn a_change_that_the_watch_shows_while_the_finalizer_is_written_is_not_overlooked() {
    let server = Server::default();
    let ctx = context(&server);
    let (place, mut mind) = (Ref::new("demo", "llama-70b"), Mind::default());
    let (somebody, stores) = (server.clone(), ctx.clone());
    server.after("merge llminferenceservices/llama-70b", move || {
        let mut changed = somebody.get(SERVICE).unwrap();
        let criticality = json!({"internal.serving.kserve.io/model-criticality": "Critical"});
        changed["metadata"]["annotations"] = criticality;
        let woken = stores.stores.put(Watched::Services, Raw::new(somebody.put(SERVICE, changed)));
        assert_eq!(woken, [Ref::new("demo", "llama-70b")].into());
    });
    pass(&ctx, &place, &mut mind).await.unwrap();
    assert!(!server.request_set().iter().any(|request| request.contains("inferenceobjectives")));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    pass(&ctx, &place, &mut mind).await.unwrap();
    assert!(server.request_set().contains("create inferenceobjectives/llama-70b"));
}

#[tokio::test]
async fn without_its_finalizer_a_service_gets_no_children_but_a_status() {
    let server = Server::default();
    let ctx = context(&server);
    server.refuse("llama-70b", 409);
    pass(&ctx, &Ref::new("demo", "llama-70b"), &mut Mind::default()).await.unwrap();
    let requests = server.requests();
    let writes: Vec<&String> = requests.iter().filter(|r| !r.starts_with("get ")).collect();
    assert_eq!(
        writes,
        ["merge llminferenceservices/llama-70b", "patch llminferenceservices/llama-70b/status"]
    );
}

pub(super) const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/demo/deployments/llama-70b-kserve";

/// The watch shows a Deployment with all its new pods, of which as many are not ready as there are old ones.
pub(super) fn shows(ctx: &Context, server: &Server, path: &str, old: i64) -> BTreeSet<Ref> {
    let mut deployment = server.get(path).unwrap();
    let generation = deployment["metadata"]["generation"].as_i64().unwrap_or(1);
    deployment["metadata"]["generation"] = json!(generation);
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap();
    deployment["status"] = json!({
        "observedGeneration": generation, "replicas": wanted + old, "updatedReplicas": wanted,
        "availableReplicas": wanted,
    });
    ctx.stores.put(Watched::Child(Kind::Deployment), Raw::new(server.put(path, deployment)))
}

/// A decode pod of one GPU: placed and ready, or waiting for a node.
fn pod(name: &str, template: &str, waits: bool) -> Raw {
    let labels = json!({
        "app.kubernetes.io/name": "llama-70b",
        "app.kubernetes.io/component": "llminferenceservice-workload",
        "pod-template-hash": template,
    });
    let why = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.";
    let unschedulable =
        json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why});
    let ready = json!({"type": "Ready", "status": "True"});
    let gpu = json!({"name": "main", "resources": {"requests": {"nvidia.com/gpu": "1"}}});
    Raw::new(json!({
        "metadata": {"name": name, "namespace": "demo", "labels": labels},
        "spec": {"nodeName": if waits { "" } else { "gpu-1" }, "containers": [gpu]},
        "status": {"conditions": [if waits { unschedulable } else { ready }]},
    }))
}

/// The example, created and rolled out.
pub(super) async fn settled(server: &Server, mind: &mut Mind) -> Arc<Context> {
    let ctx = context(server);
    ctx.stores.listed(Watched::Settings, &BTreeSet::new());
    pass(&ctx, &m(), mind).await.unwrap();
    for path in [DEPLOYMENT, &format!("{DEPLOYMENT}-prefill")] {
        assert_eq!(shows(&ctx, server, path, 0), [m()].into());
    }
    pass(&ctx, &m(), mind).await.unwrap();
    server.requests();
    ctx
}

pub(super) fn m() -> Ref {
    Ref::new("demo", "llama-70b")
}

#[tokio::test]
async fn pods_of_a_settled_service_wake_nobody() {
    let server = Server::default();
    let ctx = settled(&server, &mut Mind::default()).await;
    let nobody = BTreeSet::new();
    assert_eq!(ctx.stores.dependents(&Key::Pods(m())), nobody);
    assert_eq!(ctx.stores.put(Watched::Pods, pod("old", "1", false)), nobody);
    assert_eq!(ctx.stores.listed(Watched::Pods, &nobody), nobody);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_without_spare_accelerators_goes_on_in_place_and_only_while_it_lasts() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    ctx.stores.put(Watched::Pods, pod("old", "1", false));
    shows(&ctx, &server, DEPLOYMENT, 1);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(ctx.stores.put(Watched::Pods, pod("new", "2", true)), [m()].into());
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert!(
        !server.request_set().iter().any(|request| request.starts_with("apply")),
        "it may yet find a node"
    );

    let wait = ctx.stores.pods_change_in(&m()).unwrap();
    assert_eq!(wait, Duration::from_secs(30));
    tokio::time::advance(wait).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let rolling = || server.get(DEPLOYMENT).unwrap()["spec"]["strategy"]["rollingUpdate"].take();
    assert_eq!(rolling(), json!({"maxSurge": 0, "maxUnavailable": 1}));

    ctx.stores.put(Watched::Pods, pod("new", "2", false));
    shows(&ctx, &server, DEPLOYMENT, 1);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(rolling(), json!({"maxSurge": 0, "maxUnavailable": 1}), "as long as it lasts");
    shows(&ctx, &server, DEPLOYMENT, 0);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(rolling(), Value::Null);
    shows(&ctx, &server, DEPLOYMENT, 0);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(ctx.stores.dependents(&Key::Pods(m())), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_rollout_with_a_strategy_of_its_own_is_only_told_to_be_blocked() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let mut service = example();
    service["spec"]["rolloutStrategy"] = json!({"maxSurge": 1, "maxUnavailable": 0});
    let ctx = settled(&server, &mut mind).await;
    ctx.stores.put(Watched::Services, Raw::new(server.put(SERVICE, service)));
    tokio::time::advance(Duration::from_secs(2)).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    for raw in [pod("old", "1", false), pod("new", "2", true)] {
        ctx.stores.put(Watched::Pods, raw);
    }
    shows(&ctx, &server, DEPLOYMENT, 1);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    tokio::time::advance(ctx.stores.pods_change_in(&m()).unwrap()).await;
    server.requests();
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let requests = server.requests();
    let writes: Vec<&String> = requests.iter().filter(|request| !request.starts_with("get ")).collect();
    assert_eq!(writes, ["patch llminferenceservices/llama-70b/status"]);
    let status = server.get(SERVICE).unwrap()["status"].take();
    let blocked = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "RolloutBlocked");
    let expected = "decode: no node takes pod new: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu; 1 old pod \
                    holds nvidia.com/gpu; set spec.rolloutStrategy to maxSurge 0 and maxUnavailable 1, free \
                    nvidia.com/gpu or add nodes";
    assert_eq!(blocked.unwrap()["message"], expected);
}

#[tokio::test]
async fn what_waits_for_a_live_object_goes_as_soon_as_that_is_ready() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    let path = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/demo/leaderworkersets/llama-70b-kserve-mn";
    let owner =
        json!({"kind": "LLMInferenceService", "name": "llama-70b", "uid": "owner", "controller": true});
    let metadata = json!({
        "name": "llama-70b-kserve-mn", "namespace": "demo", "uid": "former", "ownerReferences": [owner],
        "labels": {
            "app.kubernetes.io/name": "llama-70b",
            "app.kubernetes.io/part-of": "llminferenceservice",
            "app.kubernetes.io/component": "llminferenceservice-workload-worker",
        },
    });
    let former = server.put(path, json!({"metadata": metadata, "spec": {"replicas": 1}}));
    ctx.stores.put(Watched::Child(Kind::LeaderWorkerSet), Raw::new(former));
    let available = |count: i64| {
        let mut deployment = server.get(DEPLOYMENT).unwrap();
        deployment["status"]["availableReplicas"] = json!(count);
        ctx.stores.put(Watched::Child(Kind::Deployment), Raw::new(server.put(DEPLOYMENT, deployment)))
    };
    available(0);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert!(server.get(path).is_some(), "it serves until the Deployment does");
    assert_eq!(available(8), [m()].into());
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert!(server.get(path).is_none());
}
