//! The `response` of an AdmissionReview (`reference/api.md §5.3`).

use llmisvc_api::v1alpha2::{CONFIG_KIND, GROUP, KIND};
use serde_json::{Map, Value, json};

use crate::admission::{Problem, Request, Subject, Verdict};
use crate::tree;

/// Bytes of a warning; longer ones may be cut by the API server.
const LONGEST: usize = 256;
/// Bytes of all warnings; what is beyond may be dropped by the API server.
const ALL: usize = 4096;

/// The `response` of an AdmissionReview: 422 with one cause for each field, or a plain 403.
pub fn response(uid: &str, verdict: &Verdict, request: &Request<'_>) -> Value {
    let mut response = Map::new();
    response.insert("uid".to_owned(), json!(uid));
    response.insert("allowed".to_owned(), json!(verdict.problems.is_empty()));
    if !verdict.problems.is_empty() {
        let plain = verdict.problems.iter().all(|problem| problem.path.is_empty());
        let status = if plain { forbidden(verdict) } else { invalid(verdict, request) };
        response.insert("status".to_owned(), status);
    }
    if !verdict.warnings.is_empty() {
        response.insert("warnings".to_owned(), json!(capped(&verdict.warnings)));
    }
    Value::Object(response)
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": message})
}

fn forbidden(verdict: &Verdict) -> Value {
    let messages: Vec<&str> = verdict.problems.iter().map(|problem| problem.message.as_str()).collect();
    status(403, "Forbidden", &messages.join("; "))
}

fn invalid(verdict: &Verdict, request: &Request<'_>) -> Value {
    let kind = match request.subject {
        Subject::Service => KIND,
        Subject::Config => CONFIG_KIND,
    };
    let errors: Vec<String> = verdict.problems.iter().map(ToString::to_string).collect();
    let errors = match errors.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let mut status =
        status(422, "Invalid", &format!("{kind}.{GROUP} \"{}\" is invalid: {errors}", request.name));
    let causes: Vec<Value> = verdict.problems.iter().map(cause).collect();
    *tree::entry(&mut status, "details") =
        json!({"name": request.name, "group": GROUP, "kind": kind, "causes": causes});
    status
}

fn cause(problem: &Problem) -> Value {
    json!({"reason": problem.class.reason(), "message": problem.body(), "field": problem.path})
}

impl Problem {
    /// The problem without its field.
    pub fn body(&self) -> String {
        let value = self.value.as_ref().map(|value| format!("{value}: ")).unwrap_or_default();
        format!("{}: {value}{}", self.class.text(), self.message)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}", self.message),
            path => write!(f, "{path}: {}", self.body()),
        }
    }
}

/// Warnings as the API server takes them: each short enough, and all of them together.
fn capped(warnings: &[String]) -> Vec<String> {
    let (mut kept, mut bytes) = (Vec::new(), 0);
    for (index, warning) in warnings.iter().enumerate() {
        let line = shortened(warning);
        if bytes + line.len() > ALL - LONGEST {
            kept.push(format!("{} more warnings: `llmisvc validate` prints all", warnings.len() - index));
            break;
        }
        bytes += line.len();
        kept.push(line);
    }
    kept
}

fn shortened(warning: &str) -> String {
    let line = warning.replace('\n', " ");
    if line.len() <= LONGEST {
        return line;
    }
    let end = line.floor_char_boundary(LONGEST - "…".len());
    format!("{}…", line.get(..end).unwrap_or_default())
}
