//! Whole passes: which requests go out, in which order, and which do not.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use llmisvc_api::conditions::reason;
use llmisvc_core::facts::{Answer, Key, Ref};
use llmisvc_core::handover::Held;
use llmisvc_core::labels::{Component, FINALIZER, base};
use llmisvc_core::object::{Certificate, Object, TlsRequest};
use llmisvc_core::pass::{Finding, is_stopped};
use llmisvc_core::plan::seal;
use llmisvc_core::{Decision, Fault, Inputs, Step};
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Server;
use crate::context::{Context, Core};
use crate::finalize;
use crate::gather::Subject;
use crate::memo::Mind;
use crate::reconcile::{Enacted, enact, pass};
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;
use llmisvc_core::status::{RefusalReason, StatusInput};

const SERVICE: &str = "/apis/serving.kserve.io/v1alpha2/namespaces/ns/llminferenceservices/m";

thread_local! { static DECIDED: Cell<u32> = const { Cell::new(0) }; }

/// Asks for one account, and can decide nothing: what it says depends on whether that could be read.
fn decide(inputs: &Inputs<'_>) -> Step {
    let key = Key::ServiceAccount(Ref::new("ns", "default"));
    let reason = match inputs.seen.get(&key) {
        _ if is_stopped(inputs.service) => reason::STOPPED,
        Answer::Unreadable(_) => reason::VALIDATION_UNAVAILABLE,
        _ => reason::CONFIG_NOT_FOUND,
    };
    let open = inputs.seen.take_open();
    if !open.is_empty() {
        return Step::Need(open);
    }
    DECIDED.set(DECIDED.get() + 1);
    let fault = Fault { reason, findings: vec![Finding::new("spec", "nothing to build")] };
    Step::Done(Box::new(Decision {
        applied_configs: Vec::new(),
        pins: BTreeMap::new(),
        warnings: Vec::new(),
        outcome: Err(fault),
    }))
}

fn status(input: &StatusInput<'_>) -> Value {
    let reason = input.decision.outcome.as_ref().err().map(|fault| fault.reason);
    json!({
        "observedGeneration": input.service["metadata"]["generation"],
        "conditions": [{"type": "Ready", "status": "False", "reason": reason, "lastTransitionTime": input.now}],
    })
}

pub fn context(server: &Server) -> Arc<Context> {
    super::context_of(Core { decide, status }, server)
}

pub(super) fn m() -> Ref {
    Ref::new("ns", "m")
}

/// Stores the service on the server and in the watch.
fn stored(ctx: &Context, server: &Server, generation: i64) -> Value {
    let service = server.put(
        SERVICE,
        json!({
            "apiVersion": "serving.kserve.io/v1alpha2",
            "kind": "LLMInferenceService",
            "metadata": {"name": "m", "namespace": "ns", "uid": "owner", "generation": generation},
        }),
    );
    ctx.stores.put(Watched::Services, Raw::new(service.clone()));
    service
}

pub(super) fn subject(ctx: &Context, service: &Value) -> Subject {
    Subject {
        place: m(),
        service: service.clone(),
        stamp: 1,
        view: ctx.stores.view(),
        live: ctx.stores.live(&m()),
    }
}

pub(super) fn child(kind: Kind, name: &str, spec: i32) -> Object {
    let labels = base("m", Component::Workload);
    let mut object = Object::new(kind, "ns", name, labels, json!({"spec": spec}));
    if kind.served().namespaced {
        object.body["metadata"]["ownerReferences"] =
            json!([{"kind": "LLMInferenceService", "name": "m", "uid": "owner", "controller": true}]);
    } else {
        object.body["subjects"] = json!([{"kind": "ServiceAccount", "name": "sa", "namespace": "ns"}]);
    }
    object
}

fn self_signed() -> Certificate {
    Certificate::SelfSigned(TlsRequest { dns: vec!["m.ns.svc".to_owned()], ips: Vec::new() })
}

