//! What users see.

use serde_json::{Value, json};

use crate::conversion::{ConversionError, convert};
use crate::version::Version::{V1alpha1, V1alpha2};

pub fn service(version: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("serving.kserve.io/{version}"), "kind": "LLMInferenceService",
        "metadata": {"name": "llama", "namespace": "demo"}, "spec": spec,
    })
}

fn older(object: &Value) -> Value {
    convert(object.clone(), V1alpha1).unwrap()
}

fn newer(object: &Value) -> Value {
    convert(object.clone(), V1alpha2).unwrap()
}

fn pool(spec: &Value) -> Value {
    json!({"router": {"scheduler": {"pool": {"spec": spec}}}})
}

/// The annotation with what v1alpha1 can't hold, parsed.
fn kept(object: &Value) -> Value {
    let text = object["metadata"]["annotations"]["serving.kserve.io/v1alpha2-fields"].as_str();
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

/// Tiers, a key, and a status as the operator writes it.
fn rich() -> Value {
    let mut object = service(
        "v1alpha2",
        &json!({
            "model": {"uri": "hf://a/b", "confidential": {"enabled": true}},
            "kvCacheOffloading": {"cpu": "10Gi"},
            "prefill": {"replicas": 1, "kvCacheOffloading": {"cpu": "1Gi"}},
        }),
    );
    object["status"] = json!({
        "url": "http://a/demo/llama",
        "replicas": 2,
        "addresses": [{"url": "http://a/demo/llama", "origin": {"group": "g", "kind": "Gateway", "name": "gw"}}],
        "router": {"gateways": [{"group": "g", "kind": "Gateway", "name": "gw"}], "group": {"name": "blue"}},
        "workloads": {"primary": {"kind": "Deployment", "name": "llama-kserve", "replicas": 2, "readyReplicas": 2}},
        "appliedConfigs": [{"name": "base", "namespace": "demo", "source": "UserRef"}],
    });
    object
}

#[test]
fn what_v1alpha1_cannot_hold_is_one_readable_annotation() {
    // G-46
    // E-42, E-43: status.router is shown in both
    let (rich, shown) = (rich(), older(&rich()));
    let status = &rich["status"];
    assert_eq!(
        kept(&shown),
        json!({
            "/spec/model/confidential": {"enabled": true},
            "/spec/kvCacheOffloading": {"cpu": "10Gi"},
            "/spec/prefill/kvCacheOffloading": {"cpu": "1Gi"},
            "/status/addresses": status["addresses"],
            "/status/router/group": {"name": "blue"},
            "/status/workloads": status["workloads"],
            "/status/appliedConfigs": status["appliedConfigs"],
        })
    );
    assert_eq!(shown["spec"], json!({"model": {"uri": "hf://a/b"}, "prefill": {"replicas": 1}}));
    assert_eq!(
        shown["status"],
        json!({
            "url": "http://a/demo/llama", "replicas": 2, "addresses": [{"url": "http://a/demo/llama"}],
            "router": {"gateways": status["router"]["gateways"]},
        })
    );
    assert_eq!(newer(&shown), rich);
}

#[test]
fn what_the_client_removed_stays_away_and_the_rest_comes_back() {
    // E-42
    let mut written = older(&rich());
    written["spec"].as_object_mut().unwrap().remove("prefill");
    written["status"]["addresses"] = json!([{"url": "http://b"}]);
    let mut expected = rich();
    expected["spec"].as_object_mut().unwrap().remove("prefill");
    expected["status"]["addresses"] = json!([{"url": "http://b"}]);
    assert_eq!(newer(&written), expected);
}

#[test]
fn without_the_annotation_the_object_is_what_v1alpha1_says() {
    let mut written = older(&rich());
    written["metadata"].as_object_mut().unwrap().remove("annotations");
    assert_eq!(newer(&written)["spec"], json!({"model": {"uri": "hf://a/b"}, "prefill": {"replicas": 1}}));
}

#[test]
fn the_annotation_sets_nothing_that_v1alpha1_shows() {
    let mut object = service("v1alpha1", &json!({"model": {"uri": "hf://a/b"}}));
    let text = json!({"/spec/replicas": 9, "/spec/model/uri": "x", "/metadata/labels": {}, "/a/b": 1, "absent": ["/spec"]});
    object["metadata"]["annotations"] = json!({"serving.kserve.io/v1alpha2-fields": text.to_string()});
    assert_eq!(newer(&object), service("v1alpha2", &json!({"model": {"uri": "hf://a/b"}})));
}

#[test]
fn an_annotation_with_thousands_of_places_is_tried_as_a_whole_and_then_in_part() {
    let mut object = service("v1alpha1", &json!({"labels": {}}));
    let mut text: serde_json::Map<String, Value> =
        (0..5_000).map(|n| (format!("/spec/labels/l{n}"), json!("x"))).collect();
    text.insert("/spec/kvCacheOffloading".to_owned(), json!({"cpu": 1}));
    object["metadata"]["annotations"] =
        json!({"serving.kserve.io/v1alpha2-fields": Value::Object(text).to_string()});
    let expected = json!({"labels": {}, "kvCacheOffloading": {"cpu": 1}});
    assert_eq!(newer(&object), service("v1alpha2", &expected));
}

#[test]
fn a_malformed_annotation_is_a_plain_one() {
    for text in ["{", "[]", "null", r#"{"spec": 1}"#, r#"{"absent": 1}"#] {
        let mut object = service("v1alpha1", &json!({}));
        object["metadata"]["annotations"] = json!({"serving.kserve.io/v1alpha2-fields": text});
        let stored = newer(&object);
        assert_eq!(older(&stored), object, "{text}");

        // Even when there is something else to keep under that key, and then not any more.
        let mut filled = stored.clone();
        filled["spec"]["kvCacheOffloading"] = json!({"cpu": 1});
        let shown = older(&filled);
        assert_eq!(kept(&shown)["/spec/kvCacheOffloading"], json!({"cpu": 1}), "{text}");
        assert_eq!(newer(&shown), filled, "{text}");
    }
}

#[test]
fn pools_are_mapped_member_by_member_without_defaults() {
    // E-46: source and result share nothing
    let v1alpha1 = pool(&json!({
        "selector": {"app": "a"}, "targetPortNumber": 8000,
        "extensionRef": {"group": "", "kind": "Service", "name": "epp", "portNumber": 9002, "failureMode": "FailOpen"},
    }));
    let v1alpha2 = pool(&json!({
        "selector": {"matchLabels": {"app": "a"}}, "targetPorts": [{"number": 8000}],
        "endpointPickerRef": {
            "group": "", "kind": "Service", "name": "epp", "port": {"number": 9002}, "failureMode": "FailOpen",
        },
    }));
    assert_eq!(newer(&service("v1alpha1", &v1alpha1)), service("v1alpha2", &v1alpha2));
    assert_eq!(older(&service("v1alpha2", &v1alpha2)), service("v1alpha1", &v1alpha1));
    let part = |name: &str| pool(&json!({name: {"name": "epp"}}));
    let (one, other) =
        (service("v1alpha1", &part("extensionRef")), service("v1alpha2", &part("endpointPickerRef")));
    assert_eq!((newer(&one), older(&other)), (other, one));
}

#[test]
fn ports_beyond_the_first_and_the_protocol_are_kept_until_the_first_is_changed() {
    // E-45
    let object = service(
        "v1alpha2",
        &pool(
            &json!({"targetPorts": [{"number": 8000}, {"number": 8001}], "appProtocol": "kubernetes.io/h2c"}),
        ),
    );
    let mut shown = older(&object);
    assert_eq!(shown["spec"], pool(&json!({"targetPortNumber": 8000})));
    assert_eq!(newer(&shown), object);
    shown["spec"] = pool(&json!({"targetPortNumber": 9000}));
    assert_eq!(
        newer(&shown)["spec"],
        pool(&json!({"targetPorts": [{"number": 9000}], "appProtocol": "kubernetes.io/h2c"}))
    );
}

#[test]
fn a_pool_without_ports_can_be_read() {
    // E-45
    for ports in [json!([]), json!(null), json!([{}]), json!("{{ .Spec }}")] {
        let object = service("v1alpha2", &pool(&json!({"targetPorts": ports})));
        assert_eq!(newer(&older(&object)), object, "{ports}");
    }
}

#[test]
fn unknown_fields_and_nulls_stay() {
    // E-48: and URIs are as they were written
    let spec = json!({
        "model": {"uri": "HF://Org/Model Name", "lora": {"adapters": [{"name": "a", "typo": {"b": null}}]}},
        "template": {"fieldOfTomorrow": {"a": [1, null]}, "nodeSelector": null},
        "prefill": null,
    });
    assert_eq!(newer(&service("v1alpha1", &spec)), service("v1alpha2", &spec));
    assert_eq!(older(&service("v1alpha2", &spec)), service("v1alpha1", &spec));
}

#[test]
fn an_object_in_the_wanted_version_stays_as_it_is() {
    let mut object = service("v1alpha1", &json!({}));
    object["metadata"]["annotations"] = json!({"serving.kserve.io/v1alpha2-fields": "{}"});
    assert_eq!(older(&object), object);
}

#[test]
fn other_versions_and_kinds_are_refused_with_a_reason() {
    let of = |version: &str, kind: &str| convert(json!({"apiVersion": version, "kind": kind}), V1alpha2);
    let error = of("serving.kserve.io/v1beta1", "LLMInferenceService").unwrap_err();
    assert_eq!(error, ConversionError::UnknownVersion("serving.kserve.io/v1beta1".to_owned()));
    assert!(error.to_string().ends_with("use serving.kserve.io/v1alpha1 or v1alpha2"));
    let error = of("serving.kserve.io/v1alpha1", "InferenceGraph").unwrap_err();
    assert_eq!(error, ConversionError::UnknownKind("InferenceGraph".to_owned()));
    assert!(convert(json!([]), V1alpha2).is_err());
}
