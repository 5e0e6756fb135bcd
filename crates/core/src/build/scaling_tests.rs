use llmisvc_kinds::Kind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::build::scheduler_config::{MARK, pair, parse};
use crate::settings::{Prometheus, TriggerAuth};
use crate::valid::{Scaler, Scaling};
use crate::validate::fixture::{Fixture, fixture, spec, template, with};
use crate::validate::routing::fixture::{World, spec as routed};

fn metadata(name: &str, labels: &Value, annotations: &Value) -> Value {
    let mut metadata = json!({
        "name": name,
        "namespace": "ns",
        "labels": {
            "app.kubernetes.io/name": "llama",
            "app.kubernetes.io/part-of": "llminferenceservice",
            "app.kubernetes.io/component": "llminferenceservice-workload",
        },
        "ownerReferences": [{
            "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "name": "llama",
            "uid": "uid-1", "controller": true, "blockOwnerDeletion": true,
        }],
    });
    crate::tree::overlay(&mut metadata["labels"], labels);
    if annotations.is_object() {
        metadata["annotations"] = annotations.clone();
    }
    metadata
}

fn accelerator(name: &str) -> Value {
    json!({"inference.optimization/acceleratorName": name})
}

fn managed(cost: &str) -> Value {
    json!({"llm-d.ai/managed": "true", "llm-d.ai/model-id": "m", "llm-d.ai/variant-cost": cost})
}

/// `members` in the main workload and in prefill, on one node or on several.
fn service(members: &Value, groups: bool) -> Fixture {
    let mut workload = json!({"template": template()});
    if groups {
        workload["worker"] = template();
        workload["parallelism"] = json!({"pipeline": 2, "tensor": 1});
    }
    crate::tree::overlay(&mut workload, members);
    let mut all = with(spec(), "/router", json!({"scheduler": {}}));
    crate::tree::overlay(&mut all, &workload);
    all["prefill"] = workload;
    let mut it = fixture(all);
    let url = "https://prometheus:9090".to_owned();
    it.settings.prometheus = Some(Prometheus { url, insecure: false, auth: None });
    it
}

/// Role, several nodes, suffix of the autoscaler, target.
#[rstest]
#[case::decode(false, "", ("apps/v1", "Deployment", "llama-kserve"))]
#[case::prefill(false, "-prefill", ("apps/v1", "Deployment", "llama-kserve-prefill"))]
#[case::decode_groups(true, "", ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "llama-kserve-mn"))]
#[case::prefill_groups(true, "-prefill", ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "llama-kserve-mn-prefill"))]
fn each_mode_is_an_object_for_each_workload(
    #[case] groups: bool,
    #[case] suffix: &str,
    #[case] (api, kind, target): (&str, &str, &str),
) {
    let target = json!({"apiVersion": api, "kind": kind, "name": target});
    // G-53: an average over the replicas, of metrics of this namespace
    follows_the_variant_autoscaler(groups, suffix, &target);
    follows_it_through_keda(groups, suffix, &target);
    follows_triggers(groups, suffix, &target);
}

fn follows_the_variant_autoscaler(groups: bool, suffix: &str, target: &Value) {
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 120}});
    let scaling = json!({"minReplicas": 2, "maxReplicas": 8, "wva": {"variantCost": "40", "hpa": {"behavior": behavior}}});
    let name = format!("llama-kserve{suffix}-hpa");
    let expected = json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(&name, &accelerator("H100"), &managed("40")),
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": {
                        "name": "wva_desired_replicas",
                        "selector": {"matchLabels": {"variant_name": name, "exported_namespace": "ns"}},
                    },
                    "target": {"type": "AverageValue", "averageValue": "1"},
                },
            }],
            "behavior": behavior,
        },
    });
    let it = service(&json!({"labels": accelerator("H100"), "scaling": scaling}), groups);
    assert_eq!(it.object(Kind::HorizontalPodAutoscaler, &name), expected);
    assert!(it.objects().iter().all(|object| object.kind != Kind::ScaledObject));
}

fn query(name: &str) -> String {
    format!("wva_desired_replicas{{variant_name=\"{name}\",exported_namespace=\"ns\"}}")
}

fn trigger(name: &str, query: &str) -> Value {
    json!({
        "type": "prometheus",
        "name": name,
        "metadata": {
            "serverAddress": "https://prometheus:9090", "query": query, "threshold": "1", "unsafeSsl": "false",
        },
    })
}

fn follows_it_through_keda(groups: bool, suffix: &str, target: &Value) {
    let keda = json!({
        "pollingInterval": 15,
        "cooldownPeriod": 300,
        "initialCooldownPeriod": 60,
        "idleReplicaCount": 1,
        "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "static"},
        "advanced": {
            "restoreToOriginalReplicaCount": true,
            "horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"selectPolicy": "Max"}}, "name": ""},
            "scalingModifiers": {"formula": ""},
        },
    });
    let name = format!("llama-kserve{suffix}-keda");
    let mut spec = keda.clone();
    spec["advanced"] = json!({
        "restoreToOriginalReplicaCount": true,
        "horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"selectPolicy": "Max"}}},
    });
    let rest = json!({
        "scaleTargetRef": target,
        "minReplicaCount": 2,
        "maxReplicaCount": 8,
        "triggers": [trigger("wva-desired-replicas", &query(&name))],
    });
    crate::tree::overlay(&mut spec, &rest);
    let expected = json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(&name, &accelerator("unknown"), &managed("10.0")),
        "spec": spec,
    });
    let scaling = json!({"minReplicas": 2, "maxReplicas": 8, "wva": {"keda": keda}});
    let it = service(&json!({"scaling": scaling}), groups);
    assert_eq!(it.object(Kind::ScaledObject, &name), expected);
    assert!(it.objects().iter().all(|object| object.kind != Kind::HorizontalPodAutoscaler));
}

