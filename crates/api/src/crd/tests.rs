use kube_cel::Validator;
use serde_json::{Value, json};

use super::{cel, crds};

fn schema(crd: &Value) -> &Value {
    &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// What the rules of the service's schema say about a spec.
fn messages(spec: &Value) -> Vec<String> {
    let crds = crds();
    let result = Validator::new().validate(schema(&crds[0]), &json!({"spec": spec}), None);
    result.err().map(|errors| errors.into_iter().map(|e| e.message).collect()).unwrap_or_default()
}

/// A node of a schema below `spec`, by property names.
fn node<'a>(crd: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(&schema(crd)["properties"]["spec"], |node, name| match name {
        "[]" => &node["items"],
        name => &node["properties"][name],
    })
}

fn walk(node: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, node);
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), visit);
    }
    for key in ["items", "additionalProperties"] {
        if node[key].is_object() {
            walk(&node[key], &format!("{path}[]"), visit);
        }
    }
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
    // api §9.1: `advanced` without the members that the rules look at is fine
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
fn both_crds_fit_a_plain_kubectl_apply() {
    let sizes: Vec<usize> = crds().iter().map(|crd| crd.to_string().len()).collect();
    assert!(sizes.iter().all(|size| *size < 250_000), "{sizes:?}");
}

#[test]
fn nothing_but_list_keys_has_a_stored_default() {
    // api §9.3, §9.4
    let mut defaults = std::collections::BTreeSet::new();
    for crd in crds() {
        walk(schema(&crd), "", &mut |path, node| {
            if node.get("default").is_some() {
                defaults.insert(path.rsplit('.').take(2).collect::<Vec<_>>().join(" of "));
            }
        });
    }
    assert_eq!(
        defaults.into_iter().collect::<Vec<_>>(),
        ["name of imagePullSecrets[]", "protocol of ports[]"]
    );
}

#[test]
fn null_resets_every_optional_member() {
    // C-5
    for crd in crds() {
        walk(node(&crd, "router"), "router", &mut |path, node| {
            let required = node["required"].as_array().cloned().unwrap_or_default();
            for (name, property) in node["properties"].as_object().into_iter().flatten() {
                let key = required.contains(&json!(name))
                    || property.get("default").is_some()
                    || (path.contains("[]") && property.get("enum").is_some());
                assert_eq!(property["nullable"] == true, !key, "{path}.{name}");
                assert!(
                    property.get("enum").is_none_or(|e| key || e.as_array().unwrap().contains(&Value::Null))
                );
            }
        });
    }
}

#[test]
fn a_config_may_be_partial_and_hold_templates() {
    // api §9.5, §9.6
    let config = &crds()[1];
    walk(&schema(config)["properties"]["spec"], "spec", &mut |path, node| {
        if node["type"] == "string" || node.get("x-kubernetes-int-or-string").is_some() {
            let bounds = ["enum", "pattern", "minLength", "maxLength", "format"];
            assert!(bounds.iter().all(|bound| node.get(bound).is_none()), "{path}: {node}");
        }
    });
    assert!(node(config, "scaling").get("required").is_none());
    assert!(node(config, "router.scheduler.pool.spec").get("required").is_none());
    assert!(!node(config, "router.route.http.spec").to_string().contains("x-kubernetes-validations"));
    let kept: Vec<_> =
        node(config, "scaling")["x-kubernetes-validations"].as_array().unwrap().iter().collect();
    assert_eq!(kept.len(), cel::SCALING.iter().filter(|rule| !rule.completeness).count());
}

#[test]
fn a_model_needs_no_uri_and_a_service_no_model() {
    let service = &crds()[0];
    assert!(schema(service)["properties"]["spec"].get("required").is_none());
    assert!(node(service, "model").get("required").is_none());
    assert_eq!(node(service, "scaling")["required"], json!(["maxReplicas"]));
    assert!(node(service, "router.scheduler.tokenizer.template").get("required").is_none());
}

#[test]
fn enums_and_bounds_are_those_of_the_reference() {
    let service = &crds()[0];
    let policy = |value: &str| json!({"kvCacheOffloading": {"evictionPolicy": value}});
    assert_eq!(messages(&policy("fifo")), [r#"supported values: ["lru","arc"]"#]);
    assert_eq!(messages(&policy("arc")), Vec::<String>::new());
    assert_eq!(
        node(service, "prefill.parallelism.dataRPCPort"),
        &json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535, "nullable": true})
    );
    assert_eq!(
        node(service, "router.gateway.refs.[].sectionName")["pattern"],
        json!(super::nodes::DNS_SUBDOMAIN)
    );
}
