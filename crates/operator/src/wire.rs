//! Requests to the API server, on trees: one function per verb, every one with a deadline.

use std::time::Duration;

use http::{Method, Request};
use kube::Client;
use llmisvc_kinds::Served;
use serde_json::{Value, json};

/// Our field manager, for creates and applies alike.
pub use llmisvc_core::adopt::fields::MANAGER;

const DEADLINE: Duration = Duration::from_secs(30);

/// Why a request did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The API server answered with an error status.
    #[error("{message} ({code} {reason})")]
    Refused {
        /// HTTP status.
        code: u16,
        /// Machine-readable reason.
        reason: String,
        /// What the server says.
        message: String,
    },
    /// No answer within the deadline.
    #[error("no answer from the API server within {} s", DEADLINE.as_secs())]
    TimedOut,
    /// The connection failed.
    #[error("the API server cannot be reached")]
    Transport(#[source] Box<kube::Error>),
    /// The answer is not JSON; its text is not kept, since it might be a Secret.
    #[error("the API server's answer is not JSON")]
    Malformed,
    /// The request could not be built.
    #[error("the request could not be built")]
    Build(#[from] http::Error),
}

impl WireError {
    /// HTTP status, when the server answered at all.
    pub const fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl From<kube::Error> for WireError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused {
                code: status.code,
                reason: status.reason.clone(),
                message: status.message.clone(),
            },
            other => Self::Transport(Box::new(other)),
        }
    }
}

/// An error and its causes in one line, without those that an outer one already quotes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string().trim().to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(said.trim()) {
            text = format!("{text}: {}", said.trim());
        }
        source = cause.source();
    }
    text.replace('\n', " ")
}

/// Sends trees to the API server.
#[derive(Clone)]
pub struct Wire {
    client: Client,
}

/// One object's address.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its resource.
    pub served: &'a Served,
    /// Its namespace; ignored for cluster-scoped resources.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl Place<'_> {
    fn collection(&self) -> String {
        let root = if self.served.group.is_empty() { "api" } else { "apis" };
        let version = self.served.api_version();
        if self.served.namespaced {
            format!("/{root}/{version}/namespaces/{}/{}", self.namespace, self.served.plural)
        } else {
            format!("/{root}/{version}/{}", self.served.plural)
        }
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }
}

impl Wire {
    /// Over this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client, for watches.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The object; none when there is no such object, or no such kind.
    pub async fn get(&self, place: Place<'_>) -> Result<Option<Value>, WireError> {
        self.get_path(&place.path()).await
    }

    /// What stands at a raw path; none for 404.
    pub async fn get_path(&self, path: &str) -> Result<Option<Value>, WireError> {
        match self.send(Method::GET, path, "application/json", &Value::Null).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates the object under our field manager.
    pub async fn post(&self, place: Place<'_>, body: &Value) -> Result<Value, WireError> {
        let path = format!("{}?fieldManager={MANAGER}", place.collection());
        self.send(Method::POST, &path, "application/json", body).await
    }

    /// Replaces the object; `body` carries the resourceVersion that it replaces.
    pub async fn put(&self, place: Place<'_>, body: &Value) -> Result<Value, WireError> {
        self.send(Method::PUT, &place.path(), "application/json", body).await
    }

    /// Server-side apply under our field manager, taking fields from others.
    pub async fn apply(&self, place: Place<'_>, body: &Value) -> Result<Value, WireError> {
        let path = format!("{}?fieldManager={MANAGER}&force=true", place.path());
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", body).await
    }

    /// JSON patch of the object, or of its subresource (`/status`).
    pub async fn json_patch(&self, place: Place<'_>, sub: &str, ops: &Value) -> Result<Value, WireError> {
        let path = format!("{}{sub}?fieldManager={MANAGER}", place.path());
        self.send(Method::PATCH, &path, "application/json-patch+json", ops).await
    }

    /// JSON merge patch.
    pub async fn merge_patch(&self, place: Place<'_>, change: &Value) -> Result<Value, WireError> {
        let path = format!("{}?fieldManager={MANAGER}", place.path());
        self.send(Method::PATCH, &path, "application/merge-patch+json", change).await
    }

    /// Deletes exactly the object with this UID; its own children follow in the background.
    pub async fn delete(&self, place: Place<'_>, uid: &str) -> Result<(), WireError> {
        self.delete_by(place, &json!({"uid": uid}), "Background").await
    }

    /// Deletes the object only as it is in this version.
    pub async fn delete_version(&self, place: Place<'_>, uid: &str, version: &str) -> Result<(), WireError> {
        self.delete_by(place, &json!({"uid": uid, "resourceVersion": version}), "Background").await
    }

    /// The same, and the object stays until all that depends on it is gone.
    pub async fn delete_with_dependents(&self, place: Place<'_>, uid: &str) -> Result<(), WireError> {
        self.delete_by(place, &json!({"uid": uid}), "Foreground").await
    }

    async fn delete_by(&self, place: Place<'_>, only: &Value, propagation: &str) -> Result<(), WireError> {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": only,
        });
        self.send(Method::DELETE, &place.path(), "application/json", &options).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> Result<Value, WireError> {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .header("accept", "application/json")
            .body(bytes)?;
        let answer = tokio::time::timeout(DEADLINE, self.client.request_text(request)).await;
        let text = answer.map_err(|_elapsed| WireError::TimedOut)??;
        serde_json::from_str(&text).map_err(|_content_may_be_secret| WireError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_quotes_each_cause_once_on_one_line() {
        let io = std::io::Error::other("connection\nrefused");
        let error = WireError::from(kube::Error::ReadEvents(io));
        let text = "the API server cannot be reached: Error reading events stream: connection refused";
        assert_eq!(chain(&error), text);
    }

    #[test]
    fn paths_are_those_of_the_api() {
        let place = |served, name| Place { served, namespace: "ns", name };
        let path = |served| place(served, "x").path();
        assert_eq!(path(&crate::resources::SECRET), "/api/v1/namespaces/ns/secrets/x");
        assert_eq!(
            path(&crate::resources::GATEWAY),
            "/apis/gateway.networking.k8s.io/v1/namespaces/ns/gateways/x"
        );
        let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        assert_eq!(place(&crate::resources::CRD, "x").collection(), crds);
    }
}
