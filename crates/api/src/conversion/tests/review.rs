//! ConversionReviews.

use serde_json::{Value, json};

use super::examples::service;
use crate::conversion::review;

fn asked(to: &str, objects: &Value) -> Value {
    review(&json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "request": {"uid": "705ab4f5", "desiredAPIVersion": to, "objects": objects},
    }))
}

fn message(review: &Value) -> &str {
    assert_eq!(review["response"]["convertedObjects"], json!([]));
    assert_eq!(review["response"]["result"]["status"], "Failure");
    review["response"]["result"]["message"].as_str().unwrap()
}

#[test]
fn objects_come_back_in_their_order_under_the_same_uid() {
    let mut config = service("v1alpha2", &json!({}));
    config["kind"] = json!("LLMInferenceServiceConfig");
    let objects = json!([service("v1alpha1", &json!({"replicas": 1})), config]);
    let expected = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "response": {
            "uid": "705ab4f5",
            "convertedObjects": [service("v1alpha2", &json!({"replicas": 1})), config],
            "result": {"status": "Success"},
        },
    });
    assert_eq!(asked("serving.kserve.io/v1alpha2", &objects), expected);
}

#[test]
fn one_object_that_cannot_be_converted_fails_the_review_by_name() {
    let mut other = service("v1alpha1", &json!({}));
    other["kind"] = json!("InferenceService");
    let answer = asked("serving.kserve.io/v1alpha2", &json!([service("v1alpha1", &json!({})), other]));
    assert_eq!(
        message(&answer),
        "InferenceService demo/llama: kind \"InferenceService\" has no versions here: \
         use LLMInferenceService or LLMInferenceServiceConfig"
    );
}

#[test]
fn a_review_that_asks_for_nothing_of_ours_is_answered_too() {
    let answer = asked("serving.kserve.io/v1beta1", &json!([]));
    assert_eq!(
        message(&answer),
        "request.desiredAPIVersion \"serving.kserve.io/v1beta1\" is none of this group"
    );
    let answer = asked("serving.kserve.io/v1alpha1", &Value::Null);
    assert_eq!(message(&answer), "request.objects is not a list");
    assert_eq!(message(&review(&Value::Null)), "request.desiredAPIVersion \"\" is none of this group");
}
