use rstest::rstest;

use super::*;
use crate::labels::{Component, base};

fn deployment(strategy: &Value) -> Value {
    json!({"spec": {"strategy": strategy}})
}

#[rstest]
#[case::of_two(json!(null), 2, 1)]
#[case::of_four(json!(null), 4, 2)]
#[case::of_nine(json!(null), 9, 5)]
#[case::in_place(json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}), 2, 1)]
#[case::twice_as_many(json!({"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}}), 3, 3)]
#[case::never_none(json!({"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": "10%"}}), 2, 1)]
#[case::never_more_than_all(json!({"rollingUpdate": {"maxSurge": 5, "maxUnavailable": 5}}), 3, 3)]
#[case::recreated(json!({"type": "Recreate"}), 3, 3)]
#[case::scaled_to_zero(json!(null), 0, 1)]
fn a_deployment_makes_as_many_new_pods_as_surge_and_unavailability_allow(
    #[case] strategy: Value,
    #[case] want: i64,
    #[case] expected: i64,
) {
    let none = json!({});
    assert_eq!(step(Kind::Deployment, &deployment(&strategy), &none, want), expected);
    assert_eq!(step(Kind::Deployment, &none, &deployment(&strategy), want), expected, "of the live one");
}

#[test]
fn pods_that_a_quota_refuses_are_not_counted() {
    let conditions = json!([{"type": "ReplicaFailure", "status": "True"}]);
    let live = json!({"status": {"updatedReplicas": 2, "conditions": conditions}});
    let strategy = json!({"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 2}});
    assert_eq!(step(Kind::Deployment, &deployment(&strategy), &live, 8), 2);
}

fn group(rolling: &Value) -> Object {
    let spec = json!({"rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling}});
    Object::new(Kind::LeaderWorkerSet, "ns", "m", base("m", Component::Worker), json!({"spec": spec}))
}

#[rstest]
#[case::default(json!(null), 4, 3)]
#[case::two(json!({"maxUnavailable": 2}), 4, 2)]
#[case::surge_is_not_counted(json!({"maxUnavailable": 0, "maxSurge": 2}), 4, 3)]
#[case::half(json!({"maxUnavailable": "50%"}), 5, 3)]
#[case::the_only_group(json!(null), 1, 0)]
fn groups_below_the_partition_wait(#[case] rolling: Value, #[case] want: i64, #[case] partition: i64) {
    let mut object = group(&rolling);
    let step = step(object.kind, &object.body, &json!({}), want);
    close(&mut object, want, step);
    let closed = &object.body["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"];
    assert_eq!(closed["partition"], json!(partition));
    for (key, default) in [("maxUnavailable", 1), ("maxSurge", 0)] {
        assert_eq!(closed[key], rolling.get(key).cloned().unwrap_or_else(|| json!(default)));
    }
    assert_eq!(is_closed(&object.body), partition > 0);
}

#[test]
fn the_pods_of_a_closed_deployment_never_become_available_and_it_has_no_deadline() {
    let rest = json!({"spec": {"replicas": 2}});
    let mut object = Object::new(Kind::Deployment, "ns", "m", base("m", Component::Workload), rest);
    assert!(!is_closed(&object.body));
    close(&mut object, 2, 1);
    let expected =
        json!({"replicas": 2, "minReadySeconds": 31_536_000, "progressDeadlineSeconds": 2_147_483_647});
    assert_eq!(object.body["spec"], expected);
    assert!(is_closed(&object.body));
}

#[rstest]
#[case::unseen(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}), false)]
#[case::two_side_by_side(json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}), false)]
#[case::not_up(json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}), false)]
#[case::standbys_are_never_ready(json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 1}), true)]
fn a_picker_runs_once_its_newest_pods_serve_alone(#[case] status: Value, #[case] runs: bool) {
    let live = json!({"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": status});
    assert_eq!(is_picker_rolled_out(&live), runs);
}

#[test]
fn a_picker_that_is_scaled_to_zero_sends_nothing_anywhere() {
    let live = json!({"spec": {"replicas": 0}, "status": {}});
    assert!(is_picker_rolled_out(&live));
}
