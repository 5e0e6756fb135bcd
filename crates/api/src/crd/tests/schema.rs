use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CRDS, FULL, POD_SPECS, all_schemas, below, node, schema, schema_of, walk};
use crate::crd::cel;
use crate::version::Version;

#[test]
fn both_crds_fit_a_plain_kubectl_apply() {
    let sizes = |crds: &[Value]| crds.iter().map(|crd| crd.to_string().len()).collect::<Vec<usize>>();
    assert!(sizes(&CRDS).iter().all(|size| *size < 250_000), "{:?}", sizes(&CRDS));
    // An object has 1.5 MB, and the API server adds who owns which field.
    assert!(sizes(&FULL).iter().all(|size| *size < 1_300_000), "{:?}", sizes(&FULL));
}

#[test]
fn nothing_but_list_keys_has_a_stored_default() {
    // E-3, E-4
    let mut defaults = BTreeSet::new();
    for schema in all_schemas() {
        walk(schema, "", &mut |path, node| {
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
    for schema in all_schemas() {
        walk(below(schema, "spec.router"), "router", &mut |path, node| {
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
    // E-5, E-6
    let config = &CRDS[1];
    for schema in [&CRDS[1], &FULL[1]].into_iter().flat_map(|crd| Version::ALL.map(|v| schema_of(crd, v))) {
        walk(below(schema, "spec"), "spec", &mut |path, node| {
            if node["type"] == "string" || node.get("x-kubernetes-int-or-string").is_some() {
                let bounds = ["enum", "pattern", "minLength", "maxLength", "format"];
                assert!(bounds.iter().all(|bound| node.get(bound).is_none()), "{path}: {node}");
            }
        });
    }
    assert!(node(config, "scaling").get("required").is_none());
    assert!(node(config, "router.scheduler.pool.spec").get("required").is_none());
    assert!(!node(config, "router.route.http.spec").to_string().contains("x-kubernetes-validations"));
    let kept: Vec<_> =
        node(config, "scaling")["x-kubernetes-validations"].as_array().unwrap().iter().collect();
    assert_eq!(kept.len(), cel::SCALING.iter().filter(|rule| !rule.completeness).count());
}

#[test]
fn a_model_needs_no_uri_a_service_no_model_and_a_pod_no_containers() {
    // E-7
    let service = &CRDS[0];
    assert!(schema(service)["properties"]["spec"].get("required").is_none());
    assert!(node(service, "model").get("required").is_none());
    assert_eq!(node(service, "scaling")["required"], json!(["maxReplicas"]));
    for crd in CRDS.iter().chain(FULL.iter()) {
        for pod in POD_SPECS {
            assert!(node(crd, pod)["properties"]["containers"].is_object(), "{pod}");
            assert!(node(crd, pod).get("required").is_none(), "{pod}");
        }
    }
}

#[test]
fn adapters_are_typed_and_not_recursive() {
    // E-8
    for version in Version::ALL {
        let adapters = below(schema_of(&CRDS[0], version), "spec.model.lora.adapters");
        assert_eq!(below(adapters, "[].name")["type"], "string");
        assert!(below(adapters, "[].lora").is_null());
    }
    let older = below(schema_of(&CRDS[0], Version::V1alpha1), "spec.model.lora.adapters.[].criticality");
    assert_eq!(older["enum"], json!(["Critical", "Standard", "Sheddable"]));
}

#[test]
fn a_filter_for_external_authorization_can_be_used() {
    // E-10: parentRefs that nothing tells apart are refused when the route is made
    for version in Version::ALL {
        let filters = "spec.router.route.http.spec.rules.[].filters.[]";
        let filter = below(schema_of(&CRDS[0], version), filters);
        assert!(filter["properties"]["externalAuth"].is_object());
        assert!(filter["properties"]["type"]["enum"].as_array().unwrap().contains(&json!("ExternalAuth")));
    }
}

#[test]
fn the_full_variant_describes_pods_and_keeps_the_keys_of_their_lists() {
    // E-13: and explains what has no effect
    assert!(
        node(&FULL[0], "router.ingress")["description"].as_str().unwrap().ends_with("it is without effect.")
    );
    assert!(node(&FULL[0], "template.containers.[].image")["description"].is_string());
    for (open, full) in CRDS.iter().zip(FULL.iter()) {
        for pod in POD_SPECS {
            let closed = node(full, pod);
            walk(closed, pod, &mut |path, node| {
                assert!(node.get("x-kubernetes-preserve-unknown-fields").is_none(), "{path}");
            });
            assert_eq!(
                keys(node(open, pod)),
                keys(closed).intersection(&keys(node(open, pod))).cloned().collect()
            );
        }
    }
    assert!(!CRDS[0].to_string().contains(r#""description":""#));
}

/// The lists that have keys, with these.
fn keys(schema: &Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    walk(schema, "", &mut |path, node| {
        if let Some(names) = node.get("x-kubernetes-list-map-keys") {
            keys.insert(format!("{path} {names}"));
        }
    });
    keys
}
