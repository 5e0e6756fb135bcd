//! `RolloutBlocked`.

use rstest::rstest;

use super::*;
use crate::labels::Component;
use crate::pods::{Pod, answer};

const WHY: &str = "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match.";
const TOLD: &str = "RolloutBlocked=True InsufficientAccelerators: main workload: no node takes pod new: 0/2 nodes are \
                    available: 1 Insufficient nvidia.com/gpu, 1 node(s) didn't match; 1 old pod holds nvidia.com/gpu; ";

fn key() -> Key {
    Key::Pods(Ref::new("ml", "llama"))
}

fn pod(name: &str, template: &str) -> Pod {
    Pod {
        name: name.to_owned(),
        component: Component::Workload.as_str().to_owned(),
        template: template.to_owned(),
        requests: [("nvidia.com/gpu".to_owned(), 1000)].into(),
        ..Pod::default()
    }
}

fn new() -> Pod {
    Pod { blocked: Some(WHY.to_owned()), ..pod("new", "2") }
}

fn old() -> Pod {
    Pod { placed: true, ready: true, ..pod("old", "1") }
}

/// A service of one pod in the middle of a rollout, with this strategy.
fn world(strategy: &Value) -> World {
    let mut world = World::new();
    let mut body = deployment(1);
    body["metadata"]["generation"] = json!(2);
    body["status"]["observedGeneration"] = json!(2);
    body["status"]["replicas"] = json!(2);
    body["spec"]["strategy"] = json!({"rollingUpdate": strategy});
    world.live(Kind::Deployment, "llama-kserve", body);
    world
}

fn told(world: &mut World, pods: &[Pod]) -> String {
    world.see(key(), answer(pods));
    line(&status_of(world, &json!({})), "RolloutBlocked")
}

fn quarter() -> Value {
    json!({"maxSurge": "25%", "maxUnavailable": "25%"})
}

#[test]
fn a_rollout_without_a_spare_accelerator_says_so_and_what_to_do() {
    let hint =
        "set spec.rolloutStrategy to maxSurge 0 and maxUnavailable 1, free nvidia.com/gpu or add nodes";
    assert_eq!(told(&mut world(&quarter()), &[new(), old()]), format!("{TOLD}{hint}"));
}

#[test]
fn another_strategy_is_not_proposed_where_it_would_not_help() {
    let new = Pod { requests: [("nvidia.com/gpu".to_owned(), 2000)].into(), ..new() };
    assert_eq!(
        told(&mut world(&quarter()), &[new, old()]),
        format!("{TOLD}free nvidia.com/gpu or add nodes")
    );
}

#[test]
fn nothing_is_blocked_while_old_pods_make_room() {
    let in_place = json!({"maxSurge": 0, "maxUnavailable": 1});
    assert_eq!(told(&mut world(&in_place), &[new(), old()]), "");
}

#[rstest]
#[case::a_selector(&[old()], "; 1 old pod holds room on nodes; ")]
#[case::a_selector_and_no_old_pods(&[], "; ")]
fn other_reasons_are_told_in_the_schedulers_words(#[case] others: &[Pod], #[case] between: &str) {
    let why = "0/2 nodes are available: 2 node(s) didn't match.";
    let mut pods = vec![Pod { blocked: Some(why.to_owned()), ..new() }];
    pods.extend_from_slice(others);
    let expected = format!(
        "RolloutBlocked=True Unschedulable: main workload: no node takes pod new: 0/2 nodes are available: 2 node(s) \
         didn't match{between}free what is short or add nodes"
    );
    assert_eq!(told(&mut world(&quarter()), &pods), expected);
}

#[test]
fn a_blocked_rollout_does_not_touch_what_ready_says() {
    let mut world = world(&quarter());
    world.see(key(), answer(&[new(), old()]));
    let status = status_of(&mut world, &json!({}));
    let why = "Progressing: 0 of 1 updated pods are ready, 1 of an older generation still there";
    assert_eq!(line(&status, "Ready"), format!("Ready=False {why}"));
}

#[test]
fn until_pods_are_known_the_former_statement_stays() {
    let mut world = world(&quarter());
    let former =
        json!({"type": "RolloutBlocked", "status": "True", "reason": "Unschedulable", "message": "m"});
    world.service["status"] = json!({"conditions": [former]});
    let status = status_of(&mut world, &json!({}));
    assert_eq!(line(&status, "RolloutBlocked"), "RolloutBlocked=True Unschedulable: m");
    assert!(world.seen.take_open().contains(&key()));
}

#[test]
fn pods_of_a_service_that_is_rolled_out_are_not_asked_for() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    status_of(&mut world, &json!({}));
    assert!(!world.seen.take_touched().contains(&key()));
}

#[test]
fn pods_of_a_new_workload_are_not_asked_for() {
    let mut world = World::new();
    let mut body = deployment(2);
    body["status"] = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2});
    world.live(Kind::Deployment, "llama-kserve", body);
    assert!(line(&status_of(&mut world, &json!({})), "Ready").starts_with("Ready=False"));
    assert!(!world.seen.take_touched().contains(&key()));
}

#[test]
fn a_stopped_service_is_not_blocked() {
    let mut world = world(&quarter());
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    assert_eq!(told(&mut world, &[new(), old()]), "");
}

/// A service of which a LeaderWorkerSet with this strategy is live, and no Deployment.
fn group(strategy: &Value) -> String {
    let mut world = World::new();
    let body = json!({"metadata": {"generation": 2}, "spec": {"replicas": 1, "rolloutStrategy": strategy}});
    world.live(Kind::LeaderWorkerSet, "llama-kserve-mn", body);
    let leader = || Component::Leader.as_str().to_owned();
    let [new, old] = [new(), old()].map(|pod| Pod { worker_index: Some(0), component: leader(), ..pod });
    world.see(key(), answer(&[new, old]));
    let decision = groups::groups(&mut world);
    line(&report(&world, &decision, &[]), "RolloutBlocked")
}

#[test]
fn the_strategy_that_counts_is_that_of_the_workload_that_made_the_pod() {
    let surge = json!({"rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 0}});
    let hint =
        "set spec.rolloutStrategy to maxSurge 0 and maxUnavailable 1, free nvidia.com/gpu or add nodes";
    assert_eq!(group(&surge), format!("{TOLD}{hint}"));
    assert_eq!(group(&json!({"type": "RollingUpdate"})), "", "an old group is about to end");
}
