use super::*;
use crate::settings::Prometheus;
use crate::valid::{Scaler, Scaling, Variant, Workload};

fn variant() -> Variant {
    Variant { accelerator: "unknown".to_owned(), cost: "10.0".to_owned() }
}

fn by(by: Scaler) -> Scaling {
    Scaling { min: 1, max: 8, by }
}

fn hpa() -> Scaling {
    by(Scaler::Hpa { variant: variant(), behavior: Value::Null })
}

fn wva(prometheus: Option<Prometheus>) -> Scaling {
    by(Scaler::Wva { variant: variant(), settings: serde_json::Map::new(), prometheus })
}

fn keda() -> Scaling {
    by(Scaler::Keda { settings: serde_json::Map::new(), triggers: Vec::new() })
}

/// A decision on a service whose workloads are scaled so.
fn scaled(world: &mut World, scaling: &Scaling) -> Decision {
    let mut decision = decided(world, &json!({}));
    let service = &mut decision.outcome.as_mut().unwrap().service;
    let of = |workload: &mut Workload| {
        workload.replicas = None;
        workload.scaling = Some(scaling.clone());
    };
    of(&mut service.decode);
    service.prefill.iter_mut().for_each(of);
    decision
}

/// The line of one condition, with this live object.
fn judged(scaling: &Scaling, live: Option<(Kind, &str, Value)>, kind: &str) -> String {
    let mut world = World::new();
    world.prefill = kind.starts_with("Prefill");
    if let Some((kind, name, body)) = live {
        world.live(kind, name, body);
    }
    let decision = scaled(&mut world, scaling);
    line(&report(&world, &decision, &[]), kind)
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message})
}

fn autoscaler(conditions: &[Value]) -> Value {
    let name = "wva_desired_replicas";
    json!({
        "spec": {"minReplicas": 1, "maxReplicas": 8, "metrics": [
            {"type": "External", "external": {"metric": {"name": name}, "target": {"averageValue": "1"}}},
        ]},
        "status": {"desiredReplicas": 3, "conditions": conditions, "currentMetrics": [
            {"type": "External", "external": {"metric": {"name": name}, "current": {"averageValue": "1500m"}}},
        ]},
    })
}

#[test]
fn an_autoscaler_of_kubernetes_says_what_it_wants_and_why_it_does_not() {
    let path = "HorizontalPodAutoscaler ml/llama-kserve-hpa";
    let able = || condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches");
    let active = |status, reason, message| condition("ScalingActive", status, reason, message);
    let fine = "wants 3 replicas (1 to 8): wva_desired_replicas is 1500m a replica, target 1";
    let cases = [
        (vec![], format!("False HPAProgressing: {path} has no status yet")),
        (vec![able(), active("True", "ValidMetricFound", "it can")], format!("True : {path} {fine}")),
        (
            vec![able(), condition("ScalingLimited", "True", "TooManyReplicas", "more than the maximum")],
            format!("True : {path} {fine}; limited: more than the maximum"),
        ),
        (
            vec![condition("AbleToScale", "False", "FailedGetScale", "100% gone")],
            format!("False FailedGetScale: {path}: 100% gone"),
        ),
        (
            vec![able(), active("False", "FailedGetExternalMetric", "no metrics")],
            format!(
                "False FailedGetExternalMetric: {path}: no metrics; do the workload variant autoscaler and an adapter \
                 for external metrics run, and has the adapter a rule for the metric?"
            ),
        ),
        (vec![able(), active("False", "ScalingDisabled", "no replicas")], format!("True : {path} {fine}")),
    ];
    for (conditions, expected) in cases {
        let live = (Kind::HorizontalPodAutoscaler, "llama-kserve-hpa", autoscaler(&conditions));
        assert_eq!(judged(&hpa(), Some(live), "ScalingReady"), format!("ScalingReady={expected}"));
    }
    let mut early = autoscaler(&[able()]);
    early["status"]["currentMetrics"] = Value::Null;
    let live = (Kind::HorizontalPodAutoscaler, "llama-kserve-prefill-hpa", early);
    assert_eq!(
        judged(&hpa(), Some(live), "PrefillScalingReady"),
        "PrefillScalingReady=True : HorizontalPodAutoscaler ml/llama-kserve-prefill-hpa wants 3 replicas (1 to 8): \
         wva_desired_replicas, target 1 a replica"
    );
    assert_eq!(
        judged(&hpa(), None, "ScalingReady"),
        format!("ScalingReady=False HPAProgressing: {path} has not been created yet")
    );
}

