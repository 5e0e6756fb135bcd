use super::*;
use crate::valid::{Group, PodTemplate, Pods, Position, Role, Workload};

const LWS: &str = "llama-kserve-mn";

/// A LeaderWorkerSet of two groups, all ready.
fn set() -> Value {
    json!({
        "metadata": {"generation": 1},
        "spec": {"replicas": 2},
        "status": {
            "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
            "conditions": [{"type": "Available", "status": "True", "reason": "AllGroupsReady", "message": "All replicas are ready"}],
        },
    })
}

fn in_groups(workload: &mut Workload) {
    let pod = |position| PodTemplate::bare(position, Value::Null);
    workload.pods = Pods::Group(Box::new(Group {
        size: 4,
        sub_group: None,
        leader: Some(pod(Position::Leader)),
        worker: pod(Position::Worker),
    }));
}

/// A decision on a service whose workloads are groups.
pub(super) fn groups(world: &mut World) -> Decision {
    let mut decision = decided(world, &json!({}));
    if let Ok(desired) = &mut decision.outcome {
        in_groups(&mut desired.service.decode);
        desired.service.prefill.iter_mut().for_each(in_groups);
    }
    decision
}

fn status_with(change: impl Fn(&mut Value)) -> Value {
    let mut world = World::new();
    let mut body = set();
    change(&mut body);
    world.live(Kind::LeaderWorkerSet, LWS, body);
    let decision = groups(&mut world);
    report(&world, &decision, &[])
}

fn worker_after(change: impl Fn(&mut Value)) -> String {
    line(&status_with(change), "WorkerWorkloadReady")
}

#[test]
fn a_service_of_groups_is_ready_by_its_leader_worker_set() {
    let status = status_with(|_| {});
    let expected = [
        "PresetsCombined=True",
        "Ready=True",
        "RouterReady=True",
        "WorkerWorkloadReady=True",
        "WorkloadsReady=True",
    ];
    assert_eq!(lines(&status), expected);
    let primary = json!({"apiGroup": "leaderworkerset.x-k8s.io", "kind": "LeaderWorkerSet", "name": LWS, "replicas": 2, "readyReplicas": 2});
    let service = json!({"kind": "Service", "name": "llama-kserve-workload-svc"});
    assert_eq!(status["workloads"], json!({"primary": primary, "service": service}));
}

/// What happens to a live object.
type Change = fn(&mut Value);

#[test]
// W-8
fn groups_are_ready_only_when_those_of_the_new_generation_are() {
    let not = |why: &str| format!("WorkerWorkloadReady=False Progressing: {why}");
    let available = |s: &mut Value, status: &str| s["status"]["conditions"][0]["status"] = json!(status);
    let cases: [(&str, Change); 6] = [
        ("LeaderWorkerSet ml/llama-kserve-mn: generation 2 has not been observed yet", |s| {
            s["metadata"]["generation"] = json!(2);
            s["status"]["observedGeneration"] = json!(1);
        }),
        ("2 of 3 groups are ready", |s| s["spec"]["replicas"] = json!(3)),
        ("2 of 2 groups are ready, 1 of an older generation still there", |s| {
            s["status"]["updatedReplicas"] = json!(1);
            s["status"]["conditions"] = json!([{"type": "UpdateInProgress", "status": "True"}]);
        }),
        ("0 of 2 groups are ready", |s| {
            s["status"] = json!({"replicas": 2, "conditions": [{"type": "Progressing", "status": "True"}]});
        }),
        (
            "LeaderWorkerSet ml/llama-kserve-mn has no status yet: does the LeaderWorkerSet controller run?",
            |s| {
                s["status"] = Value::Null;
            },
        ),
        ("1 of 2 groups are ready", |s| s["status"]["readyReplicas"] = json!(1)),
    ];
    for (why, change) in cases {
        assert_eq!(worker_after(change), not(why));
    }
    let unavailable = worker_after(|s| available(s, "False"));
    assert_eq!(unavailable, not("2 of 2 groups are ready"));
    assert_eq!(worker_after(|s| s["metadata"]["generation"] = json!(9)), "WorkerWorkloadReady=True");
}

#[test]
fn a_set_that_is_missing_or_makes_way_for_another_is_told() {
    let mut world = World::new();
    let decision = groups(&mut world);
    let missing = report(&world, &decision, &[]);
    assert_eq!(
        line(&missing, "WorkerWorkloadReady"),
        "WorkerWorkloadReady=False Progressing: LeaderWorkerSet ml/llama-kserve-mn has not been created yet"
    );
    assert_eq!(missing["workloads"]["primary"]["readyReplicas"], 0);
    world.live(Kind::LeaderWorkerSet, LWS, set());
    world.live.get_mut(&(Kind::LeaderWorkerSet, LWS.to_owned())).unwrap().deleting = true;
    let why = "False Progressing: LeaderWorkerSet ml/llama-kserve-mn is deleted with its pods, and then created anew";
    let going = report(&world, &decision, &[]);
    assert_eq!(line(&going, "WorkerWorkloadReady"), format!("WorkerWorkloadReady={why}"));
    assert_eq!(line(&going, "Ready"), format!("Ready={why}"));
}

