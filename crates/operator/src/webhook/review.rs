//! Reviews as the API server sends them, and their answers (`reference/api.md §5.3`).

use llmisvc_api::conversion::convert;
use llmisvc_api::version::Version;
use llmisvc_core::admission::{self, Class, Operation, Problem, Request, Site, Subject, Verdict};
use llmisvc_core::tree;
use serde_json::{Value, json};

const ADMISSION: &str = "admission.k8s.io/v1";
const CONVERSION: &str = "apiextensions.k8s.io/v1";

/// Why a review cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// The body.
    #[error("the body is not JSON")]
    NotJson,
    /// No request in it.
    #[error("the body is no {0} of {1} with a request")]
    NotAReview(&'static str, &'static str),
    /// An operation that is not registered.
    #[error("operation {0:?} is not reviewed: use CREATE, UPDATE or DELETE")]
    Operation(String),
    /// A version that is not ours.
    #[error("desiredAPIVersion {0:?} is none of this group: use serving.kserve.io/v1alpha1 or v1alpha2")]
    Version(String),
}

/// The answer to a review and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The body to send.
    pub body: Value,
    /// Whether the write was admitted, or the objects converted.
    pub ok: bool,
}

/// What validation says to an `AdmissionReview`.
pub fn validate(body: &[u8], subject: Subject, version: Version, site: &Site) -> Result<Answer, ReviewError> {
    let asked = parse(body, "AdmissionReview", ADMISSION)?;
    let request = request(&asked, subject, version)?;
    let verdict = admission::review(&request, site);
    let ok = verdict.problems.is_empty();
    Ok(Answer { body: reviewed(response(tree::text(&asked, &["uid"]), &verdict, &request)), ok })
}

/// The minimal defaults, for clients that read `spec.model.name` (`reference/api.md §5.4`, D1): the name of the
/// object where it has one and the model has none.
pub fn mutate(body: &[u8], defaults: bool) -> Result<Answer, ReviewError> {
    let asked = parse(body, "AdmissionReview", ADMISSION)?;
    let mut response = json!({"uid": tree::text(&asked, &["uid"]), "allowed": true});
    if let (true, Some(patch)) = (defaults, asked.get("object").and_then(model_name)) {
        let patch = k8s_openapi::ByteString(patch.to_string().into_bytes());
        tree::overlay(&mut response, &json!({"patchType": "JSONPatch", "patch": patch}));
    }
    Ok(Answer { body: reviewed(response), ok: true })
}

fn model_name(object: &Value) -> Option<Value> {
    let name = tree::text(object, &["metadata", "name"]);
    let model = tree::get(object, &["spec", "model"]).filter(|model| model.is_object())?;
    let wanted = !name.is_empty() && tree::text(model, &["name"]).is_empty();
    wanted.then(|| json!([{"op": "add", "path": "/spec/model/name", "value": name}]))
}

/// A `ConversionReview`: all objects, or the first that cannot be converted and why.
pub fn conversion(body: &[u8]) -> Result<Answer, ReviewError> {
    let asked = parse(body, "ConversionReview", CONVERSION)?;
    let desired = tree::text(&asked, &["desiredAPIVersion"]);
    let to = Version::of(desired).ok_or_else(|| ReviewError::Version(desired.to_owned()))?;
    let uid = tree::text(&asked, &["uid"]);
    let converted: Result<Vec<Value>, String> =
        tree::list(&asked, &["objects"]).iter().map(|object| one(object, to)).collect();
    let ok = converted.is_ok();
    let response = match converted {
        Ok(objects) => json!({"uid": uid, "result": {"status": "Success"}, "convertedObjects": objects}),
        Err(why) => json!({"uid": uid, "result": {"status": "Failure", "message": why}}),
    };
    Ok(Answer { body: json!({"apiVersion": CONVERSION, "kind": "ConversionReview", "response": response}), ok })
}

fn one(object: &Value, to: Version) -> Result<Value, String> {
    let text = |path: &[&str]| tree::text(object, path).to_owned();
    convert(object.clone(), to).map_err(|error| {
        let [namespace, name] = ["namespace", "name"].map(|field| text(&["metadata", field]));
        format!("{} {namespace}/{name}: {error}", text(&["kind"]))
    })
}

fn parse(body: &[u8], kind: &'static str, version: &'static str) -> Result<Value, ReviewError> {
    let mut review: Value = serde_json::from_slice(body).map_err(|_| ReviewError::NotJson)?;
    let typed = tree::text(&review, &["kind"]) == kind && tree::text(&review, &["apiVersion"]) == version;
    let request = review.get_mut("request").map(Value::take).filter(Value::is_object);
    request.filter(|_| typed).ok_or(ReviewError::NotAReview(kind, version))
}

fn request(asked: &Value, subject: Subject, version: Version) -> Result<Request<'_>, ReviewError> {
    let operation = match tree::text(asked, &["operation"]) {
        "CREATE" => Operation::Create,
        "UPDATE" => Operation::Update,
        "DELETE" => Operation::Delete,
        other => return Err(ReviewError::Operation(other.to_owned())),
    };
    let object = |key: &str| asked.get(key).filter(|object| object.is_object());
    Ok(Request {
        subject,
        version,
        operation,
        namespace: tree::text(asked, &["namespace"]),
        name: tree::text(asked, &["name"]),
        object: object("object"),
        old: object("oldObject"),
    })
}

fn reviewed(response: Value) -> Value {
    json!({"apiVersion": ADMISSION, "kind": "AdmissionReview", "response": response})
}

fn response(uid: &str, verdict: &Verdict, request: &Request<'_>) -> Value {
    let mut response = json!({"uid": uid, "allowed": verdict.problems.is_empty()});
    if !verdict.problems.is_empty() {
        *tree::entry(&mut response, "status") = status(&verdict.problems, request);
    }
    if !verdict.warnings.is_empty() {
        *tree::entry(&mut response, "warnings") = json!(verdict.warnings);
    }
    response
}

fn status(problems: &[Problem], request: &Request<'_>) -> Value {
    if let Some(plain) = problems.iter().find(|problem| problem.path.is_empty()) {
        return json!({"code": 403, "reason": "Forbidden", "message": plain.message});
    }
    let kind = match request.subject {
        Subject::Service => "LLMInferenceService",
        Subject::Config => "LLMInferenceServiceConfig",
    };
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.path, detail(problem))).collect();
    let all = if lines.len() == 1 { lines.concat() } else { format!("[{}]", lines.join(", ")) };
    let causes: Vec<Value> = problems.iter().map(cause).collect();
    json!({
        "code": 422,
        "reason": "Invalid",
        "message": format!("{kind}.serving.kserve.io {:?} is invalid: {all}", request.name),
        "details": {"group": "serving.kserve.io", "kind": kind, "name": request.name, "causes": causes},
    })
}

fn cause(problem: &Problem) -> Value {
    let reason = match problem.class {
        Class::Invalid => "FieldValueInvalid",
        Class::Required => "FieldValueRequired",
        Class::Forbidden => "FieldValueForbidden",
        Class::NotSupported => "FieldValueNotSupported",
    };
    json!({"reason": reason, "field": problem.path, "message": detail(problem)})
}

fn detail(problem: &Problem) -> String {
    let class = match problem.class {
        Class::Invalid => "Invalid value",
        Class::Required => "Required value",
        Class::Forbidden => "Forbidden",
        Class::NotSupported => "Unsupported value",
    };
    match &problem.value {
        Some(value) => format!("{class}: {value}: {}", problem.message),
        None => format!("{class}: {}", problem.message),
    }
}

#[cfg(test)]
mod tests;