fn scaled_object(conditions: &[Value]) -> Value {
    json!({
        "spec": {"minReplicaCount": 1, "maxReplicaCount": 8, "idleReplicaCount": 0, "triggers": [
            {"type": "prometheus", "name": "queue", "metadata": {"threshold": "5"}}, {"type": "cron", "metadata": {}},
        ]},
        "status": {"hpaName": "keda-hpa-llama-kserve-keda", "conditions": conditions},
    })
}

#[test]
fn a_scaled_object_says_what_it_goes_by_and_why_it_does_not() {
    let path = "ScaledObject ml/llama-kserve-keda";
    let fine = format!("True : {path} scales from 1 to 8 replicas, 0 when idle, by queue (target 5), cron");
    let ready = || condition("Ready", "True", "ScaledObjectReady", "is defined correctly");
    let waits = format!("False ScaledObjectProgressing: {path} has no status yet: does KEDA run?");
    let cases = [
        (vec![], waits.clone()),
        (vec![condition("Ready", "Unknown", "", "")], waits),
        (vec![condition("Ready", "False", "", "?")], format!("False ScaledObjectProgressing: {path}: ?")),
        (
            vec![condition("Ready", "False", "ScaledObjectCheckFailed", "no such target")],
            format!("False ScaledObjectCheckFailed: {path}: no such target"),
        ),
        (vec![ready(), condition("Active", "True", "", "")], fine.clone()),
        (vec![ready(), condition("Active", "False", "", "")], format!("{fine}; idle")),
        (
            vec![ready(), condition("Fallback", "True", "", ""), condition("Paused", "True", "", "")],
            format!("{fine}; paused; metrics fail, on fallback"),
        ),
    ];
    for (conditions, expected) in cases {
        let live = (Kind::ScaledObject, "llama-kserve-keda", scaled_object(&conditions));
        assert_eq!(judged(&keda(), Some(live), "ScalingReady"), format!("ScalingReady={expected}"));
    }
    assert_eq!(
        judged(&keda(), None, "PrefillScalingReady"),
        "PrefillScalingReady=False ScaledObjectProgressing: ScaledObject ml/llama-kserve-prefill-keda has not been \
         created yet"
    );
}

#[test]
fn the_autoscaler_that_keda_made_is_heard() {
    let mut world = World::new();
    let ready = condition("Ready", "True", "ScaledObjectReady", "");
    world.live(Kind::ScaledObject, "llama-kserve-keda", scaled_object(&[ready]));
    let failed = condition("ScalingActive", "False", "FailedGetExternalMetric", "no metrics");
    world.live(Kind::HorizontalPodAutoscaler, "keda-hpa-llama-kserve-keda", autoscaler(&[failed]));
    let decision = scaled(&mut world, &keda());
    let found = line(&report(&world, &decision, &[]), "ScalingReady");
    assert!(
        found.starts_with("ScalingReady=True ") && found.ends_with("; FailedGetExternalMetric: no metrics")
    );
}

#[test]
fn a_missing_address_of_metrics_is_named() {
    let message = "needs the address of the metrics: set prometheus.url in key \"autoscaling-wva-controller-config\" of \
                   ConfigMap kserve/inferenceservice-config";
    let expected =
        format!("ScalingReady=False ReconcileScalingError: ScaledObject ml/llama-kserve-keda {message}");
    assert_eq!(judged(&wva(None), None, "ScalingReady"), expected);
    let live = (Kind::ScaledObject, "llama-kserve-keda", scaled_object(&[]));
    let stays = format!("{expected}; the one that is there stays as it is");
    assert_eq!(judged(&wva(None), Some(live), "ScalingReady"), stays);
}

