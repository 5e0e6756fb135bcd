use serde_json::{Value, json};

use super::*;
use crate::shape;

fn merged(layers: &[Value]) -> Value {
    tree(layers).value()
}

fn tree(layers: &[Value]) -> Node {
    let nodes = layers.iter().enumerate().map(|(i, v)| Node::of(v, i));
    nodes.fold(Node::empty(0), |base, over| merge(base, over, Some(shape::spec())))
}

fn containers(layers: &[Value]) -> Value {
    let specs: Vec<Value> = layers.iter().map(|c| json!({"template": {"containers": c}})).collect();
    merged(&specs)["template"]["containers"].clone()
}

#[test]
fn the_example_of_the_reference_merges_as_written() {
    // workloads.md §4.7; new variables follow those of the base (C-8)
    let preset = json!([{"name": "main", "image": "A", "env": [{"name": "HOME", "value": "/home"}, {"name": "VLLM_LOGGING_LEVEL", "value": "INFO"}],
        "livenessProbe": {"httpGet": {"path": "/health"}, "periodSeconds": 10}}]);
    let service = json!([{"name": "main", "image": "B", "env": [{"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"}, {"name": "X", "value": "1"}],
        "livenessProbe": {"initialDelaySeconds": 30}}]);
    assert_eq!(
        containers(&[preset, service]),
        json!([{"name": "main", "image": "B", "env": [{"name": "HOME", "value": "/home"}, {"name": "VLLM_LOGGING_LEVEL", "value": "DEBUG"}, {"name": "X", "value": "1"}],
            "livenessProbe": {"httpGet": {"path": "/health"}, "periodSeconds": 10, "initialDelaySeconds": 30}}])
    );
}

