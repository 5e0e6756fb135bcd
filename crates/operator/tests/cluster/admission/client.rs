//! Hundreds of requests need one client, and the warnings that come in headers.

use anyhow::{Context as _, Result};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use llmisvc_testkit::Cluster;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// What the API server said.
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

impl Answer {
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// Field and message of each cause.
    pub fn causes(&self) -> impl Iterator<Item = (&str, &str)> {
        let causes = self.body["details"]["causes"].as_array().into_iter().flatten();
        causes.map(|cause| {
            (cause["field"].as_str().unwrap_or_default(), cause["message"].as_str().unwrap_or_default())
        })
    }
}

/// A client of the API server.
pub struct Client {
    runtime: Runtime,
    client: kube::Client,
}

impl Client {
    pub fn of(cluster: &Cluster) -> Result<Self> {
        let runtime = Runtime::new().context("starting a runtime")?;
        let config = Kubeconfig::read_from(cluster.kubeconfig())?;
        let client = runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
            anyhow::Ok(kube::Client::try_from(config)?)
        })?;
        Ok(Self { runtime, client })
    }

    pub fn create(&self, object: &Value, dry_run: bool) -> Result<Answer> {
        let (list, _) = place(object);
        let query = if dry_run { "?dryRun=All" } else { "" };
        self.send(&Method::POST, &format!("{list}{query}"), Some(object))
    }

    /// As the object is when it is written; again while somebody else writes it.
    pub fn update(&self, object: &Value) -> Result<Answer> {
        let (list, name) = place(object);
        let path = format!("{list}/{name}");
        loop {
            let mut new = self.send(&Method::GET, &path, None)?.body;
            new["spec"] = object["spec"].clone();
            if !object["metadata"]["labels"].is_null() {
                new["metadata"]["labels"] = object["metadata"]["labels"].clone();
            }
            let answer = self.send(&Method::PUT, &format!("{path}?dryRun=All"), Some(&new))?;
            if answer.code != 409 {
                return Ok(answer);
            }
        }
    }

    pub fn delete(&self, object: &Value) -> Result<Answer> {
        let (list, name) = place(object);
        self.send(&Method::DELETE, &format!("{list}/{name}?dryRun=All"), None)
    }

    fn send(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let body = body.map_or_else(Vec::new, |body| json!(body).to_string().into_bytes());
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body))?;
        self.runtime.block_on(async {
            let response = self.client.send(request).await.with_context(|| format!("{method} {path}"))?;
            let warnings = response.headers().get_all("warning").iter();
            let warnings = warnings.map(|w| unquoted(&String::from_utf8_lossy(w.as_bytes()))).collect();
            let code = response.status().as_u16();
            let bytes = response.into_body().collect().await?.to_bytes();
            Ok(Answer { code, body: serde_json::from_slice(&bytes)?, warnings })
        })
    }
}

/// Path of the list that the object belongs to, and its name.
fn place(object: &Value) -> (String, &str) {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let plural = format!("{}s", text("/kind").to_lowercase());
    let (version, namespace) = (text("/apiVersion"), text("/metadata/namespace"));
    (format!("/apis/{version}/namespaces/{namespace}/{plural}"), text("/metadata/name"))
}

/// The text of `299 - "text"`.
fn unquoted(header: &str) -> String {
    header.splitn(3, ' ').nth(2).unwrap_or_default().trim_matches('"').replace("\\\"", "\"")
}