pub(super) fn sealed<const N: usize>(objects: [Object; N]) -> Vec<Object> {
    let mut objects = Vec::from(objects);
    seal(&mut objects);
    objects
}

fn all() -> Vec<Object> {
    sealed([
        child(Kind::Role, "m-role", 1),
        child(Kind::RoleBinding, "m-rb", 1),
        child(Kind::Service, "m-svc", 1),
        child(Kind::InferencePool, "m-pool", 1),
        child(Kind::Deployment, "m-kserve", 1),
        child(Kind::HTTPRoute, "m-route", 1),
    ])
}

pub(super) async fn enacted(ctx: &Arc<Context>, desired: &[Object], mind: &mut Mind) -> Enacted {
    let service = json!({"metadata": {"uid": "owner", "name": "m", "namespace": "ns"}});
    enact(ctx, &subject(ctx, &service), (desired, &Held::default()), mind).await
}

// W-8
#[tokio::test]
async fn a_spec_that_changes_during_a_pass_is_looked_at_although_the_watch_shows_nothing_new() {
    let server = Server::default();
    let ctx = context(&server);
    let mut service = stored(&ctx, &server, 1);
    // The watch has not shown this yet when the pass writes its status; then it shows what the answer had told.
    service["metadata"]["generation"] = json!(2);
    service["spec"] = json!({"replicas": 7});
    server.put(SERVICE, service);
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    let shown = Raw::new(server.get(SERVICE).unwrap());
    assert!(ctx.stores.put(Watched::Services, shown).is_empty());
    assert!(ctx.queue.has(&m()));

    ctx.queue.forget_all();
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    assert!(!ctx.queue.has(&m()), "a status alone is no news");
}

#[tokio::test]
async fn a_first_pass_creates_by_post_with_routes_last() {
    let server = Server::default();
    let ctx = context(&server);
    let enacted = enacted(&ctx, &all(), &mut Mind::default()).await;
    assert!(!enacted.applied.retry && enacted.applied.refused.is_empty());
    assert_eq!(
        server.requests(),
        [
            "create roles/m-role",
            "create services/m-svc",
            "create inferencepools/m-pool",
            "create rolebindings/m-rb",
            "create deployments/m-kserve",
            "create httproutes/m-route",
        ]
    );
}

#[tokio::test]
async fn a_settled_pass_sends_nothing() {
    // G-2
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    enacted(&ctx, &all(), &mut mind).await;
    server.requests();
    enacted(&ctx, &all(), &mut mind).await;
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn the_entry_of_a_post_is_turned_before_the_first_apply_only() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    for spec in [1, 2, 3] {
        enacted(&ctx, &sealed([child(Kind::Service, "m-svc", spec)]), &mut mind).await;
    }
    assert_eq!(
        server.requests(),
        ["create services/m-svc", "patch services/m-svc", "apply services/m-svc", "apply services/m-svc",]
    );
}

#[tokio::test]
async fn a_refused_child_stops_no_other_and_is_not_sent_again_until_something_changes() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    server.refuse("m-svc", 422);
    let enacted_first = enacted(&ctx, &all(), &mut mind).await;
    let refusal = &enacted_first.applied.refused[0];
    assert_eq!((refusal.kind, refusal.reason), (Kind::Service, RefusalReason::Invalid));
    assert_eq!(refusal.message, "spec.m-svc: refused by the test");
    assert_eq!(server.requests().len(), 6);
    let second = enacted(&ctx, &all(), &mut mind).await;
    assert_eq!(second.applied.refused, enacted_first.applied.refused);
    assert_eq!(server.requests(), [""; 0]);
    server.relent("m-svc");
    let changed = sealed([child(Kind::Service, "m-svc", 2)]);
    assert!(enacted(&ctx, &changed, &mut mind).await.applied.refused.is_empty());
}

