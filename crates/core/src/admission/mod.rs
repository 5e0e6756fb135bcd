//! What admission says to a write (`reference/api.md §5`): a function of the request alone.

use llmisvc_api::rules;
use llmisvc_api::v1alpha2;
use llmisvc_api::version::Version;
use serde_json::Value;

use crate::tree;

/// Which of our kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `LLMInferenceService`.
    Service,
    /// `LLMInferenceServiceConfig`.
    Config,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// A change, of the object's main resource.
    Update,
    /// A deletion.
    Delete,
}

/// A write that asks for admission.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Kind of the object.
    pub subject: Subject,
    /// Version of both objects.
    pub version: Version,
    /// What is done.
    pub operation: Operation,
    /// Namespace of the object.
    pub namespace: &'a str,
    /// Its name; empty for `generateName`.
    pub name: &'a str,
    /// The object as it is to become; none when it is deleted.
    pub object: Option<&'a Value>,
    /// The object as it is; none when it is created.
    pub old: Option<&'a Value>,
}

/// What admission knows besides the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Namespace of the operator and its presets.
    pub system_namespace: String,
    /// Prefix of the presets that this release installs.
    pub config_prefix: String,
    /// Whether presets in the system namespace are kept from deletion.
    pub prevent_config_deletion: bool,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Why the write is refused; empty when it is admitted.
    pub problems: Vec<Problem>,
    /// What the user should know, admitted or not.
    pub warnings: Vec<String>,
}

/// Class of a problem, as clients see it (`reference/api.md §5.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `FieldValueInvalid`.
    Invalid,
    /// `FieldValueRequired`.
    Required,
    /// `FieldValueForbidden`.
    Forbidden,
    /// `FieldValueNotSupported`.
    NotSupported,
}

/// One reason to refuse.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Its class.
    pub class: Class,
    /// Field path, from `spec` or `metadata`; empty when it is about the object as a whole (a plain refusal, 403).
    pub path: String,
    /// The value, where the class shows one and it is a scalar.
    pub value: Option<Value>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What admission says.
pub fn review(request: &Request<'_>, _site: &Site) -> Verdict {
    let (Subject::Service, Some(object)) = (request.subject, request.object) else {
        return Verdict::default();
    };
    let annotations = tree::strings(object, &["metadata", "annotations"]);
    let spec = object.get("spec").cloned().unwrap_or_default();
    match v1alpha2::decode(&spec) {
        Err(error) => Verdict { problems: vec![invalid(error.path, error.message)], ..Verdict::default() },
        Ok(spec) => Verdict {
            problems: rules::check(request.namespace, request.name, &annotations, &spec)
                .into_iter()
                .map(|violation| invalid(violation.path, violation.message))
                .collect(),
            warnings: rules::warnings(request.namespace, &spec).iter().map(ToString::to_string).collect(),
        },
    }
}

fn invalid(path: String, message: String) -> Problem {
    Problem { class: Class::Invalid, path, value: None, message }
}