#[test]
fn groups_of_both_roles_have_conditions_of_their_own() {
    let mut world = World::new();
    world.prefill = true;
    world.live(Kind::LeaderWorkerSet, LWS, set());
    let decision = groups(&mut world);
    let status = report(&world, &decision, &[]);
    let why = "False Progressing: LeaderWorkerSet ml/llama-kserve-mn-prefill has not been created yet";
    assert_eq!(line(&status, "WorkerWorkloadReady"), "WorkerWorkloadReady=True");
    assert_eq!(line(&status, "PrefillWorkerWorkloadReady"), format!("PrefillWorkerWorkloadReady={why}"));
    assert_eq!(line(&status, "WorkloadsReady"), format!("WorkloadsReady={why}"));
    world.live(Kind::LeaderWorkerSet, "llama-kserve-mn-prefill", set());
    let status = report(&world, &decision, &[]);
    assert_eq!(line(&status, "Ready"), "Ready=True");
    assert_eq!(status["workloads"]["prefill"]["kind"], "LeaderWorkerSet");
    assert_eq!(line(&status, "MainWorkloadReady") + &line(&status, "PrefillWorkloadReady"), "");
}

#[test]
fn prefill_in_groups_stands_beside_decode_in_single_pods() {
    let mut world = World::new();
    world.prefill = true;
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    world.live(Kind::LeaderWorkerSet, "llama-kserve-mn-prefill", set());
    let mut decision = decided(&mut world, &json!({}));
    let service = &mut decision.outcome.as_mut().unwrap().service;
    assert_eq!(service.decode.role, Role::Decode);
    service.prefill.iter_mut().for_each(in_groups);
    let status = report(&world, &decision, &[]);
    assert_eq!(line(&status, "MainWorkloadReady"), "MainWorkloadReady=True");
    assert_eq!(line(&status, "PrefillWorkerWorkloadReady"), "PrefillWorkerWorkloadReady=True");
}

#[test]
fn a_fault_does_not_hide_groups_that_run_and_a_stop_ends_them() {
    let mut world = World::new();
    world.live(Kind::LeaderWorkerSet, LWS, set());
    let status = report(&world, &faulty("InvalidRenderedConfig"), &[]);
    assert_eq!(line(&status, "WorkerWorkloadReady"), "WorkerWorkloadReady=True");
    assert_eq!(status["workloads"]["primary"]["name"], LWS);
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    let decision = groups(&mut world);
    let status = report(&world, &decision, &[]);
    assert_eq!(line(&status, "WorkerWorkloadReady"), "WorkerWorkloadReady=False Stopped: Service is stopped");
    assert_eq!(line(&status, "WorkloadsReady"), "WorkloadsReady=False Stopped: Service is stopped");
    assert_eq!(status["workloads"], Value::Null);
}

#[test]
// W-16
fn without_the_crd_the_condition_names_it() {
    let mut world = World::new();
    let decision = groups(&mut world);
    let refusal = |kind: Kind, name: &str, reason: RefusalReason| Refusal {
        kind,
        name: name.to_owned(),
        reason,
        message: "no".to_owned(),
    };
    let missing = [refusal(Kind::LeaderWorkerSet, LWS, RefusalReason::NotServed)];
    let why = "False CRDNotFound: the cluster does not serve LeaderWorkerSet \
         (leaderworkerset.x-k8s.io/v1); install the CustomResourceDefinition \
         leaderworkersets.leaderworkerset.x-k8s.io";
    let status = report(&world, &decision, &missing);
    assert_eq!(line(&status, "WorkerWorkloadReady"), format!("WorkerWorkloadReady={why}"));
    assert_eq!(line(&status, "Ready"), format!("Ready={why}"));
    let of = |kind: Kind, name: &str, condition: &str| {
        let status = report(&world, &decision, &[refusal(kind, name, RefusalReason::Other)]);
        assert!(
            line(&status, condition)
                .starts_with(&format!("{condition}=False ReconcileMultiNodeWorkloadError")),
            "{kind} {name}: {:?}",
            lines(&status)
        );
    };
    of(Kind::LeaderWorkerSet, "llama-kserve-mn-prefill", "PrefillWorkerWorkloadReady");
    of(Kind::ServiceAccount, "llama-kserve-mn-prefill", "PrefillWorkerWorkloadReady");
    of(Kind::ServiceAccount, LWS, "WorkerWorkloadReady");
    of(Kind::Role, "llama-kserve-mn-role", "WorkerWorkloadReady");
    of(Kind::RoleBinding, "llama-kserve-mn-rb", "WorkerWorkloadReady");
}

#[test]
fn a_group_that_no_node_takes_is_told() {
    use crate::labels::Component;
    use crate::pods::{Pod, answer};
    let mut world = World::new();
    let mut body = set();
    body["status"]["readyReplicas"] = json!(1);
    world.live(Kind::LeaderWorkerSet, LWS, body);
    let pod = Pod {
        name: "llama-kserve-mn-1-2".to_owned(),
        component: Component::Worker.as_str().to_owned(),
        worker_index: Some(2),
        requests: [("nvidia.com/gpu".to_owned(), 8000)].into(),
        blocked: Some("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.".to_owned()),
        ..Pod::default()
    };
    world.see(Key::Pods(Ref::new("ml", "llama")), answer(&[pod]));
    let decision = groups(&mut world);
    assert_eq!(
        line(&report(&world, &decision, &[]), "RolloutBlocked"),
        "RolloutBlocked=True InsufficientAccelerators: main workload: no node takes pod llama-kserve-mn-1-2: 0/3 nodes \
         are available: 3 Insufficient nvidia.com/gpu; 0 old pods hold nvidia.com/gpu; free nvidia.com/gpu or add nodes"
    );
}

#[test]
// W-8
fn a_handover_waits_for_a_set_whose_status_is_of_an_older_generation() {
    let desired = crate::object::Object::new(Kind::LeaderWorkerSet, "ml", LWS, BTreeMap::new(), json!({}));
    assert!(crate::rollout::is_complete(&desired, &set()));
    let mut stale = set();
    stale["metadata"]["generation"] = json!(2);
    stale["status"]["observedGeneration"] = json!(1);
    assert!(!crate::rollout::is_complete(&desired, &stale));
}
