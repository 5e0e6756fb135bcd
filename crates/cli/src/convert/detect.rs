//! Tells by its keys what a document is.

use llmisvc_api::v1alpha2::{CONFIG_KIND, KIND};
use llmisvc_core::tree;
use serde_json::Value;

use super::ConvertError;
use crate::input::Document;

/// What a document comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Values of charts of llm-d.
    Values,
    /// An InferenceService or its runtime.
    InferenceService,
    /// A DynamoGraphDeployment.
    Dynamo,
    /// An `LLMInferenceService` or a config.
    Service,
    /// Any other object, which may belong to one of the others.
    Beside,
}

/// The charts whose values are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chart {
    /// llm-d-modelservice (`reference/llm-d.md §3.2`).
    ModelService,
    /// inferencepool (`reference/llm-d.md §3.5`).
    Pool,
    /// llm-d-router-standalone and llm-d-router-gateway (`reference/llm-d.md §3.5`).
    Router,
    /// llm-d-infra (`reference/llm-d.md §3.6`).
    Infra,
}

const KEYS: [(Chart, &[&str]); 4] = [
    (Chart::ModelService, &["modelArtifacts", "decode", "prefill", "multinode", "requester"]),
    (Chart::Pool, &["inferenceExtension", "inferencePool"]),
    (Chart::Router, &["router", "httpRoute"]),
    (Chart::Infra, &["gateway", "ingress", "extraDeploy"]),
];

/// The chart that these are values of.
pub fn chart(values: &Value) -> Option<Chart> {
    let has = |keys: &[&str]| keys.iter().any(|key| values.get(key).is_some());
    KEYS.into_iter().find(|(_, keys)| has(keys)).map(|(chart, _)| chart)
}

/// What a document comes from; an error when nothing is known of it.
pub fn origin(document: &Document) -> Result<Origin, ConvertError> {
    let kind = tree::text(&document.value, &["kind"]);
    match kind {
        "InferenceService" | "ServingRuntime" | "ClusterServingRuntime" => Ok(Origin::InferenceService),
        "DynamoGraphDeployment" => Ok(Origin::Dynamo),
        KIND | CONFIG_KIND => Ok(Origin::Service),
        "" if chart(&document.value).is_some() => Ok(Origin::Values),
        "ConfigMap" | "Secret" | "ServiceAccount" | "PersistentVolumeClaim" | "DynamoModel" => {
            Ok(Origin::Beside)
        }
        _ => Err(unknown(document, kind)),
    }
}

fn unknown(document: &Document, kind: &str) -> ConvertError {
    let keys = document.value.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let found = match kind {
        "" => format!("a document with {}", keys.take(3).collect::<Vec<_>>().join(", ")),
        kind => format!("kind {kind}"),
    };
    ConvertError::Unknown { document: format!("{}:{}", document.file, document.number), found }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(value: Value) -> Document {
        Document { file: "f".to_owned(), number: 1, value }
    }

    #[test]
    fn documents_are_told_by_kind_or_keys() {
        let cases = [
            (json!({"kind": "InferenceService"}), Origin::InferenceService),
            (json!({"kind": "ClusterServingRuntime"}), Origin::InferenceService),
            (json!({"kind": "DynamoGraphDeployment"}), Origin::Dynamo),
            (json!({"kind": "LLMInferenceService"}), Origin::Service),
            (json!({"kind": "ConfigMap"}), Origin::Beside),
            (json!({"decode": {}}), Origin::Values),
        ];
        for (value, expected) in cases {
            assert_eq!(origin(&document(value)), Ok(expected));
        }
    }

    #[test]
    fn charts_are_told_by_their_keys() {
        let cases = [
            (json!({"modelArtifacts": {}, "routing": {}}), Some(Chart::ModelService)),
            (json!({"inferencePool": {}}), Some(Chart::Pool)),
            (json!({"router": {}, "provider": {}}), Some(Chart::Router)),
            (json!({"gateway": {}}), Some(Chart::Infra)),
            (json!({"replicas": 1}), None),
        ];
        for (values, expected) in cases {
            assert_eq!(chart(&values), expected, "{values}");
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        let said = |value| origin(&document(value)).expect_err("is not known").to_string();
        assert!(said(json!({"kind": "Pod"})).starts_with("f:1: kind Pod cannot be converted"));
        assert!(said(json!({"a": 1, "b": 2})).starts_with("f:1: a document with a, b cannot be converted"));
    }
}