fn follows_triggers(groups: bool, suffix: &str, target: &Value) {
    let triggers = json!([
        {"type": "cron", "name": "night", "metadata": {"timezone": "UTC"}, "useCachedMetrics": false,
         "metricType": "AverageValue", "authenticationRef": {"name": "x", "kind": "TriggerAuthentication"}},
        {"type": "cpu", "metadata": {"value": "60"}, "name": null},
    ]);
    let modifiers = json!({"formula": "night + 1", "target": "2", "metricType": "AverageValue"});
    let advanced = json!({"scalingModifiers": modifiers});
    let keda = json!({"idleReplicaCount": 0, "advanced": advanced, "triggers": triggers});
    let name = format!("llama-kserve{suffix}-keda");
    let mut emitted = triggers.clone();
    emitted[1].as_object_mut().unwrap().remove("name");
    let expected = json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(&name, &json!({}), &Value::Null),
        "spec": {
            "scaleTargetRef": target, "minReplicaCount": 1, "maxReplicaCount": 8, "idleReplicaCount": 0,
            "advanced": advanced, "triggers": emitted,
        },
    });
    let it = service(&json!({"scaling": {"maxReplicas": 8, "keda": keda}}), groups);
    assert_eq!(it.object(Kind::ScaledObject, &name), expected);
}

fn by_wva(keda: &Value) -> Value {
    json!({"scaling": {"maxReplicas": 4, "wva": {"keda": keda}}})
}

#[test]
fn keda_says_who_it_is_as_the_settings_say() {
    let mut it = service(&by_wva(&json!({})), false);
    let kind = Some("ClusterTriggerAuthentication".to_owned());
    let auth = TriggerAuth { modes: "bearer".to_owned(), name: "thanos".to_owned(), kind };
    let url = "https://prometheus:9090".to_owned();
    it.settings.prometheus = Some(Prometheus { url, insecure: true, auth: Some(auth) });
    let mut expected = trigger("wva-desired-replicas", &query("llama-kserve-keda"));
    expected["metadata"]["unsafeSsl"] = json!("true");
    expected["metadata"]["authModes"] = json!("bearer");
    expected["authenticationRef"] = json!({"name": "thanos", "kind": "ClusterTriggerAuthentication"});
    let object = it.object(Kind::ScaledObject, "llama-kserve-keda");
    assert_eq!(object["spec"]["triggers"], json!([expected]));
}

#[test]
fn prefill_and_decode_are_awake_while_any_of_them_is_wanted() {
    let it = service(&by_wva(&json!({"idleReplicaCount": 0})), false);
    let (decode, prefill) = (query("llama-kserve-keda"), query("llama-kserve-prefill-keda"));
    let both = trigger("wva-any-wanted", &format!("clamp_max(sum({decode} or {prefill}), 1)"));
    for (name, own) in [("llama-kserve-keda", decode), ("llama-kserve-prefill-keda", prefill)] {
        let expected = json!([trigger("wva-desired-replicas", &own), both]);
        assert_eq!(it.object(Kind::ScaledObject, name)["spec"]["triggers"], expected);
    }
}

#[test]
fn without_the_address_of_the_metrics_there_is_no_scaled_object() {
    let mut it = service(&by_wva(&json!({})), false);
    it.settings.prometheus = None;
    assert!(it.objects().iter().all(|object| object.kind != Kind::ScaledObject));
}

#[test]
fn what_scales_writes_the_count_and_a_stopped_service_has_nothing_that_scales() {
    let mut it = service(&by_wva(&json!({})), false);
    assert_eq!(it.deployment()["spec"]["replicas"], Value::Null);
    it.annotate("serving.kserve.io/stop", "true");
    assert_eq!(it.objects(), []);
}

#[test]
fn requests_for_a_workload_that_may_have_no_replicas_wait_in_the_picker() {
    let picker = |idle: Value, live: Option<&str>| {
        let mut world = World::new();
        if let Some(text) = live {
            let container = json!({"name": "main", "args": ["--config-text", text]});
            let body = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
            world.live(Kind::Deployment, "llama-kserve-router-scheduler", body);
        }
        let mut service = world.valid(&routed(json!({"scheduler": {}})));
        let settings = serde_json::Map::from_iter([("idleReplicaCount".to_owned(), idle)]);
        service.decode.scaling =
            Some(Scaling { min: 1, max: 8, by: Scaler::Keda { settings, triggers: Vec::new() } });
        let objects = crate::build::routing::objects(&service);
        let picker = objects.into_iter().find(|object| object.kind == Kind::Deployment).unwrap().body;
        let args = picker["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
        let text = pair(&args).unwrap().1;
        (picker["metadata"]["annotations"][MARK].clone(), parse(&text).unwrap(), text)
    };
    let (mark, plain, text) = picker(json!(1), None);
    assert_eq!((mark, &plain["featureGates"]), (json!("default"), &Value::Null));
    let mut holding = plain;
    holding["featureGates"] = json!(["flowControl"]);
    for live in [None, Some(text.as_str())] {
        let (mark, document, _) = picker(json!(0), live);
        assert_eq!((mark, &document), (json!("default+hold"), &holding));
    }
}