#[tokio::test]
async fn an_api_server_in_trouble_holds_the_routes_back_and_prunes_nothing() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    enacted(&ctx, &sealed([child(Kind::Service, "old", 1)]), &mut mind).await;
    server.requests();
    server.refuse("m-svc", 503);
    let failed = enacted(&ctx, &all(), &mut mind).await;
    assert!(failed.applied.retry && failed.applied.refused.is_empty(), "a blip is no news");
    assert!(!server.request_set().iter().any(|r| r.contains("route") || r.starts_with("delete")));
    mind.failures = 3;
    assert_eq!(enacted(&ctx, &all(), &mut mind).await.applied.refused[0].reason, RefusalReason::Other);
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_deleted_by_uid_after_all_writes() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    enacted(&ctx, &all(), &mut mind).await;
    server.requests();
    enacted(&ctx, &sealed([child(Kind::Service, "m-svc", 2)]), &mut mind).await;
    assert_eq!(
        server.requests(),
        [
            "patch services/m-svc",
            "apply services/m-svc",
            "delete httproutes/m-route",
            "delete deployments/m-kserve",
            "delete inferencepools/m-pool",
            "delete rolebindings/m-rb",
            "delete roles/m-role",
        ]
    );
}

#[tokio::test]
async fn a_successor_of_the_same_name_is_not_deleted() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    enacted(&ctx, &sealed([child(Kind::Service, "m-svc", 1)]), &mut mind).await;
    let path = "/api/v1/namespaces/ns/services/m-svc";
    server.put(path, json!({"metadata": {"name": "m-svc", "uid": "another"}}));
    enacted(&ctx, &[], &mut mind).await;
    assert!(server.get(path).is_some());
}

