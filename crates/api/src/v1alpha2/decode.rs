//! From the tree to the typed spec, with the path of what does not fit.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Keda, KedaSettings, LlmInferenceServiceSpec, Workload};

/// A value that does not fit the type of its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct DecodeError {
    /// Field path, from `spec`.
    pub path: String,
    /// What was found, and what is expected.
    pub message: String,
}

/// The typed spec of a merged and rendered tree; null is an empty spec.
///
/// Flattened members lose their paths inside serde, so they are decoded on their own first, only to name the place
/// of an error.
pub fn decode(spec: &Value) -> Result<LlmInferenceServiceSpec, DecodeError> {
    if spec.is_null() {
        return Ok(LlmInferenceServiceSpec::default());
    }
    if !spec.is_object() {
        return Err(DecodeError { path: "spec".to_owned(), message: "must be an object".to_owned() });
    }
    for (base, tree) in [("spec", Some(spec)), ("spec.prefill", spec.get("prefill"))] {
        if let Some(keda) = tree.and_then(|t| t.pointer("/scaling/keda")).filter(|k| !k.is_null()) {
            at::<KedaSettings>(&format!("{base}.scaling.keda"), keda)?;
            at::<Keda>(&format!("{base}.scaling.keda"), keda)?;
        }
    }
    at::<Workload>("spec", spec)?;
    at("spec", spec)
}

fn at<T: DeserializeOwned>(base: &str, tree: &Value) -> Result<T, DecodeError> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = match error.path().to_string() {
            here if here == "." => base.to_owned(),
            below => format!("{base}.{below}"),
        };
        DecodeError { path, message: error.into_inner().to_string() }
    })
}

/// A string map where null stands for a key that a lower layer set and this one takes away.
pub(super) fn without_nulls<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let map = Option::<BTreeMap<String, Option<String>>>::deserialize(deserializer)?;
    Ok(map.map(|map| map.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failure(spec: &Value) -> String {
        decode(spec).unwrap_err().to_string()
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_with_its_path() {
        assert_eq!(
            failure(&json!({"parallelism": {"expert": 16}})),
            "spec.parallelism.expert: invalid type: integer `16`, expected a boolean"
        );
        assert_eq!(
            failure(&json!({"prefill": {"kvCacheOffloading": {"evictionPolicy": "fifo"}}})),
            "spec.prefill.kvCacheOffloading.evictionPolicy: unknown variant `fifo`, expected `lru` or `arc`"
        );
        assert_eq!(
            failure(&json!({"router": {"gateway": {"refs": [{"name": 3}]}}})),
            "spec.router.gateway.refs[0].name: invalid type: integer `3`, expected a string"
        );
        assert_eq!(
            failure(&json!({"prefill": {"scaling": {"keda": {"pollingInterval": "a"}}}})),
            "spec.prefill.scaling.keda.pollingInterval: invalid type: string \"a\", expected i32"
        );
        assert_eq!(failure(&json!([])), "spec: must be an object");
    }

    #[test]
    fn a_spec_survives_the_round_trip() {
        let spec = json!({
            "baseRefs": [{"name": "base"}],
            "model": {"name": "llama", "uri": "hf://org/llama", "lora": {"adapters": [{"name": "a", "uri": "hf://a"}]}},
            "parallelism": {"data": 4, "dataLocal": 2, "dataRPCPort": 5555, "expert": true, "tensor": 2},
            "prefill": {"replicas": 2, "rolloutStrategy": {"maxSurge": "25%", "maxUnavailable": 0}},
            "router": {
                "gateway": {}, "route": {"http": {"spec": {"hostnames": ["a.b"]}}, "group": "g", "weight": 3},
                "scheduler": {"config": {"ref": {"name": "c"}}, "pool": {"ref": {"name": "p"}}, "tokenizer": {}},
            },
            "scaling": {"maxReplicas": 3, "keda": {"idleReplicaCount": 0, "triggers": [
                {"type": "cron", "metadata": {"start": "1"}, "authenticationRef": {"name": "x"}}
            ]}},
            "kvCacheOffloading": {"cpu": "10Gi", "evictionPolicy": "arc", "secondary": [
                {"fileSystem": {"pvc": {"ref": {"name": "claim", "path": "p"}}}}
            ]},
            "storageInitializer": {"enabled": false},
            "template": {"containers": [{"name": "main", "futureField": {}}]},
            "tracing": {},
        });
        assert_eq!(serde_json::to_value(decode(&spec).unwrap()).unwrap(), spec);
    }

    #[test]
    fn null_resets_a_field() {
        // C-5
        let spec = json!({"replicas": null, "model": {"uri": null}, "template": null, "prefill": null});
        let expected =
            LlmInferenceServiceSpec { model: Some(crate::v1alpha2::Model::default()), ..Default::default() };
        assert_eq!(decode(&spec), Ok(expected));
        assert_eq!(decode(&Value::Null), Ok(LlmInferenceServiceSpec::default()));
        let labels = decode(&json!({"labels": {"gone": null, "kept": "yes"}})).unwrap().workload.labels;
        assert_eq!(labels, Some(BTreeMap::from([("kept".to_owned(), "yes".to_owned())])));
    }
}
