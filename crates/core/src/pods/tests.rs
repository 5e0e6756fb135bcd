use rstest::rstest;

use super::*;
use crate::facts::Ref;

const NO_GPU: &str = "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match Pod's node \
                      affinity/selector. preemption: 0/3 nodes are available: 3 No preemption victims found.";

fn whole() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "m-kserve-5d8f-abcde",
            "namespace": "ml",
            "resourceVersion": "42",
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
            "labels": {
                "app.kubernetes.io/name": "m",
                "app.kubernetes.io/component": "llminferenceservice-workload",
                "app.kubernetes.io/part-of": "llminferenceservice",
                "llm-d.ai/role": "decode",
                "llmisvc.io/kv-revision": "r1",
                "pod-template-hash": "5d8f",
            },
        },
        "spec": {
            "nodeName": "gpu-1",
            "nodeSelector": {"gpu": "h100"},
            "containers": [
                {"name": "main", "resources": {"requests": {"nvidia.com/gpu": "2", "memory": "1Gi", "cpu": "500m"}}},
                {"name": "logs", "resources": {"requests": {"cpu": 1}}},
            ],
            "initContainers": [
                {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": 0.25}}},
                {"name": "download", "resources": {"requests": {"cpu": "4", "memory": "1Mi"}}},
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": "True"},
            ],
        },
    })
}

fn reduced(pod: &Value) -> Pod {
    Body::deserialize(pod).unwrap().reduce()
}

#[test]
fn a_pod_is_reduced_to_what_is_decided_from_it() {
    let body: Body = serde_json::from_str(&whole().to_string()).unwrap();
    assert_eq!(
        (body.place(), body.service(), body.resource_version()),
        (Ref::new("ml", "m-kserve-5d8f-abcde"), "m", "42")
    );
    let pod = body.reduce();
    let expected = Pod {
        name: "m-kserve-5d8f-abcde".to_owned(),
        component: "llminferenceservice-workload".to_owned(),
        role: "decode".to_owned(),
        revision: "r1".to_owned(),
        template: "5d8f".to_owned(),
        placed: true,
        ready: true,
        requests: [("cpu", 4000), ("memory", 1 << 30), ("nvidia.com/gpu", 2000)]
            .map(|(name, amount)| (name.to_owned(), if name == "memory" { amount * 1000 } else { amount }))
            .into(),
        constraints: pod.constraints,
        ..Pod::default()
    };
    assert_eq!(pod, expected);
    assert_ne!(pod.constraints, 0);
    assert_eq!(read(&answer(std::slice::from_ref(&pod))), [pod]);
}

#[test]
fn a_pod_of_a_group_is_known_by_the_groups_template_and_its_place() {
    let mut pod = whole();
    let hash = "leaderworkerset.sigs.k8s.io/template-revision-hash";
    pod["metadata"]["labels"] = json!({
        "controller-revision-hash": "set", hash: "group", "leaderworkerset.sigs.k8s.io/worker-index": "3",
    });
    let pod = reduced(&pod);
    assert_eq!((pod.template.as_str(), pod.worker_index), ("group", Some(3)));
}

#[test]
fn where_a_pod_may_run_tells_pods_apart_and_nothing_else_of_it_does() {
    let one = reduced(&whole());
    let mut pod = whole();
    pod["spec"]["containers"][0]["image"] = json!("another");
    assert_eq!(reduced(&pod), one);
    for (field, value) in [
        ("nodeSelector", json!({"gpu": "a100"})),
        ("tolerations", json!([{"key": "gpu", "tolerationSeconds": 3}])),
        ("affinity", json!({"nodeAffinity": {"weight": -1, "required": [true, null, 0.5]}})),
    ] {
        let mut pod = whole();
        pod["spec"][field] = value;
        assert_ne!(reduced(&pod).constraints, one.constraints, "{field}");
    }
}

#[test]
fn a_pod_that_ended_holds_nothing() {
    let mut pod = whole();
    pod["status"] = json!({"phase": "Failed"});
    let pod = reduced(&pod);
    assert!(!pod.placed && !pod.ready);
}

