//! Metadata: what is about the object's own controller, or about Knative, does not stay.

use serde_json::{Map, Value, json};

use super::source::Source;
use crate::convert::Loss;

/// Kept though they look like InferenceService's own: they mean the same on both sides.
const SAME: [&str; 2] = ["serving.kserve.io/stop", "serving.kserve.io/storageSecretName"];
const FOREIGN: [(&str, &str); 4] = [
    ("knative.dev/", "of Knative, which has no part in it"),
    ("serving.kserve.io/", "means InferenceServices only"),
    ("dynamo.nvidia.com/", "means Dynamo's operator only"),
    ("prometheus.kserve.io/", "means InferenceServices only"),
];
/// Dynamo's operator has some without a group of its own.
const DYNAMO: [&str; 2] = ["nvidia.com/enable-grove", "nvidia.com/kai-scheduler-queue"];
/// Written by the API server or by kubectl.
const OF_THE_SERVER: [&str; 8] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "finalizers",
    "ownerReferences",
];

/// Name and namespace; an empty one is left out.
pub fn named(name: &str, namespace: &str) -> Map<String, Value> {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    metadata
}

/// Labels or annotations that stay; none when nothing does.
pub fn kept(source: &mut Source, field: &str, lost: &mut Vec<Loss>) -> Option<Value> {
    let place = source.at(field);
    source.peek(field).filter(|map| map.is_object())?;
    let mut map = source.take(field)?;
    map.as_object_mut()?.retain(|key, _| {
        let why = foreign(key);
        lost.extend(why.map(|why| Loss::new(format!("{place}[{key}]"), why)));
        why.is_none() && key != "kubectl.kubernetes.io/last-applied-configuration"
    });
    map.as_object().is_some_and(|map| !map.is_empty()).then_some(map)
}

fn foreign(key: &str) -> Option<&'static str> {
    if DYNAMO.contains(&key) {
        return Some("means Dynamo's operator only");
    }
    let found = FOREIGN.iter().find(|(part, _)| key.contains(part) && !SAME.contains(&key))?;
    Some(found.1)
}

/// The metadata of the service.
pub fn of(source: &mut Source, lost: &mut Vec<Loss>) -> Map<String, Value> {
    let mut text = |field: &str| source.text(field).unwrap_or_default();
    let mut metadata = named(&text("name"), &text("namespace"));
    for field in OF_THE_SERVER {
        source.take(field);
    }
    for field in ["labels", "annotations"] {
        metadata.extend(kept(source, field, lost).map(|map| (field.to_owned(), map)));
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_other_controllers_goes() {
        let mut source = Source::new(
            json!({"name": "n", "uid": "u", "labels": {"a": "b"}, "annotations": {
                "autoscaling.knative.dev/target": "1", "serving.kserve.io/stop": "true", "nvidia.com/enable-grove": "true",
                "serving.kserve.io/deploymentMode": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"}}),
            "m",
        );
        let mut lost = Vec::new();
        let metadata = of(&mut source, &mut lost);
        let expected =
            json!({"name": "n", "labels": {"a": "b"}, "annotations": {"serving.kserve.io/stop": "true"}});
        assert_eq!(Value::Object(metadata), expected);
        let lost: Vec<&str> = lost.iter().map(|loss| loss.path.as_str()).collect();
        let of_others =
            ["autoscaling.knative.dev/target", "nvidia.com/enable-grove", "serving.kserve.io/deploymentMode"];
        assert_eq!(lost, of_others.map(|key| format!("m.annotations[{key}]")));
    }
}
