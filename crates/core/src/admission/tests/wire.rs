//! AdmissionReview, there and back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::admission::wire::{Review, WireError, response};

#[allow(clippy::needless_pass_by_value)] // reads better in the tests
fn body(request: Value) -> Value {
    let mut body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"});
    body["request"] = json!({
        "uid": "u-1", "namespace": "ns", "name": "llama", "operation": "CREATE",
        "kind": {"group": "serving.kserve.io", "version": "v1alpha2", "kind": "LLMInferenceService"},
        "userInfo": {"username": "someone"},
    });
    for (key, value) in request.as_object().unwrap() {
        body["request"][key] = value.clone();
    }
    body
}

fn parsed(request: Value) -> Review {
    Review::parse(body(request)).unwrap()
}

#[test]
fn a_review_is_read_in_both_versions_and_answered_in_its_own() {
    for version in ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"] {
        let mut body = body(json!({"object": service(json!({}))}));
        body["apiVersion"] = json!(version);
        let answer = Review::parse(body).unwrap().validated(&site());
        let response = answer["response"].clone();
        assert_eq!(
            (answer["apiVersion"].as_str(), answer["kind"].as_str()),
            (Some(version), Some("AdmissionReview"))
        );
        assert_eq!((response["uid"].as_str(), response["allowed"].as_bool()), (Some("u-1"), Some(true)));
    }
}

#[test]
fn what_is_no_review_of_ours_is_said() {
    let error = |body: Value| Review::parse(body).unwrap_err();
    assert!(matches!(error(json!({})), WireError::NotAReview { .. }));
    let mut other = body(json!({}));
    other["apiVersion"] = json!("admission.k8s.io/v2");
    assert!(error(other).to_string().contains("admission.k8s.io/v2"));
    assert_eq!(error(body(json!({"uid": ""}))), WireError::NoRequest);
    let pod = json!({"kind": {"group": "", "version": "v1", "kind": "Pod"}});
    assert!(error(body(pod)).to_string().contains("/v1 Pod"));
    let newer =
        json!({"kind": {"group": "serving.kserve.io", "version": "v2", "kind": "LLMInferenceService"}});
    assert!(matches!(error(body(newer)), WireError::Kind(_)));
    assert_eq!(error(body(json!({"operation": "CONNECT"}))), WireError::Operation("CONNECT".to_owned()));
    assert_eq!(error(body(json!({}))), WireError::NoObject("object"));
    let update = json!({"operation": "UPDATE", "object": {}});
    assert_eq!(error(body(update)).to_string(), "request.oldObject is missing");
}

#[test]
fn a_request_is_read_with_the_name_that_the_object_has() {
    let object = service(json!({}));
    let review = parsed(json!({"name": "", "object": object}));
    assert_eq!((review.request().name, review.request().user), ("llama", "someone"));
    let review = parsed(json!({"operation": "DELETE", "object": null, "oldObject": object}));
    assert_eq!((review.request().object, review.request().old), (None, Some(&object)));
}

#[test]
fn field_errors_are_causes_of_an_invalid_object() {
    let object = service(json!({"router": {"scheduler": {"replicas": 0}, "route": {"weight": 1}}}));
    let answer = parsed(json!({"object": object})).validated(&site());
    let (replicas, group) = (
        "Invalid value: 0: scheduler replicas must be greater than zero, not 0",
        "Required value: weight requires group: weight is 1, set a group too",
    );
    let message = format!(
        "LLMInferenceService.serving.kserve.io \"llama\" is invalid: [spec.router.route.group: {group}, \
         spec.router.scheduler.replicas: {replicas}]"
    );
    let causes = json!([
        {"reason": "FieldValueRequired", "message": group, "field": "spec.router.route.group"},
        {"reason": "FieldValueInvalid", "message": replicas, "field": "spec.router.scheduler.replicas"},
    ]);
    let details = json!({"group": "serving.kserve.io", "kind": "LLMInferenceService", "name": "llama", "causes": causes});
    let status = json!({
        "metadata": {}, "status": "Failure", "code": 422, "reason": "Invalid", "message": message, "details": details,
    });
    assert_eq!(answer["response"], json!({"uid": "u-1", "allowed": false, "status": status}));
}

#[test]
fn one_field_error_stands_alone_and_a_plain_one_is_forbidden() {
    let object = service(json!({}));
    let problem = |path: &str| Problem {
        class: Class::Forbidden,
        path: path.to_owned(),
        value: None,
        message: "no".to_owned(),
    };
    let said = |path: &str| {
        let verdict = Verdict { problems: vec![problem(path)], warnings: vec![] };
        let request = Request { subject: Subject::Config, ..create(&object) };
        response("u", &verdict, &request)["status"].clone()
    };
    let field = said("spec.baseRefs");
    let message =
        "LLMInferenceServiceConfig.serving.kserve.io \"llama\" is invalid: spec.baseRefs: Forbidden: no";
    assert_eq!((field["message"].as_str(), field["code"].as_u64()), (Some(message), Some(422)));
    let plain = said("");
    assert_eq!(
        plain,
        json!({"metadata": {}, "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"})
    );
}

#[test]
fn warnings_are_as_short_as_the_api_server_takes_them() {
    let object = service(json!({}));
    let long = |n: usize| format!("{n}: {}\nend", "ü".repeat(300));
    let verdict = Verdict { problems: vec![], warnings: (0..40).map(long).collect() };
    let answer = response("u", &verdict, &create(&object));
    let warnings: Vec<&str> =
        answer["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(warnings.iter().all(|warning| warning.len() <= 256 && !warning.contains('\n')));
    assert!(warnings.iter().map(|warning| warning.len()).sum::<usize>() <= 4096);
    let last = warnings.last().unwrap();
    assert!(last.ends_with("more warnings: `llmisvc validate` prints all"), "{last}");
}

#[test]
fn defaults_are_a_json_patch_and_subresources_nobodys_business() {
    let review = parsed(json!({"object": service(json!({"model": {}}))}));
    let response = review.mutated(&site())["response"].clone();
    let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    assert_eq!(patch, json!([{"op": "add", "path": "/spec/model/name", "value": "llama"}]));
    assert_eq!(response["patchType"], "JSONPatch");
    let broken = service(json!({"worker": {}, "model": {}}));
    let review = parsed(json!({"object": broken, "subResource": "status"}));
    let allowed = json!({"uid": "u-1", "allowed": true});
    assert_eq!(
        (&review.validated(&site())["response"], &review.mutated(&site())["response"]),
        (&allowed, &allowed)
    );
}
