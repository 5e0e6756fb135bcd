//! Root causes on the conditions of workloads.

use rstest::rstest;

use super::*;
use crate::cause::{self, Trouble, Why};
use crate::pods::Pod;

fn key() -> Key {
    Key::Troubles(Ref::new("ml", "llama"))
}

/// A pod of this ReplicaSet or StatefulSet that can't pull its image.
fn pod(name: &str, owner: &str, template: &str) -> Pod {
    let trouble = Trouble {
        why: Why::Image,
        owner: owner.to_owned(),
        container: Some("main".to_owned()),
        detail: "image i can't be pulled".to_owned(),
        claims: Vec::new(),
    };
    Pod {
        name: name.to_owned(),
        template: template.to_owned(),
        trouble: Some(Box::new(trouble)),
        ..Pod::default()
    }
}

const REMEDY: &str =
    "check the image's name and tag, the pod's imagePullSecrets, and the way from the node to the registry";

/// A Deployment whose newest ReplicaSet is `name`-2.
fn rolling(name: &str, wanted: i64, counts: [i64; 3]) -> Value {
    let mut body = deployment(wanted);
    let [replicas, updated, available] = counts;
    body["status"]["replicas"] = json!(replicas);
    body["status"]["updatedReplicas"] = json!(updated);
    body["status"]["availableReplicas"] = json!(available);
    let message = format!("ReplicaSet \"{name}-2\" is progressing.");
    let progressing =
        json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": message});
    body["status"]["conditions"] = json!([progressing]);
    body
}

// G-41
#[test]
fn newer_pods_that_fail_are_told_though_older_ones_serve() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", rolling("llama-kserve", 2, [3, 1, 2]));
    let old = Pod { ready: true, trouble: None, ..pod("a", "llama-kserve-1", "1") };
    world.see(key(), cause::answer(&[old, pod("b", "llama-kserve-2", "2")]));
    let status = status_of(&mut world, &json!({}));
    let expected = format!(
        "ImagePullFailed: 1 of 2 pods: pod b, container main: image i can't be pulled; {REMEDY}; 0 of 2 updated pods \
         are ready, 2 of an older generation still there; older pods still serve"
    );
    for kind in ["MainWorkloadReady", "WorkloadsReady", "Ready"] {
        assert_eq!(line(&status, kind), format!("{kind}=False {expected}"));
    }
}

#[test]
fn older_pods_that_fail_are_not_told_once_newer_ones_start() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", rolling("llama-kserve", 1, [2, 1, 0]));
    world.see(key(), cause::answer(&[pod("a", "llama-kserve-1", "1")]));
    let why = "Progressing: 0 of 1 updated pods are ready, 1 of an older generation still there";
    assert_eq!(line(&status_of(&mut world, &json!({})), "Ready"), format!("Ready=False {why}"));
    // There is no newer pod yet.
    world.live(Kind::Deployment, "llama-kserve", rolling("llama-kserve", 1, [1, 0, 0]));
    let line = line(&status_of(&mut world, &json!({})), "Ready");
    assert!(line.starts_with("Ready=False ImagePullFailed: pod a, "), "{line}");
}

#[rstest]
#[case::decode("llama-kserve", "MainWorkloadReady")]
#[case::prefill("llama-kserve-prefill", "PrefillWorkloadReady")]
#[case::scheduler("llama-kserve-router-scheduler", "SchedulerWorkloadReady")]
fn each_workload_tells_of_its_own_pods(#[case] name: &str, #[case] told: &str) {
    let merged = spec(json!({"scheduler": {}}));
    let mut world = World::new();
    world.prefill = true;
    for name in ["llama-kserve", "llama-kserve-prefill", "llama-kserve-router-scheduler"] {
        world.live(Kind::Deployment, name, rolling(name, 1, [1, 1, 0]));
    }
    world.see(key(), cause::answer(&[pod("a", &format!("{name}-2"), "2")]));
    let status = status_of(&mut world, &merged);
    for kind in ["MainWorkloadReady", "PrefillWorkloadReady", "SchedulerWorkloadReady"] {
        let line = line(&status, kind);
        assert_eq!(
            line.starts_with(&format!("{kind}=False ImagePullFailed: pod a, ")),
            kind == told,
            "{line}"
        );
    }
}

#[test]
fn groups_tell_of_the_pods_of_their_stateful_sets() {
    let mut world = World::new();
    let status = json!({"replicas": 2, "readyReplicas": 1, "updatedReplicas": 2, "conditions": [{"type": "Progressing", "status": "True"}]});
    let spec = json!({"replicas": 2, "leaderWorkerTemplate": {"size": 4}});
    let body = json!({"metadata": {"generation": 1}, "spec": spec, "status": status});
    world.live(Kind::LeaderWorkerSet, "llama-kserve-mn", body);
    world.see(
        key(),
        cause::answer(&[pod("w", "llama-kserve-mn-1", "h"), pod("x", "llama-kserve-mn-prefill", "h")]),
    );
    let decision = groups::groups(&mut world);
    assert_eq!(
        line(&report(&world, &decision, &[]), "WorkerWorkloadReady"),
        format!(
            "WorkerWorkloadReady=False ImagePullFailed: 1 of 8 pods: pod w, container main: image i can't be pulled; \
             {REMEDY}; 1 of 2 groups are ready"
        )
    );
}

#[test]
fn groups_without_any_pod_say_where_the_reason_is_found() {
    let mut world = World::new();
    let status = json!({"conditions": [{"type": "Progressing", "status": "True"}]});
    let body = json!({"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": status});
    world.live(Kind::LeaderWorkerSet, "llama-kserve-mn", body);
    let decision = groups::groups(&mut world);
    assert_eq!(
        line(&report(&world, &decision, &[]), "Ready"),
        "Ready=False Progressing: 0 of 2 groups are ready; no pod has been made: where this stays, the events of \
         StatefulSet ml/llama-kserve-mn say whether a quota or a policy refuses them"
    );
}

#[test]
fn a_claim_that_a_pod_waits_for_is_asked_for() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", rolling("llama-kserve", 1, [1, 1, 0]));
    let mut waits = pod("a", "llama-kserve-2", "2");
    let trouble = Trouble {
        why: Why::Volume,
        claims: vec!["data".to_owned()],
        detail: String::new(),
        ..*waits.trouble.unwrap()
    };
    waits.trouble = Some(Box::new(trouble));
    world.see(key(), cause::answer(&[waits]));
    let claim = Key::Claim(Ref::new("ml", "data"));
    let before = line(&status_of(&mut world, &json!({})), "Ready");
    assert_eq!(before, "Ready=False Progressing: 0 of 1 updated pods are ready");
    assert!(world.seen.take_open().contains(&claim));
    world.seen.insert(claim, Answer::Absent);
    assert_eq!(
        line(&status_of(&mut world, &json!({})), "Ready"),
        "Ready=False VolumePending: pod a waits for PersistentVolumeClaim ml/data, which does not exist; create it; 0 \
         of 1 updated pods are ready"
    );
}

#[test]
fn a_service_that_is_ready_or_stopped_does_not_look_at_pods() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    status_of(&mut world, &json!({}));
    world.live(Kind::Deployment, "llama-kserve", rolling("llama-kserve", 1, [1, 1, 0]));
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    status_of(&mut world, &json!({}));
    assert!(!world.seen.take_touched().contains(&key()));
}
