//! Services: what the tables do not say.

use serde_json::{Value, json};

use super::*;

#[test]
fn all_findings_come_at_once_in_the_order_of_their_version() {
    let spec = json!({
        "router": {"scheduler": {"replicas": 0}, "route": {"weight": 1}},
        "rolloutStrategy": {"maxSurge": -1},
        "model": {"lora": {"adapters": [{"uri": "hf://a"}]}, "confidential": {"enabled": true, "resourceId": "x"}},
        "template": {"imagee": 1},
    });
    let mut object = service(spec);
    object["metadata"]["annotations"] = json!({"serving.kserve.io/exp-dra-device-count": "2"});
    assert_eq!(rules(&create(&object)), ["T2", "S1", "L4", "RO1", "DR1", "CF1", "PF1"]);
    object["apiVersion"] = json!("serving.kserve.io/v1alpha1");
    let older = Request { version: Version::V1alpha1, ..create(&object) };
    assert_eq!(rules(&older), ["T2", "S1", "RO1", "L4", "DR1", "CF1", "PF1"]);
}

#[test]
fn what_cannot_be_read_is_a_problem_with_its_path() {
    let object = service(json!({"replicas": "many"}));
    let found = review(&create(&object), &site()).problems;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "spec.replicas");
    let mut foreign = service(json!({}));
    foreign["apiVersion"] = json!("example.com/v1");
    let request = Request { version: Version::V1alpha1, ..create(&foreign) };
    assert_eq!(review(&request, &site()).problems[0].path, "apiVersion");
}

#[test]
fn a_model_needs_no_uri_and_a_service_no_model() {
    // E-15
    for spec in [json!({}), json!({"model": {"name": "m"}}), json!({"baseRefs": [{"name": "base"}]})] {
        assert_eq!(review(&create(&service(spec)), &site()).problems, []);
    }
}

#[test]
fn the_value_is_shown_for_scalars_only() {
    // E-31
    let object = service(json!({
        "worker": {"containers": [{"name": "main", "env": [{"name": "TOKEN", "value": "secret"}]}]},
        "router": {"scheduler": {"replicas": 0}},
    }));
    let problems = review(&create(&object), &site()).problems;
    let values: Vec<_> = problems.iter().map(|problem| (problem.path.as_str(), &problem.value)).collect();
    assert_eq!(values, [("spec.worker", &None), ("spec.router.scheduler.replicas", &Some(json!(0)))]);
    assert!(!format!("{problems:?}").contains("secret"));
}

#[test]
fn a_value_of_another_kind_in_a_pod_is_named_and_not_shown() {
    // E-31
    let env = json!([{"name": "TOKEN", "value": 4711}]);
    let object = service(json!({"template": {"containers": [{"name": "main", "env": env}]}}));
    let verdict = check(&create(&object), &site());
    let message = verdict.problems[0].to_string();
    assert!(message.starts_with("spec.template.containers[0].env[0].value: "), "{message}");
    assert!(!message.contains("4711"), "{message}");
}

#[test]
fn older_objects_may_name_the_parents_that_their_gateways_are() {
    // E-24
    let mut object = service(json!({"router": {
        "route": {"http": {"spec": {"parentRefs": [{"name": "gw"}]}}}, "gateway": {"refs": [{"name": "gw"}]},
    }}));
    object["apiVersion"] = json!("serving.kserve.io/v1alpha1");
    let request = Request { version: Version::V1alpha1, ..create(&object) };
    assert_eq!(rules(&request), ["W1"]);
}

#[test]
fn sizes_below_zero_and_paths_out_of_a_volume_are_refused() {
    // E-25
    let tiers = json!([
        {"fileSystem": {"pvc": {"ref": {"name": "c", "path": "../x"}}}}, {"fileSystem": {"emptyDir": {"size": "0"}}},
    ]);
    let object = service(json!({"kvCacheOffloading": {"cpu": "-1Gi", "secondary": tiers}}));
    assert_eq!(rules(&create(&object)), ["KV8", "KV9", "N5"]);
}

#[test]
fn what_an_adapter_is_not_is_said() {
    // E-8
    let adapter = json!({"name": "a", "uri": "hf://a", "lora": {}, "confidential": {}, "urii": "x"});
    let object = service(json!({"model": {"lora": {"adapters": [adapter]}}}));
    assert_eq!(rules(&create(&object)), ["L8", "N11", "N11"]);
}

#[test]
fn what_the_router_ignores_is_said() {
    // E-13
    let scheduler = json!({"pool": {"ref": {"name": "mine"}, "spec": {}}});
    let object = service(json!({"router": {"ingress": {}, "route": {}, "scheduler": scheduler}}));
    assert_eq!(rules(&create(&object)), ["N2", "N3"]);
}

#[test]
fn an_update_that_replaces_every_pod_is_said_although_the_size_stays() {
    // E-22
    let with = |spec: Value| service(spec);
    let (data, pipeline) = (json!({"data": 2, "dataLocal": 1}), json!({"pipeline": 2}));
    let old = with(json!({"worker": {}, "parallelism": data, "prefill": {}}));
    let turned = with(json!({"worker": {}, "parallelism": pipeline, "prefill": {}}));
    assert_eq!(rules(&update(&old, &turned)), ["N1"]);
    let alone = with(json!({"worker": {}, "parallelism": data}));
    assert_eq!(rules(&update(&old, &alone)), ["N1"]);
    let (one, group) = (
        with(json!({"parallelism": {"tensor": 2}})),
        with(json!({"worker": {}, "parallelism": {"tensor": 2}})),
    );
    assert_eq!(rules(&update(&one, &group)), ["N1"]);
    assert_eq!(rules(&update(&group, &group)), Vec::<&str>::new());
}

#[test]
fn what_no_schema_checks_is_a_warning() {
    // E-28
    let object = service(json!({
        "baseRefs": [{"name": "a"}, {"name": "a"}, {"name": ""}],
        "tracing": {"exporterEndpoint": "collector", "samplerArg": "2"},
        "router": {"scheduler": {"config": {"inline": {"kind": "Pod"}}}},
        "scaling": {"maxReplicas": 2, "wva": {"keda": {"fallback": {"failureThreshold": -1, "replicas": -1}}}},
    }));
    assert_eq!(rules(&create(&object)), ["N9", "N9", "N8", "N8", "N6", "N6", "N7", "N7"]);
}