#[tokio::test]
async fn a_name_that_another_holds_is_reported_and_left_alone() {
    // G-13, W-5
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    let theirs = json!({"metadata": {"name": "m-svc", "namespace": "ns", "uid": "theirs"}});
    server.put("/api/v1/namespaces/ns/services/m-svc", theirs);
    let desired = sealed([child(Kind::Service, "m-svc", 1)]);
    assert!(enacted(&ctx, &desired, &mut mind).await.applied.retry);
    assert_eq!(server.requests(), ["create services/m-svc", "get services/m-svc"]);
    let second = enacted(&ctx, &desired, &mut mind).await;
    assert_eq!(second.applied.refused[0].reason, RefusalReason::Taken);
    assert!(!second.applied.retry && second.timer.is_some());
    assert_eq!(server.requests(), [""; 0]);
    enacted(&ctx, &[], &mut mind).await;
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn a_cluster_role_binding_of_a_namesake_is_neither_taken_nor_deleted() {
    // G-9
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    let mut theirs = child(Kind::ClusterRoleBinding, "crb", 1).body;
    theirs["subjects"][0]["namespace"] = json!("other");
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/crb";
    server.put(path, theirs.clone());
    let desired = sealed([child(Kind::ClusterRoleBinding, "crb", 1)]);
    enacted(&ctx, &desired, &mut mind).await;
    let second = enacted(&ctx, &desired, &mut mind).await;
    assert_eq!(second.applied.refused[0].reason, RefusalReason::Taken);
    enacted(&ctx, &[], &mut mind).await;
    assert_eq!(server.get(path).unwrap()["subjects"], theirs["subjects"]);
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_reported_and_not_sent() {
    // G-24
    let server = Server::default();
    let ctx = context(&server);
    ctx.stores.unserved(Watched::Child(Kind::InferencePool));
    let enacted = enacted(&ctx, &all(), &mut Mind::default()).await;
    assert_eq!(enacted.applied.refused.len(), 1);
    let refusal = &enacted.applied.refused[0];
    assert_eq!((refusal.kind, refusal.reason), (Kind::InferencePool, RefusalReason::NotServed));
    assert!(refusal.message.contains("install the CRD inferencepools.inference.networking.k8s.io"));
    assert!(!server.request_set().iter().any(|r| r.contains("inferencepools")));
}

#[tokio::test]
async fn a_secret_keeps_its_key_pair_when_its_labels_change() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    let path = "/api/v1/namespaces/ns/secrets/m-certs";
    let mut pairs = Vec::new();
    for label in ["a", "b"] {
        let mut secret = child(Kind::Secret, "m-certs", 1);
        secret.body["metadata"]["labels"]["x"] = json!(label);
        secret.tls = Some(self_signed());
        enacted(&ctx, &sealed([secret]), &mut mind).await;
        pairs.push(server.get(path).unwrap()["data"].clone());
    }
    assert_eq!(pairs[0], pairs[1]);
    assert_eq!(
        server.requests(),
        ["create secrets/m-certs", "get secrets/m-certs", "patch secrets/m-certs", "apply secrets/m-certs",]
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_touches_nothing_and_is_asked_again() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    stored(&ctx, &server, 1);
    enacted(&ctx, &all(), &mut mind).await;
    server.requests();
    server.refuse("default", 503);
    for _ in 0..2 {
        pass(&ctx, &m(), &mut mind).await.unwrap();
    }
    let status = &server.get(SERVICE).unwrap()["status"];
    assert_eq!(status["conditions"][0]["reason"], "ValidationUnavailable");
    assert_eq!(
        server.requests(),
        ["get serviceaccounts/default", "patch llminferenceservices/m/status", "get serviceaccounts/default",]
    );
    assert_eq!(ctx.stores.child_count(), 6);
}

#[tokio::test]
async fn a_decision_is_recalled_while_nothing_it_followed_from_changes() {
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    server.put("/api/v1/namespaces/ns/serviceaccounts/default", json!({"metadata": {"name": "default"}}));
    stored(&ctx, &server, 1);
    DECIDED.set(0);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    server.requests();
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!((DECIDED.get(), server.requests()), (1, Vec::new()));
    enacted(&ctx, &all(), &mut Mind::default()).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(DECIDED.get(), 2, "children have come");
}

#[tokio::test]
async fn the_finalizer_comes_with_the_cluster_role_binding_and_goes_after_it() {
    // G-10, G-11
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    let service = stored(&ctx, &server, 1);
    let plain = sealed([child(Kind::Service, "m-svc", 1)]);
    assert_eq!(finalize::ensure(&ctx, &m(), &service, &plain).await.unwrap(), None);
    let desired = sealed([child(Kind::ClusterRoleBinding, "crb", 1)]);
    let mut service = finalize::ensure(&ctx, &m(), &service, &desired).await.unwrap().unwrap();
    assert_eq!(service["metadata"]["finalizers"], json!([FINALIZER]));
    enacted(&ctx, &desired, &mut mind).await;
    service["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let service = server.put(SERVICE, service);
    ctx.stores.put(Watched::Services, Raw::new(service));
    server.requests();
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(server.requests(), ["delete clusterrolebindings/crb", "merge llminferenceservices/m"]);
    assert_eq!(server.get(SERVICE).unwrap()["metadata"]["finalizers"], json!([]));
}

#[tokio::test]
async fn a_deleted_service_is_forgotten_without_a_request() {
    let server = Server::default();
    let ctx = context(&server);
    let service = stored(&ctx, &server, 1);
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    let account = Key::ServiceAccount(Ref::new("ns", "default"));
    assert_eq!(ctx.stores.dependents(&account), [m()].into());
    ctx.stores.remove(Watched::Services, &Raw::new(service));
    server.requests();
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    assert_eq!(server.requests(), [""; 0]);
    assert!(ctx.stores.dependents(&account).is_empty());
}

#[tokio::test]
async fn a_stopped_service_loses_its_children_whatever_else_is_wrong() {
    // G-11
    let server = Server::default();
    let ctx = context(&server);
    let mut mind = Mind::default();
    let mut service = stored(&ctx, &server, 1);
    enacted(&ctx, &all(), &mut mind).await;
    assert_eq!(ctx.stores.child_count(), 6);
    service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    ctx.stores.put(Watched::Services, Raw::new(service));
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    assert_eq!(ctx.stores.child_count(), 0);
}

#[tokio::test]
async fn a_config_wakes_the_services_that_asked_for_it_also_while_it_is_absent() {
    // C-14: one of the same name elsewhere wakes nobody
    let server = Server::default();
    let ctx = context(&server);
    let key = Key::Config(Ref::new("ns", "base"));
    ctx.stores.depends(&m(), &key);
    let config = |spec: i32| Raw::new(json!({"metadata": {"name": "base", "namespace": "ns"}, "spec": spec}));
    let elsewhere = Raw::new(json!({"metadata": {"name": "base", "namespace": "other"}, "spec": 1}));
    assert!(ctx.stores.put(Watched::Configs, elsewhere).is_empty());
    assert_eq!(ctx.stores.put(Watched::Configs, config(1)), [m()].into());
    assert!(ctx.stores.put(Watched::Configs, config(1)).is_empty());
    assert_eq!(ctx.stores.remove(Watched::Configs, &config(1)), [m()].into());
    assert!(ctx.stores.put(Watched::Gateways, config(1)).is_empty());
}

#[tokio::test]
async fn the_global_config_map_wakes_everyone_when_it_says_something_else() {
    let server = Server::default();
    let ctx = context(&server);
    stored(&ctx, &server, 1);
    let map = |ingress: &str| {
        let metadata = json!({"name": "inferenceservice-config", "namespace": "kserve"});
        Raw::new(json!({"metadata": metadata, "data": {"ingress": ingress}}))
    };
    let tls = r#"{"enableLLMInferenceServiceTLS": true}"#;
    assert_eq!(ctx.stores.put(Watched::Settings, map(tls)), [m()].into());
    assert!(ctx.stores.put(Watched::Settings, map(&format!(" {tls} "))).is_empty());
    assert!(ctx.stores.view().settings.tls);
    assert_eq!(ctx.stores.remove(Watched::Settings, &map(tls)), [m()].into());
    assert!(!ctx.stores.view().settings.tls);
}

#[tokio::test]
async fn an_object_of_another_that_cannot_be_read_does_not_keep_the_status_from_being_written() {
    let server = Server::default();
    let ctx = context(&server);
    stored(&ctx, &server, 1);
    ctx.stores.put_guest(Kind::Service, &m(), json!({"metadata": {"name": "m-svc", "namespace": "ns"}}));
    server.refuse("m-svc", 503);
    pass(&ctx, &m(), &mut Mind::default()).await.unwrap();
    assert!(server.request_set().contains("patch llminferenceservices/m/status"));
    assert_eq!(ctx.stores.guests(&m()).len(), 1);
}

#[tokio::test]
async fn what_the_server_says_about_a_secret_is_not_passed_on() {
    let server = Server::default();
    let ctx = context(&server);
    let mut secret = child(Kind::Secret, "m-certs", 1);
    secret.tls = Some(self_signed());
    server.refuse("m-certs", 422);
    let refused = enacted(&ctx, &sealed([secret]), &mut Mind::default()).await.applied.refused;
    assert_eq!(refused[0].message, "the reason is withheld, since it may quote the private key");
}

#[tokio::test]
async fn the_service_of_a_gateway_wakes_who_uses_that_gateway() {
    // G-3
    let server = Server::default();
    let ctx = context(&server);
    let other = Ref::new("ns", "other");
    ctx.stores.depends(&m(), &Key::GatewayService(Ref::new("infra", "a")));
    ctx.stores.depends(&other, &Key::GatewayService(Ref::new("infra", "b")));
    let of = |gateway: &str| {
        let labels = json!({"gateway.networking.k8s.io/gateway-name": gateway});
        Raw::new(json!({"metadata": {"name": "lb", "namespace": "infra", "labels": labels}}))
    };
    assert_eq!(ctx.stores.put(Watched::GatewayServices, of("a")), [m()].into());
    assert_eq!(ctx.stores.put(Watched::GatewayServices, of("b")), [m(), other.clone()].into());
    let nothing = std::collections::BTreeSet::new();
    assert_eq!(ctx.stores.listed(Watched::GatewayServices, &nothing), [other].into());
}
