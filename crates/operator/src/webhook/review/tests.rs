use llmisvc_core::admission::wire::WireError;

use serde_json::json;

use super::*;

const ADMISSION: &str = "admission.k8s.io/v1";

fn site() -> Site {
    Site {
        system_namespace: "kserve".to_owned(),
        config_prefix: "llmisvc-v0-1-0-".to_owned(),
        prevent_config_deletion: true,
    }
}

fn service(count: &str) -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {
            "name": "m",
            "namespace": "ns",
            "annotations": {
                "serving.kserve.io/exp-dra-device-class": "gpu.nvidia.com",
                "serving.kserve.io/exp-dra-device-count": count,
            },
        },
        "spec": {"model": {"uri": "hf://org/m"}},
    })
}

fn asked(object: &Value) -> Vec<u8> {
    let kind = json!({"group": "serving.kserve.io", "version": "v1alpha2", "kind": "LLMInferenceService"});
    let request = json!({
        "uid": "u", "operation": "CREATE", "kind": kind, "namespace": "ns", "name": object["metadata"]["name"],
        "object": object,
    });
    json!({"apiVersion": ADMISSION, "kind": "AdmissionReview", "request": request}).to_string().into_bytes()
}

fn answer(body: &[u8]) -> Answer {
    validate(body, &site()).unwrap()
}

#[test]
fn a_good_service_is_admitted() {
    let response = json!({"uid": "u", "allowed": true});
    let body = json!({"apiVersion": ADMISSION, "kind": "AdmissionReview", "response": response});
    assert_eq!(answer(&asked(&service("1"))), Answer { body, ok: true });
}

#[test]
fn a_bad_one_is_refused_with_its_field() {
    let refused = answer(&asked(&service("0")));
    assert!(!refused.ok);
    let status = &refused.body["response"]["status"];
    assert_eq!(status["code"], 422);
    let field = "metadata.annotations[serving.kserve.io/exp-dra-device-count]";
    assert_eq!(status["details"]["causes"][0]["field"], field, "{status:#}");
    let begin = format!("LLMInferenceService.serving.kserve.io \"m\" is invalid: {field}: Invalid value: ");
    assert!(status["message"].as_str().unwrap().starts_with(&begin), "{status:#}");
}

#[test]
fn what_is_no_review_is_an_error_and_never_an_admission() {
    let said = |body: &[u8]| validate(body, &site()).unwrap_err();
    assert_eq!(said(b"{"), ReviewError::NotJson);
    assert!(matches!(said(b"7"), ReviewError::Admission(WireError::NotAReview { .. })));
    let text = String::from_utf8(asked(&service("1"))).unwrap().replace("CREATE", "CONNECT");
    let operation = WireError::Operation("CONNECT".to_owned());
    assert_eq!(said(text.as_bytes()), ReviewError::Admission(operation));
    assert_eq!(convert(&asked(&service("1"))), Err(ReviewError::NotAConversion));
}

#[test]
fn the_name_of_the_model_is_defaulted_only_when_asked_and_missing() {
    let patch_of = |object: &Value, on: bool| {
        let answer = mutate(&asked(object), &site(), on).unwrap();
        assert_eq!(answer.body["response"]["allowed"], true);
        let patch: Option<k8s_openapi::ByteString> =
            serde_json::from_value(answer.body["response"]["patch"].clone()).unwrap();
        patch.map(|patch| serde_json::from_slice::<Value>(&patch.0).unwrap())
    };
    let object = service("1");
    let added = json!([{"op": "add", "path": "/spec/model/name", "value": "m"}]);
    assert_eq!(patch_of(&object, true), Some(added));
    assert_eq!(patch_of(&object, false), None);
    let mut named = object.clone();
    named["spec"]["model"]["name"] = json!("mine");
    let mut generated = object.clone();
    generated["metadata"] = json!({"generateName": "m-"});
    for object in [named, generated] {
        assert_eq!(patch_of(&object, true), None);
    }
}

fn to_convert(desired: &str, objects: &[Value]) -> Vec<u8> {
    let request = json!({"uid": "u", "desiredAPIVersion": desired, "objects": objects});
    json!({"apiVersion": CONVERSION, "kind": "ConversionReview", "request": request}).to_string().into_bytes()
}

#[test]
fn objects_are_converted_in_their_order() {
    let answer = convert(&to_convert("serving.kserve.io/v1alpha1", &[service("1"), service("2")])).unwrap();
    let response = &answer.body["response"];
    assert!(answer.ok && response["uid"] == "u" && response["result"]["status"] == "Success");
    let versions: Vec<&Value> =
        response["convertedObjects"].as_array().unwrap().iter().map(|it| &it["apiVersion"]).collect();
    assert_eq!(versions, ["serving.kserve.io/v1alpha1", "serving.kserve.io/v1alpha1"]);
    let same = convert(&to_convert("serving.kserve.io/v1alpha2", &[service("1")])).unwrap();
    assert_eq!(same.body["response"]["convertedObjects"][0], service("1"));
}

#[test]
fn an_object_that_cannot_be_converted_is_named() {
    let mut foreign = service("1");
    foreign["apiVersion"] = json!("example.com/v1");
    let answer = convert(&to_convert("serving.kserve.io/v1alpha1", &[service("1"), foreign])).unwrap();
    assert!(!answer.ok);
    let result = &answer.body["response"]["result"];
    assert_eq!(result["status"], "Failure");
    assert!(result["message"].as_str().unwrap().starts_with("LLMInferenceService ns/m: "), "{result}");
    assert!(!convert(&to_convert("example.com/v1", &[])).unwrap().ok);
}