#[test]
fn a_missing_crd_is_a_condition_of_its_own_and_routing_goes_on() {
    // G-55
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", deployment(1));
    let decision = scaled(&mut world, &keda());
    let refusal = |name: &str, reason| Refusal {
        kind: Kind::ScaledObject,
        name: name.to_owned(),
        reason,
        message: "5% wrong".to_owned(),
    };
    let missing = report(&world, &decision, &[refusal("llama-kserve-keda", RefusalReason::NotServed)]);
    let why = "False ScalingCRDNotFound: the cluster does not serve ScaledObject (keda.sh/v1alpha1); install KEDA, which \
               brings the CustomResourceDefinition scaledobjects.keda.sh, or use scaling.wva.hpa, or remove scaling";
    assert_eq!(line(&missing, "ScalingReady"), format!("ScalingReady={why}"));
    assert_eq!(line(&missing, "MainWorkloadReady"), "MainWorkloadReady=True");
    assert_eq!(line(&missing, "RouterReady"), "RouterReady=True");
    assert_eq!(line(&missing, "WorkloadsReady"), format!("WorkloadsReady={why}"));
    let refused = report(&world, &decision, &[refusal("llama-kserve-prefill-keda", RefusalReason::Invalid)]);
    assert_eq!(
        line(&refused, "PrefillScalingReady"),
        "PrefillScalingReady=False ReconcileScalingError: the API server refused ScaledObject \
         ml/llama-kserve-prefill-keda: 5% wrong"
    );
}

#[test]
fn nothing_scales_a_stopped_service_and_one_that_does_not_ask_for_it() {
    let mut world = World::new();
    world.live(Kind::HorizontalPodAutoscaler, "llama-kserve-hpa", autoscaler(&[]));
    assert_eq!(line(&status_of(&mut world, &json!({})), "ScalingReady"), "");
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    let decision = scaled(&mut world, &hpa());
    assert_eq!(line(&report(&world, &decision, &[]), "ScalingReady"), "");
}

#[test]
fn while_nothing_is_decided_what_lives_is_judged() {
    let mut world = World::new();
    world.live(Kind::HorizontalPodAutoscaler, "llama-kserve-hpa", autoscaler(&[]));
    let found = line(&report(&world, &faulty("CombineBaseError"), &[]), "ScalingReady");
    assert!(found.starts_with("ScalingReady=False HPAProgressing"), "{found}");
}

/// A picker that runs with this configuration.
fn picker(gates: &str) -> Value {
    let mut picker = deployment(1);
    let config = format!("kind: EndpointPickerConfig\nfeatureGates: {gates}\n");
    let containers = json!([{"name": "other"}, {"name": "main", "args": ["--config-text", config]}]);
    picker["spec"]["template"] = json!({"spec": {"containers": containers}});
    picker
}

fn at_rest() -> Value {
    let mut live = deployment(0);
    live["status"] = json!({"observedGeneration": 1, "conditions": live["status"]["conditions"]});
    live
}

const NO_REPLICAS: &str = "Deployment ml/llama-kserve has no replicas";

#[test]
fn no_replicas_on_purpose_are_a_state_of_their_own() {
    let holds = "requests wait in the endpoint picker until the autoscaler has started one";
    let fails = "requests fail until the autoscaler has started one: nothing holds them, see docs/scaling.md";
    let ready = condition("Ready", "True", "ScaledObjectReady", "");
    for (gates, expected) in [(Some("[flowControl]"), holds), (Some("[]"), fails), (None, fails)] {
        let mut world = World::new();
        world.live(Kind::Deployment, "llama-kserve", at_rest());
        world.live(Kind::ScaledObject, "llama-kserve-keda", scaled_object(std::slice::from_ref(&ready)));
        if let Some(gates) = gates {
            world.live(Kind::Deployment, "llama-kserve-router-scheduler", picker(gates));
        }
        let decision = scaled(&mut world, &keda());
        let status = report(&world, &decision, &[]);
        let asleep = format!("True ScaledToZero: {NO_REPLICAS}; {expected}");
        for kind in ["MainWorkloadReady", "WorkloadsReady", "Ready"] {
            assert_eq!(line(&status, kind), format!("{kind}={asleep}"));
        }
        assert_eq!(line(&status, "RouterReady"), "RouterReady=True");
        assert_eq!(status["replicas"], 0);
    }
}

