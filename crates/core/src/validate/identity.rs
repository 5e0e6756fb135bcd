//! Who the service is, from its metadata.

use serde_json::Value;

use crate::tree;
use crate::valid::Identity;

/// Reads the metadata of a service.
pub fn identity(service: &Value) -> Identity {
    let uid = tree::text(service, &["metadata", "uid"]);
    Identity {
        name: tree::text(service, &["metadata", "name"]).to_owned(),
        namespace: tree::text(service, &["metadata", "namespace"]).to_owned(),
        uid: (!uid.is_empty()).then(|| uid.to_owned()),
        labels: tree::strings(service, &["metadata", "labels"]),
        annotations: tree::strings(service, &["metadata", "annotations"]),
    }
}

/// Name that requests use for the model: `spec.model.name`, else the name of the service.
pub fn model_name(id: &Identity, spec: &Value) -> String {
    match tree::text(spec, &["model", "name"]) {
        "" => id.name.clone(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identity_is_read_from_metadata() {
        let service = json!({"metadata": {
            "name": "llama", "namespace": "ns", "uid": "u", "labels": {"a": "b"},
            "annotations": {"c": "d"},
        }});
        let id = identity(&service);
        assert_eq!((id.name.as_str(), id.namespace.as_str(), id.uid.as_deref()), ("llama", "ns", Some("u")));
        assert_eq!((id.labels["a"].as_str(), id.annotations["c"].as_str()), ("b", "d"));
    }

    #[test]
    fn offline_there_is_no_uid_and_the_model_is_called_like_the_service() {
        let id = identity(&json!({"metadata": {"name": "llama"}}));
        assert_eq!(id.uid, None);
        assert_eq!(model_name(&id, &json!({})), "llama");
        assert_eq!(model_name(&id, &json!({"model": {"name": "m"}})), "m");
    }
}
