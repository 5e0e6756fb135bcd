use serde_json::{Value, json};

use super::*;

#[allow(clippy::needless_pass_by_value)] // reads better in the tests
fn answer(spec: Value) -> Answer {
    check("LLMInferenceService", "v1alpha2", &json!({"metadata": {"name": "m", "x": 1}, "spec": spec}))
}

fn lines(said: &[Said]) -> Vec<String> {
    said.iter().map(ToString::to_string).collect()
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let found =
        answer(json!({"replicas": "many", "parallelism": {"tensor": 0, "expert": 1}, "labels": {"a": 1}}));
    assert_eq!(
        lines(&found.refused),
        [
            "spec.labels.a: must be of type string: \"number\"",
            "spec.parallelism.expert: must be of type boolean: \"number\"",
            "spec.parallelism.tensor: should be greater than or equal to 1",
            "spec.replicas: must be of type integer: \"string\"",
        ]
    );
}

#[test]
fn a_field_that_no_schema_has_is_said_and_not_refused() {
    let found = answer(json!({"modell": {}, "router": {"rout": {}}, "template": {"anything": 1}}));
    assert_eq!(found.refused, []);
    let lost = "unknown field: kubectl refuses it, and other clients lose it";
    assert_eq!(lines(&found.unknown), [format!("spec.modell: {lost}"), format!("spec.router.rout: {lost}")]);
}

#[test]
fn null_stands_for_what_may_be_absent_in_rules_too() {
    assert_eq!(answer(json!({"replicas": null, "scaling": null, "model": null})), Answer::default());
    assert_eq!(
        answer(json!({"replicas": null, "scaling": {"maxReplicas": 1, "wva": {"hpa": {}}}})),
        Answer::default()
    );
}

#[test]
fn rules_are_read_beside_bounds_and_not_beside_wrong_types() {
    let both = json!({"replicas": -1, "scaling": {"maxReplicas": 1, "wva": {"hpa": {}}}});
    assert_eq!(answer(both).refused.len(), 2);
    let mistyped = json!({"replicas": "1", "scaling": {"maxReplicas": 1, "wva": {"hpa": {}}}});
    assert_eq!(lines(&answer(mistyped).refused), ["spec.replicas: must be of type integer: \"string\""]);
}

#[test]
fn a_number_is_whole_and_has_32_bits() {
    let replicas = |n: Value| lines(&answer(json!({"replicas": n})).refused);
    assert_eq!(replicas(json!(1.5)), ["spec.replicas: must be of type int32: \"number\""]);
    assert_eq!(replicas(json!(1.0)), [""; 0]);
    let wide = "spec.replicas: Checked value must be of type integer with format int32";
    assert!(replicas(json!(3_000_000_000_u32)).contains(&wide.to_owned()));
}

#[test]
fn a_list_key_with_a_default_may_be_left_out() {
    let ports =
        |ports: Value| answer(json!({"template": {"containers": [{"name": "main", "ports": ports}]}}));
    let udp = json!([{"containerPort": 1}, {"containerPort": 1, "protocol": "UDP"}]);
    assert_eq!(ports(udp).refused, []);
    let tcp = json!([{"containerPort": 1}, {"containerPort": 1, "protocol": "TCP"}]);
    assert_eq!(
        lines(&ports(tcp).refused),
        ["spec.template.containers[0].ports[1]: Duplicate value: {\"containerPort\":1,\"protocol\":\"TCP\"}"]
    );
}

#[test]
fn a_version_that_no_crd_serves_has_no_schema() {
    assert!(serves("LLMInferenceServiceConfig", "v1alpha2") && !serves("LLMInferenceService", "v1"));
    assert_eq!(check("LLMInferenceService", "v1", &json!({"spec": 1})), Answer::default());
}

#[test]
fn every_pattern_of_a_schema_parses() {
    fn walk(node: &Value, visit: &mut dyn FnMut(&str)) {
        node.get("pattern").and_then(Value::as_str).into_iter().for_each(&mut *visit);
        let children: Vec<&Value> = match node {
            Value::Object(map) => map.values().collect(),
            Value::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        for child in children {
            walk(child, visit);
        }
    }
    let mut patterns = 0;
    for crd in llmisvc_api::crd::crds() {
        walk(&crd, &mut |pattern| {
            assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
            patterns += 1;
        });
    }
    assert!(patterns > 20, "{patterns}");
}