#[test]
fn a_volume_source_is_replaced_and_its_own_fields_merge() {
    // C-4
    let volumes = |v: Value| json!({"template": {"volumes": [v]}});
    let preset = volumes(json!({"name": "cache", "emptyDir": {"medium": "Memory"}}));
    let claim = volumes(json!({"name": "cache", "persistentVolumeClaim": {"claimName": "c"}}));
    let sized = volumes(json!({"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}));
    assert_eq!(merged(&[preset.clone(), claim.clone()]), claim);
    assert_eq!(
        merged(&[preset, sized]),
        volumes(json!({"name": "cache", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}))
    );
}

#[test]
fn probe_handlers_env_sources_and_lifecycle_handlers_are_replaced() {
    // C-4
    let preset = json!([{"name": "main", "readinessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep"]}}}, "env": [{"name": "TOKEN", "value": "x"}]}]);
    let service = json!([{"name": "main", "readinessProbe": {"exec": {"command": ["true"]}},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}, "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]);
    assert_eq!(
        containers(&[preset, service]),
        json!([{"name": "main", "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1},
            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}, "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}])
    );
}

#[test]
fn null_resets_false_counts_and_scaling_takes_the_place_of_replicas() {
    // C-5
    let below = json!({"replicas": 3, "parallelism": {"expert": true, "tensor": 2}, "template": {"nodeSelector": {"a": "b"}}});
    let above = json!({"scaling": {"maxReplicas": 5}, "parallelism": {"expert": false}, "template": {"nodeSelector": null}});
    assert_eq!(
        merged(&[below.clone(), above.clone()]),
        json!({"scaling": {"maxReplicas": 5}, "parallelism": {"expert": false, "tensor": 2}, "template": {}})
    );
    assert_eq!(merged(&[above, below]).get("scaling"), None);
}

#[test]
fn empty_lists_strings_and_objects_ask_for_nothing() {
    let below = json!({"model": {"uri": "hf://a/b"}, "template": {"tolerations": [{"key": "gpu"}], "containers": [{"name": "main"}]}});
    let above = json!({"model": {"uri": ""}, "template": {"tolerations": [], "containers": []}, "router": {"route": {}}});
    let mut expected = below.clone();
    expected["router"] = json!({"route": {}});
    assert_eq!(merged(&[below, above]), expected);
}

#[test]
fn a_stored_default_does_not_override_a_lower_layer() {
    // C-6
    let below = json!({"scaling": {"minReplicas": 4, "maxReplicas": 8}, "kvCacheOffloading": {"cpu": "10Gi", "evictionPolicy": "arc"}});
    let above = json!({"scaling": {"minReplicas": 1, "maxReplicas": 9}, "kvCacheOffloading": {"cpu": "0", "evictionPolicy": "lru"}});
    assert_eq!(
        merged(&[below, above.clone()]),
        json!({"scaling": {"minReplicas": 4, "maxReplicas": 9}, "kvCacheOffloading": {"cpu": "10Gi", "evictionPolicy": "arc"}})
    );
    assert_eq!(merged(&[json!({}), above.clone()]), above);
}

// E-3, C-6
#[test]
fn a_failure_mode_that_only_a_user_can_have_written_counts() {
    let picker =
        |picker: Value| json!({"router": {"scheduler": {"pool": {"spec": {"endpointPickerRef": picker}}}}});
    let below = || picker(json!({"name": "p", "failureMode": "FailOpen"}));
    let filled_in = json!({"group": "", "kind": "Service", "name": "p", "failureMode": "FailClose"});
    let mode = |above: Value| {
        let merged = merged(&[below(), picker(above)]);
        merged["router"]["scheduler"]["pool"]["spec"]["endpointPickerRef"]["failureMode"].clone()
    };
    assert_eq!(mode(filled_in), "FailOpen");
    assert_eq!(mode(json!({"failureMode": "FailClose"})), "FailClose");
}

// E-3
#[test]
fn partial_routes_keep_the_rules_of_the_preset() {
    // C-6, api.md §9 edge 4
    let route = |spec: Value| json!({"router": {"route": {"http": {"spec": spec}}}});
    let preset = route(json!({"rules": [{"name": "a"}]}));
    let service = route(
        json!({"hostnames": ["h"], "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]}),
    );
    assert_eq!(merged(&[preset, service]), route(json!({"hostnames": ["h"], "rules": [{"name": "a"}]})));
}

#[test]
fn an_inline_scheduler_configuration_is_one_value() {
    // C-7
    let inline = |v: Value| json!({"router": {"scheduler": {"config": {"inline": v}}}});
    let below = inline(json!({"plugins": [{"type": "a"}], "kind": "X"}));
    let above = inline(json!({"plugins": [{"type": "b"}]}));
    assert_eq!(merged(&[below, above.clone()]), above);
}

#[test]
fn new_elements_follow_those_of_the_base() {
    // C-8
    assert_eq!(
        containers(&[json!([{"name": "main"}]), json!([{"name": "side"}])]),
        json!([{"name": "main"}, {"name": "side"}])
    );
}

#[test]
fn ports_are_keyed_by_number_and_protocol() {
    // C-9
    let base = json!([{"name": "main", "ports": [{"containerPort": 53, "protocol": "TCP"}]}]);
    let over = json!([{"name": "main", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "name": "dns"}]}]);
    assert_eq!(
        containers(&[base, over])[0]["ports"],
        json!([{"containerPort": 53, "protocol": "TCP", "name": "dns"}, {"containerPort": 53, "protocol": "UDP"}])
    );
}

#[test]
fn other_lists_are_replaced_and_types_may_change() {
    let base = json!({"template": {"tolerations": [{"key": "a"}]}, "rolloutStrategy": {"maxSurge": 1}});
    let over = json!({"template": {"tolerations": [{"key": "b"}]}, "rolloutStrategy": {"maxSurge": "50%"}});
    assert_eq!(merged(&[base, over.clone()]), over);
}

#[test]
fn the_tokenizer_template_merges_like_the_others_without_containers() {
    // C-20
    let tokenizer = |t: Value| json!({"router": {"scheduler": {"tokenizer": {"template": t}}}});
    let preset = tokenizer(json!({"containers": [{"name": "main"}]}));
    for containers in [Value::Null, json!([])] {
        assert_eq!(
            merged(&[
                preset.clone(),
                tokenizer(json!({"nodeSelector": {"a": "b"}, "containers": containers}))
            ]),
            tokenizer(json!({"containers": [{"name": "main"}], "nodeSelector": {"a": "b"}}))
        );
    }
    assert_eq!(
        merged(&[preset, tokenizer(json!({"nodeSelector": {"a": "b"}}))]),
        tokenizer(json!({"containers": [{"name": "main"}], "nodeSelector": {"a": "b"}}))
    );
}

#[test]
fn every_value_remembers_its_layer() {
    let node = tree(&[
        json!({"template": {"containers": [{"name": "main", "image": "A"}]}}),
        json!({"template": {"containers": [{"name": "main", "image": "B"}]}}),
    ]);
    assert_eq!(node.nearest("template.containers[main].image").layer(), 1);
    assert_eq!(node.nearest("template.containers[main].name").layer(), 1);
    assert_eq!(node.nearest("template.containers").layer(), 0);
}