#[test]
fn whoever_scaled_to_zero_by_hand_is_told_so() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", at_rest());
    let status = status_of(&mut world, &json!({}));
    let expected = format!("Ready=True ScaledToZero: {NO_REPLICAS}; scale it up to serve requests");
    assert_eq!(line(&status, "Ready"), expected);
}

#[test]
fn pods_that_still_go_and_a_change_that_nobody_has_seen_are_not_zero_yet() {
    for change in [json!({"status": {"replicas": 1}}), json!({"metadata": {"generation": 2}})] {
        let mut world = World::new();
        let mut live = at_rest();
        tree::overlay(&mut live, &change);
        world.live(Kind::Deployment, "llama-kserve", live);
        let status = status_of(&mut world, &json!({}));
        assert!(line(&status, "Ready").starts_with("Ready=False Progressing"), "{change}");
    }
}

#[test]
fn what_is_wrong_elsewhere_comes_before_sleep() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", at_rest());
    let decision = scaled(&mut world, &hpa());
    let status = report(&world, &decision, &[]);
    assert!(line(&status, "MainWorkloadReady").starts_with("MainWorkloadReady=True ScaledToZero"));
    assert!(line(&status, "Ready").starts_with("Ready=False HPAProgressing"), "{:?}", lines(&status));
}

#[test]
fn one_role_without_the_other_is_said() {
    let awake = |name: &str| (Kind::Deployment, name.to_owned(), deployment(2));
    let asleep = |name: &str| (Kind::Deployment, name.to_owned(), at_rest());
    let (decode, prefill) = ("llama-kserve", "llama-kserve-prefill");
    let prefill_alone = "; scale it up to serve requests; prefill has 2 meanwhile, of no use";
    for (live, main, other, ready) in [
        (
            [asleep(decode), awake(prefill)],
            format!("True ScaledToZero: {NO_REPLICAS}{prefill_alone}"),
            "True".to_owned(),
            format!("True ScaledToZero: {NO_REPLICAS}{prefill_alone}"),
        ),
        (
            [awake(decode), asleep(prefill)],
            "True".to_owned(),
            "True ScaledToZero: Deployment ml/llama-kserve-prefill has no replicas while decode has 2"
                .to_owned(),
            "True".to_owned(),
        ),
        (
            [asleep(decode), asleep(prefill)],
            format!("True ScaledToZero: {NO_REPLICAS}; scale it up to serve requests"),
            "True ScaledToZero: Deployment ml/llama-kserve-prefill has no replicas".to_owned(),
            format!("True ScaledToZero: {NO_REPLICAS}; scale it up to serve requests"),
        ),
    ] {
        let mut world = World::new();
        world.prefill = true;
        for (kind, name, body) in live {
            world.live(kind, &name, body);
        }
        let status = status_of(&mut world, &json!({}));
        assert_eq!(line(&status, "MainWorkloadReady"), format!("MainWorkloadReady={main}"));
        assert_eq!(line(&status, "PrefillWorkloadReady"), format!("PrefillWorkloadReady={other}"));
        assert_eq!(line(&status, "Ready"), format!("Ready={ready}"));
    }
}

#[test]
fn groups_go_to_zero_as_well() {
    let mut world = World::new();
    let live = json!({"spec": {"replicas": 0}, "status": {"conditions": [{"type": "Available", "status": "False"}]}});
    world.live(Kind::LeaderWorkerSet, "llama-kserve-mn", live);
    let decision = groups::groups(&mut world);
    let status = report(&world, &decision, &[]);
    let expected = "Ready=True ScaledToZero: LeaderWorkerSet ml/llama-kserve-mn has no replicas; scale it up to serve \
                    requests";
    assert_eq!(line(&status, "Ready"), expected);
}
