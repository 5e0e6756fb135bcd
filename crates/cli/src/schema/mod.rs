//! The CRDs' schemas without an API server: structure first and, where that holds, the CEL rules, in the words of the
//! API server.

mod limits;
mod structure;

use std::sync::LazyLock;

use kube_cel::Validator;
use llmisvc_api::crd::crds;
use serde_json::Value;

/// What an API server says about an object's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it refuses, with the field's path.
    pub refused: Vec<Said>,
    /// Fields that no schema has: kubectl refuses them, and other clients lose them.
    pub unknown: Vec<Said>,
}

/// One thing that is said about a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its path.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What the schema of the kind says in this version; of a version that no CRD serves, nothing.
pub fn check(kind: &str, version: &str, object: &Value) -> Answer {
    let Some(schema) = schema(kind, version) else { return Answer::default() };
    let mut answer = structure::check(schema, object);
    if answer.refused.is_empty() {
        answer.refused = rules(schema, object);
    }
    answer
}

/// Whether a CRD serves the kind in this version.
pub fn serves(kind: &str, version: &str) -> bool {
    schema(kind, version).is_some()
}

fn schema(kind: &str, version: &str) -> Option<&'static Value> {
    static CRDS: LazyLock<Vec<Value>> = LazyLock::new(crds);
    let crd = CRDS.iter().find(|crd| crd.pointer("/spec/names/kind").is_some_and(|k| k == kind))?;
    let mut versions = crd.pointer("/spec/versions")?.as_array()?.iter();
    versions.find(|v| v.get("name").is_some_and(|name| name == version))?.pointer("/schema/openAPIV3Schema")
}

/// CEL reads a null member as an absent one.
fn rules(schema: &Value, object: &Value) -> Vec<Said> {
    let result = Validator::new().validate(schema, &without_nulls(object), None);
    let errors = result.err().map(|errors| errors.into_vec()).unwrap_or_default();
    errors.into_iter().map(|error| Said { path: error.field_path, message: error.message }).collect()
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        leaf => leaf.clone(),
    }
}

#[cfg(test)]
mod tests;
