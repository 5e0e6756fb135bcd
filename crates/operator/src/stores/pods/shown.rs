//! A pod on its way from the watch into the store.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::ApiResource;
use llmisvc_core::pods::Body;
use serde::{Deserialize, Deserializer};

/// A pod as its watch delivers it.
#[derive(Clone, Debug)]
pub struct Shown {
    meta: ObjectMeta,
    /// The pod.
    pub body: Body,
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = Body::deserialize(deserializer)?;
        let version = Some(body.resource_version().to_owned());
        Ok(Self { meta: ObjectMeta { resource_version: version, ..ObjectMeta::default() }, body })
    }
}

impl Resource for Shown {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn api_version(dt: &ApiResource) -> Cow<'_, str> {
        dt.api_version.as_str().into()
    }
    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watch_gets_the_version_of_a_pod_and_nothing_else_of_its_metadata() {
        let text = r#"{"metadata": {"name": "a", "resourceVersion": "7", "managedFields": [{}]}}"#;
        let shown: Shown = serde_json::from_str(text).unwrap();
        let expected = ObjectMeta { resource_version: Some("7".to_owned()), ..ObjectMeta::default() };
        assert_eq!(shown.meta, expected);
    }
}
