//! The objects as watches decode them: metadata and two trees.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{API_VERSION, CONFIG_KIND, CONFIG_PLURAL, GROUP, KIND, PLURAL, VERSION};

macro_rules! light_object {
    ($(#[$doc:meta])* $name:ident, $kind:expr, $plural:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        pub struct $name {
            /// Standard metadata.
            #[serde(default)]
            pub metadata: ObjectMeta,
            /// Spec as it came; null when there is none.
            #[serde(default)]
            pub spec: Value,
            /// Status as it came; null when there is none.
            #[serde(default)]
            pub status: Value,
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                write(serializer, $kind, &self.metadata, &self.spec, &self.status)
            }
        }

        impl kube::Resource for $name {
            type DynamicType = ();
            type Scope = k8s_openapi::NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }

            fn group((): &()) -> Cow<'_, str> {
                GROUP.into()
            }

            fn version((): &()) -> Cow<'_, str> {
                VERSION.into()
            }

            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

light_object! {
    /// `LLMInferenceService`.
    LlmInferenceService, KIND, PLURAL
}
light_object! {
    /// `LLMInferenceServiceConfig`.
    LlmInferenceServiceConfig, CONFIG_KIND, CONFIG_PLURAL
}

fn write<S: Serializer>(
    serializer: S,
    kind: &str,
    metadata: &ObjectMeta,
    spec: &Value,
    status: &Value,
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_struct(KIND, 5)?;
    object.serialize_field("apiVersion", API_VERSION)?;
    object.serialize_field("kind", kind)?;
    object.serialize_field("metadata", metadata)?;
    for (field, tree) in [("spec", spec), ("status", status)] {
        if tree.is_null() {
            object.skip_field(field)?;
        } else {
            object.serialize_field(field, tree)?;
        }
    }
    object.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::Resource;
    use serde_json::json;

    #[test]
    fn an_object_keeps_what_no_type_knows() {
        let written = json!({
            "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService",
            "metadata": {"name": "llama", "namespace": "ns"},
            "spec": {"replicas": "two", "later": [1]},
        });
        let object: LlmInferenceService = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&object).unwrap(), written);
    }

    #[test]
    fn a_config_is_addressed_by_its_own_plural() {
        let config: LlmInferenceServiceConfig = serde_json::from_value(json!({"metadata": {}})).unwrap();
        assert_eq!(
            serde_json::to_value(&config).unwrap(),
            json!({"apiVersion": API_VERSION, "kind": CONFIG_KIND, "metadata": {}})
        );
        assert_eq!(
            LlmInferenceServiceConfig::url_path(&(), Some("ns")),
            "/apis/serving.kserve.io/v1alpha2/namespaces/ns/llminferenceserviceconfigs"
        );
    }
}
