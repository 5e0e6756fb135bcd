use llmisvc_api::conditions::ROOT_CAUSES;
use llmisvc_kinds::Kind;
use rstest::rstest;
use serde::Deserialize;

use super::*;
use crate::pods::{Body, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "case")]
    title: String,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    deleting: bool,
    status: Value,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

const POD: &str = "m-kserve-5d8f-a";

fn shown(case: &Case) -> Value {
    let owner = json!({"kind": "ReplicaSet", "name": "m-kserve-5d8f", "controller": true});
    let labels = json!({"app.kubernetes.io/name": "m", "pod-template-hash": "5d8f"});
    let mut spec = json!({"nodeName": "gpu-1", "containers": [{"name": "main"}]});
    for (key, value) in case.spec.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let mut pod = json!({
        "metadata": {"name": POD, "namespace": "ml", "labels": labels, "ownerReferences": [owner]},
        "spec": spec,
        "status": case.status,
    });
    if case.deleting {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    pod
}

fn reduced(pod: &Value) -> Pod {
    Body::deserialize(pod).unwrap().reduce()
}

fn deployment(wanted: i64) -> Workload<'static> {
    Workload { kind: Kind::Deployment, namespace: "ml", name: "m-kserve", newest: None, wanted }
}

fn claims(name: &str) -> Option<Value> {
    let claim = |class: &str, phase: &str, message: &str| {
        let mut status = json!({"phase": phase});
        if !message.is_empty() {
            status["conditions"] = json!([{"type": "X", "status": "True", "message": message}]);
        }
        Some(json!({"spec": {"storageClassName": class, "volumeName": "v"}, "status": status}))
    };
    match name {
        "pending" => claim("fast", "Pending", "no room left."),
        "m-kserve-5d8f-a-pending" => claim("", "Pending", ""),
        "bound" => claim("fast", "Bound", ""),
        "lost" => claim("fast", "Lost", ""),
        _ => None,
    }
}

fn told(workload: &Workload<'_>, pods: &[Pod]) -> Option<Cause> {
    let all: Vec<(&str, Option<Value>)> = ["pending", "m-kserve-5d8f-a-pending", "bound", "lost"]
        .into_iter()
        .map(|name| (name, claims(name)))
        .collect();
    // As the core sees them: through the answer.
    of_workload(workload, &read(&answer(pods)), |name| match all.iter().find(|(known, _)| *known == name) {
        Some((_, Some(claim))) => Claim::Found(claim),
        _ if name == "unknown" => Claim::Unknown,
        _ => Claim::Absent,
    })
}

// G-61, A7
#[test]
fn the_status_of_a_pod_tells_its_trouble() {
    let cases: Vec<Case> = serde_yaml_ng::from_str(include_str!("cases.yaml")).unwrap();
    for case in &cases {
        let expected = (!case.reason.is_empty()).then_some((case.reason.as_str(), case.message.as_str()));
        // Whatever happened to the first, another starts beside it.
        let starts = Pod { template: "5d8f".to_owned(), ..Pod::default() };
        let cause = told(&deployment(1), &[reduced(&shown(case)), starts]);
        let found = cause.as_ref().map(|cause| (cause.reason, cause.message.as_str()));
        assert_eq!(found, expected, "{}", case.title);
    }
    // Those that are told of pods which do not even exist have a test of their own.
    for reason in ROOT_CAUSES.iter().skip(4) {
        assert!(cases.iter().any(|case| case.reason == *reason), "no case for {reason}");
    }
}

fn in_trouble(name: &str, why: Why) -> Pod {
    let trouble = Trouble {
        why,
        owner: "m-kserve-5d8f".to_owned(),
        container: Some("main".to_owned()),
        detail: "fails".to_owned(),
        claims: Vec::new(),
    };
    Pod {
        name: name.to_owned(),
        template: "5d8f".to_owned(),
        trouble: Some(Box::new(trouble)),
        ..Pod::default()
    }
}

#[test]
fn the_gravest_trouble_is_told_with_the_number_of_its_pods() {
    let pods = [
        in_trouble("a", Why::Crash),
        in_trouble("c", Why::Config),
        in_trouble("b", Why::Config),
        Pod::default(),
    ];
    let message =
        "2 of 4 pods: pod b, container main: fails; create what is missing, or correct the reference";
    let expected = Cause { reason: "ContainerConfigError", message: message.to_owned() };
    assert_eq!(told(&deployment(4), &pods), Some(expected));
}

