//! Passes over the members of a traffic group, with the real core: what is written when, and what waits for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use llmisvc_core::facts::{Key, Ref};
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Server;
use super::whole::context_with_presets;
use crate::context::Context;
use crate::events::News;
use crate::memo::Mind;
use crate::metrics::Outcome;
use crate::reconcile::{Next, pass};
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

struct Group {
    server: Server,
    ctx: Arc<Context>,
    minds: BTreeMap<&'static str, Mind>,
}

/// A cluster whose settings are known to be the defaults.
fn context(server: &Server) -> Arc<Context> {
    let ctx = context_with_presets(server);
    ctx.stores.listed(Watched::Settings, &BTreeSet::new());
    ctx
}

fn at(name: &str) -> Ref {
    Ref::new("demo", name)
}

fn path(name: &str) -> String {
    format!("/apis/serving.kserve.io/v1alpha2/namespaces/demo/llminferenceservices/{name}")
}

fn route(name: &str) -> String {
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/demo/httproutes/{name}-kserve-route")
}

fn workload_service(name: &str) -> String {
    format!("/api/v1/namespaces/demo/services/{name}-kserve-workload-svc")
}

fn member(name: &str, weight: i64) -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": name, "namespace": "demo", "uid": format!("uid-of-{name}"), "generation": 1},
        "spec": {
            "model": {"uri": "hf://org/qwen", "name": "qwen"}, "replicas": 1,
            "router": {"route": {"group": "g", "weight": weight}},
        },
    })
}

impl Group {
    /// `a` with 90 and `b` with 10, settled; both are ready.
    async fn new() -> Self {
        let server = Server::default();
        let ctx = context(&server);
        let mut group =
            Self { server, ctx, minds: BTreeMap::from([("a", Mind::default()), ("b", Mind::default())]) };
        for (name, weight) in [("a", 90), ("b", 10)] {
            group.store(name, member(name, weight));
            group.pass(name).await;
            group.is_ready(name);
        }
        group.settle().await;
        group
    }

    async fn settle(&mut self) {
        for _ in 0..3 {
            for name in ["a", "b"] {
                self.pass(name).await;
            }
        }
        self.server.requests();
    }

    fn store(&self, name: &str, service: Value) {
        self.ctx.stores.put(Watched::Services, Raw::new(self.server.put(&path(name), service)));
    }

    /// What is stored of a service, changed.
    fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut service = self.server.get(&path(name)).unwrap();
        change(&mut service);
        self.store(name, service);
    }

    async fn pass(&mut self, name: &'static str) -> Next {
        pass(&self.ctx, &at(name), self.minds.get_mut(name).unwrap()).await.unwrap()
    }

    fn is_ready(&self, name: &str) {
        let path = format!("/apis/apps/v1/namespaces/demo/deployments/{name}-kserve");
        let mut deployment = self.server.get(&path).unwrap();
        deployment["metadata"]["generation"] = json!(1);
        deployment["status"] =
            json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
        self.ctx.stores.put(Watched::Child(Kind::Deployment), Raw::new(self.server.put(&path, deployment)));
    }

    /// Service and weight of each backend of the rules by model; none without a route.
    fn split(&self, name: &str) -> Option<Vec<(String, i64)>> {
        let route = self.server.get(&route(name))?;
        let rules = route["spec"]["rules"].as_array().unwrap();
        let rule = rules.iter().find(|rule| rule["name"] == "v1-model-routing").unwrap();
        let backends = rule["backendRefs"].as_array().unwrap().iter();
        let name = |b: &Value| b["name"].as_str().unwrap().replace("-kserve-workload-svc", "");
        Some(backends.map(|b| (name(b), b["weight"].as_i64().unwrap())).collect())
    }

    fn writes(&self) -> Vec<String> {
        self.server.requests().into_iter().filter(|request| !request.starts_with("get ")).collect()
    }
}

