//! What the tables of `tests/admission` do not say: they have a row for each rule.

use serde_json::{Value, json};

use super::*;
use crate::v1alpha2::decode;

fn annotations(object: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(object["annotations"].clone()).unwrap_or_default()
}

fn found(object: &Value) -> Vec<Violation> {
    check("ns", "llama", &annotations(object), &decode(&object["spec"]).unwrap())
}

fn violation(rule: Rule, path: &str, message: &str) -> Violation {
    Violation { path: path.to_owned(), message: message.to_owned(), rule }
}

#[allow(clippy::needless_pass_by_value)] // reads better in the tests
fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

#[allow(clippy::needless_pass_by_value)] // reads better in the tests
fn route(route: Value, gateway: Value) -> Value {
    spec(json!({"router": {"route": route, "gateway": gateway}}))
}

#[test]
fn a_gateway_in_another_namespace_is_another_gateway() {
    // E-24
    let object = route(
        json!({"http": {"spec": {"parentRefs": [{"name": "gw"}]}}}),
        json!({"refs": [{"name": "gw", "namespace": "other"}]}),
    );
    assert_eq!(found(&object).iter().map(|v| v.rule).collect::<Vec<_>>(), [Rule::R3]);
}

#[test]
fn an_incomplete_prefill_scaling_has_one_finding() {
    // E-27
    let object = spec(json!({
        "scaling": {"maxReplicas": 2, "keda": {"triggers": [{"type": "cron", "metadata": {}}]}},
        "prefill": {"scaling": {"maxReplicas": 2}},
    }));
    let expected = violation(Rule::SC4, "spec.prefill.scaling", "either wva or keda must be specified");
    assert_eq!(found(&object), [expected]);
}

#[test]
fn all_findings_come_at_once_in_the_order_of_the_reference() {
    use Rule::*;
    let object = json!({
        "spec": {
            "router": {"scheduler": {"replicas": 0}, "route": {"weight": 1}},
            "parallelism": {"data": 2},
            "prefill": {"worker": {}, "rolloutStrategy": {"maxSurge": -1, "maxUnavailable": "x"}},
            "model": {"lora": {"maxRank": 0}},
        },
        "annotations": {"serving.kserve.io/exp-dra-device-count": "many"},
    });
    let rules: Vec<Rule> = found(&object).into_iter().map(|v| v.rule).collect();
    assert_eq!(rules, [T2, P4, P1, S1, L1, RO2, RO1, DR1, DR4]);
}

#[test]
fn a_violation_prints_its_path_first() {
    let object = spec(json!({"router": {"scheduler": {"replicas": -2}}}));
    let lines: Vec<String> = found(&object).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["spec.router.scheduler.replicas: scheduler replicas must be greater than zero, not -2"]
    );
}

#[test]
fn percentages_are_of_the_replicas_that_there_are() {
    // E-21
    let with = |replicas: Value, rollout: Value| {
        let object = spec(json!({"replicas": replicas, "rolloutStrategy": rollout}));
        found(&object).into_iter().map(|v| v.rule).collect::<Vec<_>>()
    };
    let quarter = json!({"maxUnavailable": "25%", "maxSurge": 0});
    assert_eq!(with(json!(4), quarter.clone()), []);
    assert_eq!(with(json!(3), quarter.clone()), [Rule::RO4]);
    assert_eq!(with(Value::Null, quarter), [Rule::RO4]);
    assert_eq!(with(json!(1), json!({"maxSurge": "150%"})), []);
    assert_eq!(with(json!(1), json!({"maxUnavailable": "99999999999%"})), [Rule::RO3]);
}

#[test]
fn a_group_is_as_large_as_its_ranks_need() {
    // E-22
    let size = |parallelism: Value| {
        let typed = decode(&json!({"parallelism": parallelism})).unwrap();
        immutable::size(typed.workload.parallelism.as_ref())
    };
    assert_eq!(size(Value::Null), 1);
    assert_eq!(size(json!({"tensor": 8})), 1);
    assert_eq!(size(json!({"pipeline": 3})), 3);
    assert_eq!(size(json!({"data": 8, "dataLocal": 4})), 2);
    assert_eq!(size(json!({"data": 9, "dataLocal": 4})), 3);
    assert_eq!(size(json!({"data": 1, "dataLocal": 4})), 1);
}

#[test]
fn every_class_has_its_words() {
    // E-23
    for class in Class::ALL {
        assert!(class.reason().starts_with("FieldValue") && !class.text().is_empty());
    }
    assert_eq!((Rule::I1.class(), Rule::I2.class()), (Class::NotSupported, Class::NotSupported));
    assert_eq!(Rule::L6.class(), Class::Invalid);
}

#[test]
fn the_rules_are_told_apart_by_what_they_do() {
    let ids = |keep: &dyn Fn(&Rule) -> bool| {
        Rule::ALL.iter().copied().filter(keep).map(Rule::id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&|rule| rule.is_warning() && rule.is_of_reference()), ["W1", "W2", "W3", "W4", "W5"]);
    let ours = ["PF1", "PF2", "PF3", "L8", "KV8", "KV9", "LB1", "LB2"];
    assert_eq!(ids(&|rule| !rule.is_warning() && !rule.is_of_reference()), ours);
}
