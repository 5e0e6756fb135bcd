//! What admission says to a write (`reference/api.md §5`): a function of the request alone. Nothing is read from the
//! cluster, so that no missing ConfigMap or unreadable cache keeps an object from being written (edges 17 and 29).

mod config;
mod fields;
mod foresight;
mod lora;
mod mutate;
mod place;
mod sample;
mod service;
mod site;
#[cfg(test)]
mod tests;
pub mod wire;

use llmisvc_api::rules::Violation;
use llmisvc_api::version::Version;
use serde_json::Value;

pub use llmisvc_api::rules::Class;
pub use mutate::mutate;
pub use site::{Site, is_namespace_deletion};

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
    /// Who asks.
    pub user: &'a str,
    /// The object as it is to become; none when it is deleted.
    pub object: Option<&'a Value>,
    /// The object as it is; none when it is created.
    pub old: Option<&'a Value>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Why the write is refused; empty when it is admitted.
    pub problems: Vec<Problem>,
    /// What the user should know, admitted or not.
    pub warnings: Vec<String>,
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

/// What admission says: the rules, and what the operator would find in the next pass.
pub fn review(request: &Request<'_>, site: &Site) -> Verdict {
    let found = violations(request, site);
    let mut verdict = verdict(request, &found);
    if verdict.problems.is_empty()
        && let Some(object) = current(request).filter(|_| request.subject == Subject::Service)
    {
        for line in foresight::foresee(request, &object) {
            if !verdict.warnings.contains(&line) {
                verdict.warnings.push(line);
            }
        }
    }
    verdict
}

/// What the rules alone say, without a look ahead: for those who make a pass anyway.
pub fn check(request: &Request<'_>, site: &Site) -> Verdict {
    verdict(request, &violations(request, site))
}

/// What the rules find, problems and warnings, with their ids (`reference/api.md §5.6–5.9`), in the order of §5.3.
pub fn violations(request: &Request<'_>, site: &Site) -> Vec<Violation> {
    match (request.subject, request.operation) {
        (Subject::Config, Operation::Delete) => config::deleted(request, site),
        (_, Operation::Delete) => Vec::new(),
        _ if is_settled(request) => Vec::new(),
        (Subject::Service, _) => service::check(request),
        (Subject::Config, _) => config::check(request, site),
    }
}

fn verdict(request: &Request<'_>, found: &[Violation]) -> Verdict {
    let (warnings, problems): (Vec<_>, Vec<_>) = found.iter().partition(|v| v.rule.is_warning());
    Verdict {
        problems: problems.into_iter().map(|violation| problem(request, violation)).collect(),
        warnings: warnings.into_iter().map(line).collect(),
    }
}

fn line(violation: &Violation) -> String {
    if violation.path.is_empty() { violation.message.clone() } else { violation.to_string() }
}

/// The value is shown where it is a scalar of a rule of the reference: whole objects are long, and what stands in a
/// pod may be secret (edge 31).
fn problem(request: &Request<'_>, violation: &Violation) -> Problem {
    let class = violation.rule.class();
    let shown = class.shows_value() && violation.rule.is_of_reference();
    let value = request.object.filter(|_| shown).and_then(|object| place::at(object, &violation.path));
    Problem {
        class,
        path: violation.path.clone(),
        value: value.filter(|v| !v.is_object() && !v.is_array() && !v.is_null()).cloned(),
        message: violation.message.clone(),
    }
}

/// Objects that go away, and updates of what no rule looks at, such as finalizers and labels: a stored object that
/// breaks a rule must be able to get them.
fn is_settled(request: &Request<'_>) -> bool {
    let (Some(object), Operation::Update) = (request.object, request.operation) else { return false };
    let goes = !tree::text(object, &["metadata", "deletionTimestamp"]).is_empty();
    let same = |old: &Value| {
        let annotations = |object| service::annotations_of_rules(object);
        annotations(old) == annotations(object) && same_spec(request.version, old, object)
    };
    goes || request.old.is_some_and(same)
}

/// In the version that the rules read: what v1alpha1 has no field for stands in an annotation there.
fn same_spec(version: Version, old: &Value, new: &Value) -> bool {
    if version == Version::V1alpha2 {
        return old.get("spec") == new.get("spec");
    }
    let spec = |object| service::converted(version, object).ok()?.get_mut("spec").map(Value::take);
    old.get("spec") == new.get("spec") && spec(old) == spec(new)
}

/// The object in the version that the rules read. What cannot be converted is reported by the rules.
fn current(request: &Request<'_>) -> Option<Value> {
    let object = request.object.filter(|_| !is_settled(request))?;
    service::converted(request.version, object).ok()
}