fn shares(of: &[(&str, i64)]) -> Vec<(String, i64)> {
    of.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

fn stop(service: &mut Value) {
    service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
}

fn delete(service: &mut Value) {
    service["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
}

fn pause() -> impl Future<Output = ()> {
    tokio::time::advance(Duration::from_secs(2))
}

#[tokio::test(start_paused = true)]
async fn members_list_each_other_wake_each_other_and_then_cost_nothing() {
    let mut group = Group::new().await;
    for name in ["a", "b"] {
        assert_eq!(group.split(name), Some(shares(&[("a", 90), ("b", 10)])));
        let finalizers = &group.server.get(&path(name)).unwrap()["metadata"]["finalizers"];
        assert_eq!(finalizers, &json!(["serving.kserve.io/llmisvc-finalizer"]));
    }
    let members = group.ctx.stores.dependents(&Key::Group(Ref::new("demo", "g")));
    assert_eq!(members, [at("a"), at("b")].into());
    for name in ["a", "b"] {
        group.pass(name).await;
    }
    assert_eq!(group.server.requests(), [""; 0]);
}

// G-28
#[tokio::test(start_paused = true)]
async fn a_restart_over_a_settled_group_writes_nothing() {
    let mut group = Group::new().await;
    pause().await;
    group.settle().await;
    let again = context(&group.server);
    for name in ["a", "b"] {
        again.stores.put(Watched::Services, Raw::new(group.server.get(&path(name)).unwrap()));
        for ((kind, _), child) in group.ctx.stores.live(&at(name)) {
            again.stores.put(Watched::Child(kind), Raw::new(child.body.as_ref().clone()));
        }
    }
    group.ctx = again;
    group.minds.values_mut().for_each(|mind| *mind = Mind::default());
    group.server.requests();
    for name in ["a", "b", "a", "b"] {
        group.pass(name).await;
        assert_eq!(group.writes(), [""; 0], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_member_has_goes_when_the_others_have_turned() {
    let mut group = Group::new().await;
    pause().await;
    group.change("b", stop);
    group.pass("b").await;
    assert_eq!(group.split("b"), None, "its own route leads to others, who have theirs");
    assert!(group.server.get(&workload_service("b")).is_some(), "the route of a leads there");
    group.pass("a").await;
    assert_eq!(group.split("a"), Some(shares(&[("a", 90)])));
    let waiting = group.ctx.stores.publish(&at("a"), &Value::Null, group.ctx.stores.standing(&at("a")));
    assert_eq!(waiting, [at("b")].into(), "each pass of another wakes it");
    group.pass("b").await;
    assert_eq!(group.server.get(&workload_service("b")), None);
}

// G-15
#[tokio::test(start_paused = true)]
async fn a_deleted_member_goes_when_the_others_have_turned() {
    let mut group = Group::new().await;
    pause().await;
    group.change("b", delete);
    assert_eq!(group.pass("b").await.outcome(), Outcome::Held);
    pause().await;
    pause().await;
    group.pass("b").await;
    let status = group.server.get(&path("b")).unwrap()["status"].take();
    let ready = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "GroupReady").unwrap();
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("FinalizationPending")));
    group.pass("a").await;
    assert_eq!(group.split("a"), Some(shares(&[("a", 90)])));
    assert_eq!(group.pass("b").await.outcome(), Outcome::Settled);
    assert_eq!(group.server.get(&path("b")).unwrap()["metadata"]["finalizers"], json!([]));
}

// G-15
#[tokio::test(start_paused = true)]
async fn a_member_that_cannot_write_its_route_keeps_nobody_for_ever() {
    let mut group = Group::new().await;
    pause().await;
    group.server.refuse("a-kserve-route", 403);
    group.change("b", delete);
    for _ in 0..2 {
        assert_eq!(group.pass("b").await.outcome(), Outcome::Held);
        group.pass("a").await;
    }
    group.server.requests();
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(group.pass("b").await.outcome(), Outcome::Settled);
    assert_eq!(group.writes(), ["merge llminferenceservices/b"]);
    let told = "the routes of a still lead here after 30 seconds, and are not waited for any longer: requests that they \
                send here fail; see what their conditions say";
    assert_eq!(group.ctx.events.said().last(), Some(&News::warning("PeersNotUpdated", told)));
}

// G-15
#[tokio::test(start_paused = true)]
async fn all_members_may_be_deleted_at_once() {
    let mut group = Group::new().await;
    pause().await;
    group.change("a", delete);
    group.change("b", delete);
    for name in ["a", "b"] {
        assert_eq!(group.pass(name).await.outcome(), Outcome::Settled);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_is_no_member_any_more() {
    let group = Group::new().await;
    let woken = group.ctx.stores.forget(Watched::Services, &at("b"));
    assert_eq!(woken, [at("a"), at("b")].into());
    let (answer, _) = group.ctx.stores.at_hand(&Key::Group(Ref::new("demo", "g"))).unwrap();
    let names: Vec<&Value> =
        answer.found().unwrap()["members"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    assert_eq!(names, ["a"]);
}
