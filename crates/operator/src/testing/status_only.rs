//! A change of nothing but the status of an object is a pass over the services that it concerns, and over no others
//! (`asks` rank 1). A kind or a key that is added without a word here does not compile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::watcher::Event;
use llmisvc_core::facts::{Answer, Key, Ref};
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Server;
use super::passes::{child, context, m};
use crate::context::Context;
use crate::stores::asked::wants_watch;
use crate::stores::pods::Shown;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;
use crate::stores::watching::{absorb, asked_changed};

/// What a status means to us.
#[derive(Debug, PartialEq, Eq)]
enum Status {
    /// Services that the object concerns look again.
    Counts,
    /// It is written by ourselves.
    Ours,
    /// There is none.
    None,
}

const fn of_watch(watched: Watched) -> Status {
    match watched {
        Watched::Services | Watched::Configs => Status::Ours,
        Watched::Settings => Status::None,
        Watched::Gateways | Watched::GatewayServices | Watched::Pods => Status::Counts,
        Watched::Child(kind) => of_kind(kind),
    }
}

const fn of_kind(kind: Kind) -> Status {
    match kind {
        Kind::Secret
        | Kind::ServiceAccount
        | Kind::Role
        | Kind::RoleBinding
        | Kind::ClusterRoleBinding
        | Kind::ResourceClaimTemplate => Status::None,
        Kind::Service
        | Kind::InferencePool
        | Kind::OlderInferencePool
        | Kind::InferenceObjective
        | Kind::InferenceModel
        | Kind::DestinationRule
        | Kind::BackendTrafficPolicy
        | Kind::HealthCheckPolicy
        | Kind::GCPBackendPolicy
        | Kind::PodDisruptionBudget
        | Kind::Deployment
        | Kind::LeaderWorkerSet
        | Kind::HorizontalPodAutoscaler
        | Kind::ScaledObject
        | Kind::Ingress
        | Kind::HTTPRoute
        | Kind::PodMonitor
        | Kind::ServiceMonitor => Status::Counts,
    }
}

/// Keys whose answers are not among the watches above.
const fn of_key(key: &Key) -> Status {
    match key {
        // Answered from the watches.
        Key::Config(_)
        | Key::ConfigNames(_)
        | Key::Gateway(_)
        | Key::Pods(_)
        | Key::Namesakes(_)
        | Key::Troubles(_)
        | Key::Group(_) => Status::Ours,
        Key::ConfigMap(_) | Key::CaBundle(_) | Key::ServiceAccount(_) | Key::Secret(_) => Status::None,
        Key::GatewayClass(_)
        | Key::Ingress(_)
        | Key::Claim(_)
        | Key::HttpRoute(_)
        | Key::InferencePool(_)
        | Key::OlderInferencePool(_)
        | Key::GatewayService(_) => Status::Counts,
    }
}

fn keys() -> Vec<Key> {
    let at = || Ref::new("ns", "x");
    vec![
        Key::GatewayClass(Ref::new("", "x")),
        Key::Ingress(at()),
        Key::Claim(at()),
        Key::HttpRoute(at()),
        Key::InferencePool(at()),
        Key::OlderInferencePool(at()),
        Key::GatewayService(at()),
    ]
}

/// An object of the watch that concerns the service.
fn concerning(watched: Watched) -> Value {
    let labels = match watched {
        Watched::Child(kind) => return with_uid(child(kind, "x", 1).body),
        Watched::GatewayServices => json!({"gateway.networking.k8s.io/gateway-name": "x"}),
        Watched::Pods => json!({"app.kubernetes.io/name": "m"}),
        Watched::Services | Watched::Configs | Watched::Settings | Watched::Gateways => json!({}),
    };
    let name = if watched == Watched::Services { "m" } else { "x" };
    json!({"metadata": {"name": name, "namespace": "ns", "labels": labels}})
}

fn with_uid(mut object: Value) -> Value {
    object["metadata"]["uid"] = json!("uid");
    object
}

/// The same of some other service.
fn of_others(watched: Watched) -> Value {
    let mut object = concerning(watched);
    object["metadata"]["name"] = json!("y");
    object["metadata"]["labels"]["app.kubernetes.io/name"] = json!("other");
    object["metadata"]["labels"]["gateway.networking.k8s.io/gateway-name"] = json!("y");
    object["metadata"]["ownerReferences"] =
        json!([{"kind": "LLMInferenceService", "name": "other", "uid": "o", "controller": true}]);
    if object["subjects"].is_array() {
        object["subjects"][0]["namespace"] = json!("elsewhere");
    }
    object
}

/// What the watch shows is taken in; the services that are due then.
fn shows(ctx: &Arc<Context>, watched: Watched, mut object: Value, version: u64) -> BTreeSet<Ref> {
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    let ready = if version.is_multiple_of(2) { "True" } else { "False" };
    object["status"] = json!({"conditions": [{"type": "Ready", "status": ready}]});
    let mut shown = BTreeSet::new();
    match watched {
        Watched::Pods => {
            let pod: Shown = serde_json::from_value(object).unwrap();
            absorb(ctx, watched, Event::Apply(pod), &mut shown)
        }
        _ => absorb(ctx, watched, Event::Apply(Raw::new(object)), &mut shown),
    }
}

fn depending_on_all() -> Arc<Context> {
    let ctx = context(&Server::default());
    let at = || Ref::new("ns", "x");
    for key in [Key::Gateway(at()), Key::GatewayService(at()), Key::Pods(m()), Key::Config(at())] {
        ctx.stores.depends(&m(), &key);
    }
    ctx
}

#[tokio::test]
async fn a_status_alone_wakes_the_services_that_it_concerns_and_no_others() {
    // G-3, G-4, G-36
    for watched in Watched::all() {
        let ctx = depending_on_all();
        let first = shows(&ctx, watched, concerning(watched), 1);
        assert!(first.contains(&m()) || watched == Watched::Settings, "{watched:?} is new: {first:?}");
        let second = shows(&ctx, watched, concerning(watched), 2);
        let nobody = of_watch(watched) == Status::Ours || watched == Watched::Settings;
        let expected = if nobody { BTreeSet::new() } else { BTreeSet::from([m()]) };
        assert_eq!(second, expected, "{watched:?}");
        for version in [3, 4] {
            let others = shows(&ctx, watched, of_others(watched), version);
            assert!(!others.contains(&m()), "{watched:?}: {others:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_alone_of_what_was_asked_for_by_name_wakes_who_asked() {
    // G-36
    for key in keys() {
        assert_eq!(of_key(&key), Status::Counts);
        let ctx = context(&Server::default());
        ctx.stores.depends(&m(), &key);
        let found = |ready: &str| {
            let status = json!({"conditions": [{"type": "Ready", "status": ready}]});
            Raw::new(json!({"metadata": {"name": "x", "namespace": "ns"}, "status": status}))
        };
        assert!(wants_watch(&key, &Answer::Found(Arc::new(found("True").value))), "{key:?}");
        for (ready, due) in [("False", 1), ("True", 1), ("True", 0)] {
            assert!(asked_changed(&ctx, &key, Some(found(ready))), "{key:?} is watched on");
            tokio::time::advance(Duration::from_millis(10)).await;
            assert_eq!(ctx.queue.depth(), due, "{key:?} {ready}");
            ctx.queue.forget_all();
        }
    }
}
