//! The CRDs' schemas without an API server: structure first and, unless that is too far off, the CEL rules, in the
//! words of the API server.

mod limits;
mod structure;

use std::sync::LazyLock;

use kube_cel::{CompiledSchema, ValidationErrors, Validator, compile_schema};
use llmisvc_api::crd::crds;
use llmisvc_core::tree;
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
    let Some(served) = served(kind, version) else { return Answer::default() };
    let (mut answer, blocked) = structure::check(&served.schema, object);
    if !blocked {
        answer.refused.extend(rules(&served.rules, object));
    }
    answer
}

/// Whether a CRD serves the kind in this version.
pub fn serves(kind: &str, version: &str) -> bool {
    served(kind, version).is_some()
}

/// A version of a CRD, with its rules compiled: that takes longer than to evaluate them.
struct Served {
    kind: String,
    version: String,
    schema: Value,
    rules: CompiledSchema,
}

fn served(kind: &str, version: &str) -> Option<&'static Served> {
    static SERVED: LazyLock<Vec<Served>> = LazyLock::new(|| crds().iter().flat_map(versions).collect());
    SERVED.iter().find(|served| served.kind == kind && served.version == version)
}

fn versions(crd: &Value) -> Vec<Served> {
    let kind = tree::text(crd, &["spec", "names", "kind"]);
    let of = |version: &Value| {
        let schema = tree::get(version, &["schema", "openAPIV3Schema"]).cloned().unwrap_or_default();
        let version = tree::text(version, &["name"]).to_owned();
        Served { kind: kind.to_owned(), version, rules: compile_schema(&schema), schema }
    };
    tree::list(crd, &["spec", "versions"]).iter().map(of).collect()
}

/// CEL reads a null member as an absent one.
fn rules(schema: &CompiledSchema, object: &Value) -> Vec<Said> {
    let result = Validator::new().validate_compiled(schema, &without_nulls(object), None);
    let errors = result.err().map(ValidationErrors::into_vec).unwrap_or_default();
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
