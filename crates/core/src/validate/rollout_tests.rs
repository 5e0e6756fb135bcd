use rstest::rstest;
use serde_json::{Value, json};

use crate::facts::{Key, Ref};
use crate::pods::{Pod, answer};
use crate::validate::fixture::{Fixture, fixture, spec, with};

const NAME: &str = "llama-kserve";

fn pod(template: &str, gpus: i64) -> Pod {
    Pod {
        name: format!("{NAME}-{template}"),
        component: "llminferenceservice-workload".to_owned(),
        template: template.to_owned(),
        requests: [("nvidia.com/gpu".to_owned(), gpus * 1000)].into(),
        ..Pod::default()
    }
}

fn old() -> Pod {
    Pod { placed: true, ready: true, ..pod("old", 1) }
}

fn blocked(gpus: i64) -> Pod {
    let why = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.";
    Pod { blocked: Some(why.to_owned()), ..pod("new", gpus) }
}

/// A service with a Deployment of which one pod is old, and these pods.
fn rolling(spec: Value, pods: &[Pod]) -> Fixture {
    let mut fixture = fixture(spec);
    fixture.live_deployment(NAME, json!({"status": {"replicas": 2, "updatedReplicas": 1}}));
    fixture.answer(Key::Pods(Ref::new("ns", "llama")), answer(pods));
    fixture
}

fn strategy(fixture: &Fixture) -> Value {
    fixture.deployment()["spec"]["strategy"].take()
}

fn in_place() -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})
}

fn asks_for_pods(fixture: &Fixture) -> bool {
    fixture.outcome();
    fixture.seen.take_open();
    fixture.seen.take_touched().iter().any(|key| matches!(key, Key::Pods(_)))
}

#[test]
fn a_rollout_that_finds_no_accelerator_takes_that_of_an_old_pod() {
    let fixture = rolling(spec(), &[blocked(1), old()]);
    assert_eq!(strategy(&fixture), in_place());
}

#[rstest]
#[case::it_is_not_blocked_yet(&[pod("new", 1), old()])]
#[case::an_old_one_leaves(&[blocked(1), Pod { deleting: true, ..old() }])]
#[case::it_would_not_fit(&[blocked(2), old()])]
#[case::it_is_of_another_workload(&[Pod { component: "llminferenceservice-workload-prefill".to_owned(), ..blocked(1) }, old()])]
#[case::nothing_is_known(&[])]
fn the_strategy_stays_kubernetes_own_while(#[case] pods: &[Pod]) {
    assert_eq!(strategy(&rolling(spec(), pods)), Value::Null);
}

#[test]
fn the_users_strategy_is_never_changed_and_asks_for_no_pods() {
    let given = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    let fixture = rolling(with(spec(), "/rolloutStrategy", given.clone()), &[blocked(1), old()]);
    assert_eq!(strategy(&fixture)["rollingUpdate"], given);
    assert!(!asks_for_pods(&fixture));
}

#[test]
fn old_pods_give_way_until_the_rollout_is_over() {
    let mut live = json!({"spec": {"strategy": in_place()}, "status": {"replicas": 3, "updatedReplicas": 1}});
    let mut fixture = rolling(spec(), &[Pod { placed: true, ..pod("new", 1) }, old()]);
    fixture.live_deployment(NAME, live.clone());
    assert_eq!(strategy(&fixture), in_place());
    live["status"]["updatedReplicas"] = json!(3);
    fixture.live_deployment(NAME, live);
    assert_eq!(strategy(&fixture), Value::Null);
}

#[test]
fn old_pods_no_longer_give_way_to_pods_that_would_not_fit() {
    let live = json!({"spec": {"strategy": in_place()}, "status": {"replicas": 3, "updatedReplicas": 1}});
    let mut fixture = rolling(spec(), &[blocked(2), old()]);
    fixture.live_deployment(NAME, live);
    assert_eq!(strategy(&fixture), Value::Null);
}

#[test]
fn pods_are_asked_for_only_while_a_rollout_is_under_way() {
    assert!(asks_for_pods(&rolling(spec(), &[])));
    let mut settled = fixture(spec());
    settled.live_deployment(NAME, json!({"status": {"replicas": 2, "updatedReplicas": 2}}));
    assert!(!asks_for_pods(&settled));
    assert!(!asks_for_pods(&fixture(spec())));
}

#[test]
fn each_role_gives_way_for_itself() {
    let of_prefill = |pod: Pod| Pod { component: "llminferenceservice-workload-prefill".to_owned(), ..pod };
    let prefill = json!({"template": super::super::fixture::template()});
    let mut fixture = rolling(with(spec(), "/prefill", prefill), &[blocked(1), old()].map(of_prefill));
    let live = json!({"status": {"replicas": 2, "updatedReplicas": 1}});
    fixture.live_deployment("llama-kserve-prefill", live);
    let (decode, prefill) = fixture.outcome().workloads.unwrap();
    assert_eq!(
        (decode.rollout, prefill.unwrap().rollout),
        (Value::Null, in_place()["rollingUpdate"].clone())
    );
}
