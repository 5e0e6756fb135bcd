//! The CRDs, generated from the types.

pub mod cel;
mod manifest;
pub mod nodes;
mod options;
mod relax;
mod structural;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub use options::{Conversion, Options, Pods};

use crate::v1alpha1;
use crate::v1alpha2::{
    LlmInferenceServiceConfigStatus, LlmInferenceServiceSpec, LlmInferenceServiceStatus, POD_SPECS,
};
use crate::version::Version;

/// Both CRDs as they are shipped, the service's first. The stored version is the first of each.
pub fn crds() -> Vec<Value> {
    generate(&Options::default())
}

/// Both CRDs, the service's first.
pub fn generate(options: &Options) -> Vec<Value> {
    vec![manifest::service(options), manifest::config(options)]
}

/// One of the kinds, and what is asked of its schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    Config,
}

/// The schema of an object in one version.
fn schema(kind: Kind, version: Version, pods: Pods) -> Value {
    let status = match kind {
        Kind::Service => structural::of::<LlmInferenceServiceStatus>(),
        Kind::Config => structural::of::<LlmInferenceServiceConfigStatus>(),
    };
    let text = json!({"type": "string"});
    let mut object = json!({
        "type": "object",
        "properties": {
            "apiVersion": text,
            "kind": text,
            "metadata": {"type": "object"},
            "spec": structural::of::<LlmInferenceServiceSpec>(),
            "status": status,
        },
    });
    if version == Version::V1alpha1 {
        v1alpha1::adapt_schema(&mut object);
    }
    if pods == Pods::Full {
        describe_pods(&mut object, version);
    }
    adapt(&mut object, kind, pods);
    object
}

/// One description of a PodSpec per kind is all that the 1.5 MB of an object have room for.
fn describe_pods(object: &mut Value, version: Version) {
    let Some(spec) = object.pointer_mut("/properties/spec") else { return };
    for (number, path) in POD_SPECS.iter().enumerate() {
        let pointer = format!("/properties/{}", path.join("/properties/"));
        let Some(place) = spec.pointer_mut(&pointer) else { continue };
        *place = nodes::full_pod_spec();
        let described = number == 0 && version == Version::V1alpha2;
        place.as_object_mut().filter(|_| !described).map(structural::undescribed).unwrap_or_default();
    }
}

fn adapt(object: &mut Value, kind: Kind, pods: Pods) {
    if let Some(object) = object.as_object_mut().filter(|_| pods == Pods::Open) {
        structural::undescribed(object);
    }
    if let Some(spec) = object.pointer_mut("/properties/spec").and_then(Value::as_object_mut) {
        adapt_spec(spec, kind);
    }
}

fn adapt_spec(spec: &mut Map<String, Value>, kind: Kind) {
    if kind == Kind::Config {
        relax::relax(spec);
    }
    structural::let_null_reset(spec);
    // The API server reads the scale subresource of what is written and wants a count or nothing there. Where null is
    // not allowed it leaves the member out.
    let replicas =
        spec.get_mut("properties").and_then(|p| p.get_mut("replicas")).and_then(Value::as_object_mut);
    if let Some(replicas) = replicas.filter(|_| kind == Kind::Service) {
        replicas.remove("nullable");
    }
}
