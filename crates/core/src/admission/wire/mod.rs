//! AdmissionReview, versions v1 and v1beta1: from the body of a request to the body of the answer
//! (`reference/api.md §5.3`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use llmisvc_api::v1alpha2::{CONFIG_KIND, KIND};
use llmisvc_api::version::Version;
use serde_json::{Value, json};

mod response;

pub use response::response;

use super::{Operation, Request, Site, Subject, Verdict, mutate, review};
use crate::tree;

/// Why a body is no review that we can answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It is something else.
    #[error(
        "kind {kind:?} of apiVersion {api_version:?} is no AdmissionReview of admission.k8s.io/v1 or v1beta1"
    )]
    NotAReview {
        /// Its kind.
        kind: String,
        /// Its version.
        api_version: String,
    },
    /// It has no request, or one without uid.
    #[error("request.uid is missing: the AdmissionReview asks nothing")]
    NoRequest,
    /// The object is none of ours.
    #[error(
        "request.kind is {0}: these webhooks are for the kinds of serving.kserve.io in v1alpha1 and v1alpha2"
    )]
    Kind(String),
    /// Nothing that an object goes through here.
    #[error("request.operation is {0:?}: these webhooks are for CREATE, UPDATE and DELETE")]
    Operation(String),
    /// The object is missing.
    #[error("request.{0} is missing")]
    NoObject(&'static str),
}

/// An AdmissionReview that asks about one of our objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    body: Value,
    subject: Subject,
    version: Version,
    operation: Operation,
}

impl Review {
    /// Reads a body.
    pub fn parse(body: Value) -> Result<Self, WireError> {
        let (kind, api_version) = (tree::text(&body, &["kind"]), tree::text(&body, &["apiVersion"]));
        if kind != "AdmissionReview"
            || !["admission.k8s.io/v1", "admission.k8s.io/v1beta1"].contains(&api_version)
        {
            let (kind, api_version) = (kind.to_owned(), api_version.to_owned());
            return Err(WireError::NotAReview { kind, api_version });
        }
        if tree::text(&body, &["request", "uid"]).is_empty() {
            return Err(WireError::NoRequest);
        }
        let (subject, version) = kind_of(&body)?;
        let operation = operation_of(&body)?;
        Ok(Self { body, subject, version, operation })
    }

    fn text(&self, key: &str) -> &str {
        tree::text(&self.body, &["request", key])
    }

    fn object(&self, key: &str) -> Option<&Value> {
        tree::get(&self.body, &["request", key]).filter(|object| object.is_object())
    }

    /// `request.uid`, which the answer repeats.
    pub fn uid(&self) -> &str {
        self.text("uid")
    }

    /// What it asks. The name of an object that is yet to get one is empty.
    pub fn request(&self) -> Request<'_> {
        let object = self.object("object");
        let named = object.map(|object| tree::text(object, &["metadata", "name"])).unwrap_or_default();
        let name = Some(self.text("name")).filter(|name| !name.is_empty()).unwrap_or(named);
        Request {
            subject: self.subject,
            version: self.version,
            operation: self.operation,
            namespace: self.text("namespace"),
            name,
            user: tree::text(&self.body, &["request", "userInfo", "username"]),
            object,
            old: self.object("oldObject"),
        }
    }

    /// Subresources, such as status and scale, are nobody's business here.
    fn is_about_a_subresource(&self) -> bool {
        !self.text("subResource").is_empty()
    }

    fn answer(&self, response: &Value) -> Value {
        json!({"apiVersion": tree::text(&self.body, &["apiVersion"]), "kind": "AdmissionReview", "response": response})
    }

    /// The body of a validating webhook's answer.
    pub fn validated(&self, site: &Site) -> Value {
        let request = self.request();
        let verdict = if self.is_about_a_subresource() { Verdict::default() } else { review(&request, site) };
        self.answer(&response(self.uid(), &verdict, &request))
    }

    /// The body of a mutating webhook's answer.
    pub fn mutated(&self, site: &Site) -> Value {
        let patches = if self.is_about_a_subresource() { Vec::new() } else { mutate(&self.request(), site) };
        let mut response = response(self.uid(), &Verdict::default(), &self.request());
        if !patches.is_empty() {
            *tree::entry(&mut response, "patchType") = json!("JSONPatch");
            *tree::entry(&mut response, "patch") = json!(STANDARD.encode(Value::Array(patches).to_string()));
        }
        self.answer(&response)
    }
}

fn kind_of(body: &Value) -> Result<(Subject, Version), WireError> {
    let text = |key| tree::text(body, &["request", "kind", key]);
    let unknown = || WireError::Kind(format!("{}/{} {}", text("group"), text("version"), text("kind")));
    let subject = match text("kind") {
        KIND => Subject::Service,
        CONFIG_KIND => Subject::Config,
        _ => return Err(unknown()),
    };
    let version = Version::of(&format!("{}/{}", text("group"), text("version"))).ok_or_else(unknown)?;
    Ok((subject, version))
}

fn operation_of(body: &Value) -> Result<Operation, WireError> {
    let is_there = |key| tree::get(body, &["request", key]).is_some_and(Value::is_object);
    let (operation, needed): (_, &[&'static str]) = match tree::text(body, &["request", "operation"]) {
        "CREATE" => (Operation::Create, &["object"]),
        "UPDATE" => (Operation::Update, &["object", "oldObject"]),
        "DELETE" => (Operation::Delete, &[]),
        other => return Err(WireError::Operation(other.to_owned())),
    };
    match needed.iter().find(|key| !is_there(**key)) {
        Some(missing) => Err(WireError::NoObject(missing)),
        None => Ok(operation),
    }
}
