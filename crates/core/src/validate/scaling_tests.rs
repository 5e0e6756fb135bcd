use llmisvc_kinds::Kind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::settings::Prometheus;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

const NONE: [&str; 0] = [];

fn scaled(scaling: &Value) -> Fixture {
    fixture(with(spec(), "/scaling", scaling.clone()))
}

fn prometheus() -> Prometheus {
    Prometheus { url: "https://p".to_owned(), insecure: false, auth: None }
}

/// A service of prefill and decode, with `scaling` each.
fn pair(decode: &Value, prefill: &Value) -> Fixture {
    let mut all = with(spec(), "/router", json!({"scheduler": {}}));
    all["scaling"] = decode.clone();
    all["prefill"] = json!({"template": template(), "scaling": prefill});
    let mut it = fixture(all);
    it.settings.prometheus = Some(prometheus());
    it
}

#[rstest]
#[case::no_ceiling(
    json!({"wva": {"hpa": {}}}),
    "spec.scaling.maxReplicas: is missing: an autoscaler needs a limit, for example maxReplicas: 8"
)]
#[case::type_(
    json!({"maxReplicas": "8", "wva": {"hpa": {}}}),
    "spec.scaling.maxReplicas: expected an integer, got \"8\""
)]
#[case::floor(
    json!({"minReplicas": 0, "maxReplicas": 8, "wva": {"hpa": {}}}),
    "spec.scaling.minReplicas: 0 is out of range: at least 1"
)]
fn a_scaling_that_cannot_be_is_named(#[case] scaling: Value, #[case] expected: &str) {
    assert_eq!(scaled(&scaling).outcome().findings, [expected]);
}

#[test]
fn a_plain_scaling_has_neither_findings_nor_warnings_and_no_count() {
    let outcome = scaled(&json!({"maxReplicas": 2, "wva": {"hpa": {}}})).outcome();
    assert_eq!((outcome.findings.as_slice(), outcome.warnings.as_slice()), (&[][..], &[][..]));
    let (decode, _) = outcome.workloads.unwrap();
    assert_eq!((decode.replicas, decode.most_replicas()), (None, Some(2)));
}

#[test]
fn a_missing_address_of_metrics_is_a_warning() {
    let mut it = scaled(&json!({"maxReplicas": 2, "wva": {"keda": {}}}));
    let expected = "spec.scaling.wva.keda: no ScaledObject is made or changed while nobody says where its metrics are: set \
                    prometheus.url in key \"autoscaling-wva-controller-config\" of ConfigMap inferenceservice-config";
    assert_eq!(it.outcome().warnings, [expected]);
    it.settings.prometheus = Some(prometheus());
    assert_eq!(it.outcome().warnings, NONE);
}

#[rstest]
#[case::hpa(Kind::HorizontalPodAutoscaler, "llama-kserve-hpa", false)]
#[case::keda(Kind::ScaledObject, "llama-kserve-keda", false)]
#[case::stuck(Kind::ScaledObject, "llama-kserve-keda", true)]
fn a_count_is_taken_back_when_what_scaled_is_gone(
    #[case] kind: Kind,
    #[case] name: &str,
    #[case] deleting: bool,
) {
    let mut it = fixture(with(spec(), "/replicas", json!(2)));
    it.live(kind, name, json!({}));
    it.live.get_mut(&(kind, name.to_owned())).unwrap().deleting = deleting;
    let outcome = it.outcome();
    assert_eq!(outcome.workloads.unwrap().0.replicas, None);
    let why =
        if deleting { ": it is being deleted and waits for its finalizers, which KEDA removes" } else { "" };
    let expected = format!(
        "spec.replicas: 2 is written when {kind} {name}, which scales the workload until then, is gone{why}"
    );
    assert_eq!(outcome.warnings, [expected]);
}

#[test]
fn what_others_have_under_the_name_of_an_autoscaler_does_not_count() {
    let mut it = fixture(with(spec(), "/replicas", json!(2)));
    it.live(Kind::HorizontalPodAutoscaler, "llama-kserve-hpa", json!({}));
    let slot = (Kind::HorizontalPodAutoscaler, "llama-kserve-hpa".to_owned());
    it.live.get_mut(&slot).unwrap().controller = Some("another".to_owned());
    // That of the other workload does not, either.
    it.live(Kind::ScaledObject, "llama-kserve-prefill-keda", json!({}));
    let outcome = it.outcome();
    assert_eq!((outcome.workloads.unwrap().0.replicas, outcome.warnings), (Some(2), Vec::new()));
}

fn keda(idle: Option<i64>, cron: &str) -> Value {
    let trigger = json!({"type": "cron", "metadata": {"start": cron}});
    json!({"maxReplicas": 4, "keda": {"idleReplicaCount": idle, "triggers": [trigger]}})
}

#[test]
fn roles_that_sleep_by_different_rules_are_warned_of() {
    let advice = "set idleReplicaCount: 0 and the same triggers for both prefill and decode, so that they go to zero and \
                  come back together";
    let decode = format!("spec.scaling: decode may have no replicas while prefill has some: {advice}");
    let prefill =
        format!("spec.prefill.scaling: prefill may have no replicas while decode has some: {advice}");
    let wva = json!({"maxReplicas": 4, "wva": {"keda": {"idleReplicaCount": 0}}});
    for (one, other, expected) in [
        (keda(Some(0), "a"), keda(Some(0), "a"), None),
        (keda(None, "a"), keda(None, "b"), None),
        (wva.clone(), wva, None),
        (keda(Some(0), "a"), keda(Some(0), "b"), Some(&decode)),
        (keda(Some(0), "a"), keda(None, "a"), Some(&decode)),
        (keda(None, "a"), keda(Some(0), "a"), Some(&prefill)),
        (keda(Some(0), "a"), Value::Null, Some(&decode)),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        let outcome = pair(&one, &other).outcome();
        assert_eq!((outcome.findings, outcome.warnings), (NONE.map(str::to_owned).to_vec(), expected));
    }
}

#[test]
fn the_name_of_groups_has_room_for_the_last_of_them() {
    // `replicas` says how many there will be at most, and so does `maxReplicas`.
    let mut all = with(spec(), "/worker", template());
    all["parallelism"] = json!({"pipeline": 2, "tensor": 1});
    all["scaling"] = json!({"maxReplicas": 1000, "wva": {"hpa": {}}});
    let mut it = fixture(all);
    it.service["metadata"]["name"] = json!("a".repeat(39));
    assert_eq!(it.outcome().findings.len(), 1);
    it.service["spec"]["scaling"]["maxReplicas"] = json!(10);
    assert_eq!(it.outcome().findings, NONE);
}
