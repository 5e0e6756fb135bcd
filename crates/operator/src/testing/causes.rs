//! Root causes in the status, and who is woken for them.

use std::collections::BTreeSet;

use llmisvc_core::facts::Key;
use serde_json::{Value, json};

use super::Server;
use super::whole::{DEPLOYMENT, SERVICE, m, settled};
use crate::memo::Mind;
use crate::reconcile::pass;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;
use llmisvc_kinds::Kind;

/// A decode pod with this in its spec and status.
fn pod(name: &str, spec: &Value, status: &Value) -> Raw {
    let labels = json!({
        "app.kubernetes.io/name": "llama-70b",
        "app.kubernetes.io/component": "llminferenceservice-workload",
        "pod-template-hash": "5d8f",
    });
    let owner = json!({"kind": "ReplicaSet", "name": "llama-70b-kserve-5d8f", "controller": true});
    let metadata = json!({"name": name, "namespace": "demo", "labels": labels, "ownerReferences": [owner]});
    Raw::new(json!({"metadata": metadata, "spec": spec, "status": status}))
}

fn ready(name: &str) -> Raw {
    pod(name, &json!({"nodeName": "n"}), &json!({"conditions": [{"type": "Ready", "status": "True"}]}))
}

fn starting(name: &str) -> Raw {
    pod(
        name,
        &json!({"nodeName": "n"}),
        &json!({"containerStatuses": [{"name": "main", "state": {"running": {}}}]}),
    )
}

fn crashing(name: &str) -> Raw {
    let last = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "bad flag"}});
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let main = json!({"name": "main", "restartCount": 2, "state": waiting, "lastState": last});
    pod(name, &json!({"nodeName": "n"}), &json!({"containerStatuses": [main]}))
}

/// So many decode pods are available.
fn available(ctx: &crate::context::Context, server: &Server, count: i64) {
    let mut deployment = server.get(DEPLOYMENT).unwrap();
    deployment["status"]["availableReplicas"] = json!(count);
    ctx.stores.put(Watched::Child(Kind::Deployment), Raw::new(server.put(DEPLOYMENT, deployment)));
}

fn main_workload(server: &Server) -> (String, String) {
    let status = server.get(SERVICE).unwrap()["status"].take();
    let conditions = status["conditions"].as_array().unwrap().iter();
    let main = conditions.clone().find(|c| c["type"] == "MainWorkloadReady").unwrap();
    let text = |key: &str| main[key].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

// G-61
#[tokio::test(start_paused = true)]
async fn trouble_of_a_service_that_is_not_ready_wakes_it_and_nothing_else_of_its_pods_does() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    available(&ctx, &server, 0);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let nobody = BTreeSet::new();
    assert_eq!(ctx.stores.dependents(&Key::Troubles(m())), [m()].into());
    assert_eq!(ctx.stores.put(Watched::Pods, starting("a")), nobody, "a pod starts");
    assert_eq!(ctx.stores.put(Watched::Pods, ready("a")), nobody, "and serves");

    assert_eq!(ctx.stores.put(Watched::Pods, crashing("a")), [m()].into());
    server.requests();
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let counts = "0 of 8 updated pods are ready";
    let told = "1 of 8 pods: pod a, container main: exited with code 1 (2 restarts): bad flag; see kubectl logs a -c main \
                --previous";
    assert_eq!(main_workload(&server), ("CrashLoop".to_owned(), format!("{told}; {counts}")));
    let requests = server.requests();
    let writes: Vec<&String> = requests.iter().filter(|request| !request.starts_with("get ")).collect();
    assert_eq!(writes, ["patch llminferenceservices/llama-70b/status"]);

    assert_eq!(ctx.stores.put(Watched::Pods, starting("a")), [m()].into());
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(main_workload(&server), ("Progressing".to_owned(), counts.to_owned()));
}

// G-61
#[tokio::test]
async fn a_claim_is_watched_for_as_long_as_a_pod_waits_for_it() {
    let (server, mut mind) = (Server::default(), Mind::default());
    let ctx = settled(&server, &mut mind).await;
    available(&ctx, &server, 0);
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "weights"}}]);
    ctx.stores.put(Watched::Pods, pod("a", &json!({"volumes": volumes}), &json!({})));
    server.requests();
    pass(&ctx, &m(), &mut mind).await.unwrap();
    let claim = Key::Claim(llmisvc_core::facts::Ref::new("demo", "weights"));
    assert_eq!(ctx.stores.dependents(&claim), [m()].into());
    assert!(server.requests().contains(&"get persistentvolumeclaims/weights".to_owned()));
    ctx.stores.put(Watched::Pods, starting("a"));
    pass(&ctx, &m(), &mut mind).await.unwrap();
    assert_eq!(ctx.stores.dependents(&claim), BTreeSet::new());
}