fn owned(owner: &str, template: &str) -> Pod {
    let mut pod = Pod { template: template.to_owned(), ..in_trouble("a", Why::Crash) };
    pod.trouble.as_mut().unwrap().owner = owner.to_owned();
    pod
}

// G-61
#[rstest]
#[case::its_replica_set(Kind::Deployment, "m-kserve-5d8f", "5d8f", true)]
#[case::a_replica_set_of_another_deployment(Kind::Deployment, "m-kserve-prefill-5d8f", "5d8f", false)]
#[case::a_pod_of_nobody(Kind::Deployment, "", "5d8f", false)]
#[case::a_name_alike(Kind::Deployment, "m-kserve", "", false)]
#[case::the_leaders(Kind::LeaderWorkerSet, "m-kserve", "h", true)]
#[case::the_workers_of_a_group(Kind::LeaderWorkerSet, "m-kserve-1", "h", true)]
#[case::another_set(Kind::LeaderWorkerSet, "m-kserve-prefill", "h", false)]
fn only_pods_that_the_workload_controls_count(
    #[case] kind: Kind,
    #[case] owner: &str,
    #[case] template: &str,
    #[case] counts: bool,
) {
    let workload = Workload { kind, ..deployment(1) };
    assert_eq!(told(&workload, &[owned(owner, template)]).is_some(), counts);
}

#[test]
fn older_pods_are_of_no_interest_once_newer_ones_are_there() {
    let pods = [owned("m-kserve-5d8f", "5d8f")];
    let newest = |newest| told(&Workload { newest: Some(newest), ..deployment(1) }, &pods);
    assert!(newest("5d8f").is_some());
    assert_eq!(newest("77aa"), None);
}

#[test]
fn a_pod_that_was_evicted_counts_until_another_serves_in_its_place() {
    let evicted = in_trouble("a", Why::Evicted);
    let starts = Pod { name: "b".to_owned(), template: "5d8f".to_owned(), ..Pod::default() };
    let serves = Pod { ready: true, ..starts.clone() };
    let other = Pod { template: "1".to_owned(), ..serves.clone() };
    let counts = |pods: &[Pod]| !read(&answer(pods)).is_empty();
    assert!(counts(&[evicted.clone(), starts, other.clone()]));
    assert!(!counts(&[evicted.clone(), serves]));
    assert!(!counts(&[evicted, other]), "of a generation that is gone");
}

#[test]
fn pods_that_serve_are_no_part_of_the_answer() {
    let pods = [Pod::default(), in_trouble("a", Why::Crash)];
    assert_eq!(read(&answer(&pods)), [in_trouble("a", Why::Crash)]);
}

#[rstest]
#[case::a_quota(
    "pods \"m-1\" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: 0, limited: 0",
    "QuotaExceeded",
    "raise the ResourceQuota of the namespace, or ask for less"
)]
#[case::a_webhook(
    "admission webhook \"policy.example.com\" denied the request: no root",
    "AdmissionDenied",
    "change what the policy refuses, or the policy"
)]
#[case::pod_security(
    "pods \"m-1\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
    "AdmissionDenied",
    "change what the policy refuses, or the policy"
)]
#[case::an_account(
    "pods \"m-1\" is forbidden: error looking up service account ml/sa: serviceaccount \"sa\" not found",
    "PodCreationFailed",
    "create the ServiceAccount, or name another"
)]
#[case::anything_else("etcd leader changed", "PodCreationFailed", "the message is the API server's")]
fn what_keeps_pods_from_being_made_is_told(#[case] said: &str, #[case] reason: &str, #[case] remedy: &str) {
    let cause = of_creation(said);
    assert_eq!((cause.reason, cause.message), (reason, format!("pods can't be created: {said}; {remedy}")));
}

#[rstest]
#[case::a_signed_url(
    "GET https://u:p@b.s3.example.com/m?X-Amz-Signature=abc failed",
    "GET https://b.s3.example.com/m failed"
)]
#[case::a_token("token=hf_abcdefghijklmnop.", "token=***")]
#[case::no_token("hf_transfer is missing", "hf_transfer is missing")]
#[case::white_space("  a \t b\n", "a b")]
fn nothing_secret_gets_into_a_message(#[case] said: &str, #[case] shown: &str) {
    assert_eq!(text::clean(said), shown);
}

#[test]
fn long_texts_are_cut() {
    let cut = text::clean(&"ä".repeat(1000));
    assert_eq!((cut.chars().count(), cut.ends_with('…')), (241, true));
}