#[test]
fn a_pod_that_the_scheduler_has_not_looked_at_is_not_blocked() {
    let mut pod = whole();
    let condition = |reason: &str| json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": reason, "message": NO_GPU}]});
    pod["status"] = condition("SchedulingGated");
    assert_eq!(reduced(&pod).blocked, None);
    pod["status"] = condition("Unschedulable");
    assert_eq!(reduced(&pod).blocked.as_deref(), Some(NO_GPU));
}

/// A serving pod of the former template.
fn old() -> Pod {
    let requests = [("cpu", 1000), ("nvidia.com/gpu", 1000)].map(|(n, a)| (n.to_owned(), a));
    let (name, template) = ("old".to_owned(), "1".to_owned());
    Pod { name, template, placed: true, ready: true, requests: requests.into(), ..Pod::default() }
}

/// A pod of the new template that no node takes.
fn new() -> Pod {
    let (name, template, blocked) = ("new".to_owned(), "2".to_owned(), Some(NO_GPU.to_owned()));
    Pod { name, template, blocked, placed: false, ready: false, ..old() }
}

fn says(pods: &[Pod]) -> Option<(Vec<&str>, usize, bool)> {
    stuck(pods.iter()).map(|s| (s.lacking.clone(), s.holders.len(), s.makes_room()))
}

#[test]
fn a_new_pod_waits_for_the_accelerators_of_an_old_one() {
    assert_eq!(says(&[new(), old()]), Some((vec!["nvidia.com/gpu"], 1, true)));
}

#[rstest]
#[case::it_asks_for_more(|new: &mut Pod, _: &mut Pod| {
    new.requests.insert("nvidia.com/gpu".to_owned(), 2000);
})]
#[case::it_may_not_run_there(|new: &mut Pod, _: &mut Pod| new.constraints = 7)]
#[case::something_else_is_short_too(|new: &mut Pod, _: &mut Pod| {
    new.blocked = Some(format!("1 Insufficient memory, {NO_GPU}"));
    new.requests.insert("memory".to_owned(), 1);
})]
fn ending_an_old_pod_would_not_help(#[case] change: fn(&mut Pod, &mut Pod)) {
    let (mut new, mut old) = (new(), old());
    change(&mut new, &mut old);
    assert_eq!(says(&[new, old]), Some((vec!["nvidia.com/gpu"], 1, false)));
}

#[test]
fn what_is_not_asked_for_is_not_lacking() {
    let mut new = new();
    new.requests.clear();
    assert_eq!(says(&[new, old()]), Some((vec![], 1, false)));
}

#[test]
fn nobody_waits_for_ever_while_something_is_under_way() {
    let leaving = Pod { deleting: true, ..old() };
    let starting = Pod { name: "second".to_owned(), placed: true, blocked: None, ..new() };
    assert_eq!(says(&[new(), leaving]), None);
    assert_eq!(says(&[new(), old(), starting.clone()]), None);
    let up = Pod { ready: true, ..starting.clone() };
    assert_eq!(says(&[new(), old(), up]), Some((vec!["nvidia.com/gpu"], 1, true)));
    let [new, starting] = [new(), starting].map(|pod| Pod { worker_index: Some(0), ..pod });
    assert!(says(&[new, starting]).is_some(), "the placed pods of a group wait for the others");
}

#[test]
fn short_resources_are_read_from_the_schedulers_message() {
    assert_eq!(insufficient(NO_GPU), BTreeSet::from(["nvidia.com/gpu"]));
    let two = "0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient amd.com/gpu.";
    assert_eq!(insufficient(two), BTreeSet::from(["amd.com/gpu", "cpu"]));
    assert_eq!(insufficient("0/1 nodes are available: 1 Too many pods."), BTreeSet::new());
}

#[test]
fn a_workload_rolls_while_pods_of_an_older_template_are_there() {
    let counts = |all: i64, updated: i64| json!({"status": {"replicas": all, "updatedReplicas": updated}});
    assert!(is_rolling(&counts(2, 1)) && !is_rolling(&counts(2, 2)) && !is_rolling(&json!({})));
}
