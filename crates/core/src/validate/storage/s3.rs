//! Environment of S3 downloads (`reference/workloads.md §9.9`): each from an annotation, else from the Secret's data,
//! else from the settings.

use serde_json::{Value, json};

use crate::labels::Labels;
use crate::settings::CredentialSettings;

/// A variable that refers to the Secret's data key of its name, if there is one.
pub type FromData<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// Variables after the endpoint's, with their annotation.
const PLAIN: [(&str, &str); 7] = [
    ("S3_VERIFY_SSL", "s3-verifyssl"),
    ("awsAnonymousCredential", "s3-useanoncredential"),
    ("AWS_DEFAULT_REGION", "s3-region"),
    ("S3_USER_VIRTUAL_BUCKET", "s3-usevirtualbucket"),
    ("S3_USE_ACCELERATE", "s3-useaccelerate"),
    ("AWS_CA_BUNDLE", "s3-cabundle"),
    ("AWS_CA_BUNDLE_CONFIGMAP", "s3-cabundle-configmap"),
];

/// All variables in the order of the reference.
pub fn env(settings: &CredentialSettings, annotations: &Labels, data: Option<FromData<'_>>) -> Vec<Value> {
    let source = Source { settings, annotations, data };
    let mut env = source.endpoint();
    env.extend(PLAIN.into_iter().filter_map(|(name, annotation)| source.variable(name, annotation)));
    env
}

struct Source<'a> {
    settings: &'a CredentialSettings,
    annotations: &'a Labels,
    data: Option<FromData<'a>>,
}

impl Source<'_> {
    fn annotation(&self, annotation: &str) -> Option<&str> {
        let value = self.annotations.get(&format!("serving.kserve.io/{annotation}"))?;
        Some(value.as_str()).filter(|v| !v.is_empty())
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let (_, value) = self.settings.s3_env.iter().find(|(n, _)| n == name)?;
        Some(value.as_str()).filter(|v| !v.is_empty())
    }

    fn variable(&self, name: &str, annotation: &str) -> Option<Value> {
        let literal = |value: &str| json!({"name": name, "value": value});
        self.annotation(annotation)
            .map(literal)
            .or_else(|| self.data.and_then(|data| data(name)))
            .or_else(|| self.setting(name).map(literal))
    }

    /// `S3_USE_HTTPS`, `S3_ENDPOINT` and `AWS_ENDPOINT_URL`; none of them without an endpoint.
    fn endpoint(&self) -> Vec<Value> {
        let Some(endpoint) = self.variable("S3_ENDPOINT", "s3-endpoint") else { return Vec::new() };
        let https = self.variable("S3_USE_HTTPS", "s3-usehttps");
        let Some(literal) = endpoint.get("value").and_then(Value::as_str).map(str::trim) else {
            return from_data(endpoint, https);
        };
        let (forced, host) = match literal.split_once("://") {
            Some((scheme, host)) => (Some(if scheme == "https" { "1" } else { "0" }), host),
            None => (None, literal),
        };
        let https = forced.map(|v| json!({"name": "S3_USE_HTTPS", "value": v})).or(https);
        let url = format!("{}://{host}", scheme(https.as_ref()));
        let host = json!({"name": "S3_ENDPOINT", "value": host});
        https.into_iter().chain([host, json!({"name": "AWS_ENDPOINT_URL", "value": url})]).collect()
    }
}

/// The endpoint's value is only known in the pod, where the kubelet puts it into the URL.
fn from_data(endpoint: Value, https: Option<Value>) -> Vec<Value> {
    let url = format!("{}://$(S3_ENDPOINT)", scheme(https.as_ref()));
    https.into_iter().chain([endpoint, json!({"name": "AWS_ENDPOINT_URL", "value": url})]).collect()
}

fn scheme(https: Option<&Value>) -> &'static str {
    if https.and_then(|e| e.get("value")) == Some(&json!("0")) { "http" } else { "https" }
}
