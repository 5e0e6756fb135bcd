use kube_cel::Validator;
use serde_json::{Value, json};

use super::{CRDS, node, schema_of};
use crate::crd::{cel, nodes};
use crate::version::Version;

/// What the rules of the service's schema say about a spec; both versions say the same.
fn messages(spec: &Value) -> Vec<String> {
    let [older, newer] = Version::ALL.map(|version| {
        let result = Validator::new().validate(schema_of(&CRDS[0], version), &json!({"spec": spec}), None);
        let errors = result.err().into_iter().flatten();
        errors.map(|e| e.message).collect::<Vec<String>>()
    });
    assert!(older == newer || spec.get("kvCacheOffloading").is_some(), "{older:?} {newer:?}");
    newer
}

/// Rule, a spec that it refuses, and a similar one that it lets pass.
fn cases() -> Vec<(&'static str, Value, Value)> {
    let wva = |keda: Value, min: Value| json!({"scaling": {"minReplicas": min, "maxReplicas": 4, "wva": {"keda": keda}}});
    let with_min = |mut spec: Value| {
        if spec["scaling"]["minReplicas"].is_null() {
            spec["scaling"].as_object_mut().unwrap().remove("minReplicas");
        }
        spec
    };
    let wva = move |keda, min| with_min(wva(keda, min));
    let direct = |keda: Value| json!({"scaling": {"minReplicas": 2, "maxReplicas": 4, "keda": keda}});
    let hpa = json!({"maxReplicas": 3, "wva": {"hpa": {}}});
    let trigger = json!([{"type": "cron", "metadata": {}}]);
    let only_max = |mut more: Value| {
        more["maxReplicas"] = json!(3);
        json!({"scaling": more})
    };
    let modifiers = |m: Value| wva(json!({"advanced": {"scalingModifiers": m}}), Value::Null);
    let hpa_name = |name: Value| json!({"advanced": {"horizontalPodAutoscalerConfig": name}});
    vec![
        ("C1", json!({"replicas": 1, "scaling": hpa}), json!({"scaling": hpa})),
        (
            "C1",
            json!({"prefill": {"replicas": 1, "scaling": hpa}}),
            json!({"replicas": 1, "prefill": {"scaling": hpa}}),
        ),
        ("C2", only_max(json!({})), only_max(json!({"keda": {"triggers": trigger}}))),
        ("C3", only_max(json!({"wva": {"hpa": {}}, "keda": {"triggers": trigger}})), json!({"scaling": hpa})),
        ("C4", only_max(json!({"keda": {"triggers": []}})), only_max(json!({"keda": {"triggers": trigger}}))),
        (
            "C5",
            only_max(json!({"minReplicas": 4, "wva": {"hpa": {}}})),
            only_max(json!({"minReplicas": 3, "wva": {"hpa": {}}})),
        ),
        (
            "C6",
            wva(json!({"idleReplicaCount": 1}), Value::Null),
            wva(json!({"idleReplicaCount": 0}), Value::Null),
        ),
        ("C7", wva(json!({"idleReplicaCount": 2}), json!(2)), wva(json!({"idleReplicaCount": 1}), json!(2))),
        (
            "C8",
            only_max(json!({"keda": {"triggers": trigger, "idleReplicaCount": 1}})),
            only_max(json!({"keda": {"triggers": trigger, "idleReplicaCount": 0}})),
        ),
        (
            "C9",
            direct(json!({"triggers": trigger, "idleReplicaCount": 2})),
            direct(json!({"triggers": trigger, "idleReplicaCount": 1})),
        ),
        ("C10", modifiers(json!({"formula": "a"})), modifiers(json!({"formula": "", "target": ""}))),
        (
            "C10",
            modifiers(json!({"metricType": "Value"})),
            wva(json!({"advanced": {"restoreToOriginalReplicaCount": true}}), Value::Null),
        ),
        ("C11", only_max(json!({"wva": {"hpa": {}, "keda": {}}})), only_max(json!({"wva": {"keda": {}}}))),
        ("C12", only_max(json!({"wva": {}})), only_max(json!({"wva": {"hpa": {}}}))),
        ("C13", wva(hpa_name(json!({"name": "x"})), Value::Null), wva(hpa_name(json!({})), Value::Null)),
        (
            "C13",
            direct(
                json!({"triggers": trigger, "advanced": {"horizontalPodAutoscalerConfig": {"name": "x"}}}),
            ),
            direct(json!({"triggers": trigger, "advanced": {"scalingModifiers": {"formula": "a"}}})),
        ),
    ]
}

#[test]
fn every_cel_rule_refuses_one_spec_and_lets_a_similar_one_pass() {
    // E-1: `advanced` without the members that the rules look at is fine. E-2: C6 and C8 can fire.
    let all = [cel::WORKLOAD, cel::SCALING, cel::WVA, cel::KEDA].concat();
    for (id, bad, good) in cases() {
        let expected = all.iter().find(|rule| rule.id == id).unwrap().message;
        assert_eq!(messages(&bad), [expected], "{id}: {bad}");
        assert_eq!(messages(&good), Vec::<String>::new(), "{id}: {good}");
    }
    let tested: Vec<&str> = cases().iter().map(|(id, ..)| *id).collect();
    assert!(all.iter().all(|rule| tested.contains(&rule.id)));
}

#[test]
fn enums_and_bounds_are_those_of_the_reference() {
    let service = &CRDS[0];
    let policy = |value: &str| json!({"kvCacheOffloading": {"evictionPolicy": value}});
    assert_eq!(messages(&policy("fifo")), [r#"supported values: ["lru","arc"]"#]);
    assert_eq!(messages(&policy("arc")), Vec::<String>::new());
    assert_eq!(
        node(service, "prefill.parallelism.dataRPCPort"),
        &json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535, "nullable": true})
    );
    assert_eq!(node(service, "router.gateway.refs.[].sectionName")["pattern"], json!(nodes::DNS_SUBDOMAIN));
}
