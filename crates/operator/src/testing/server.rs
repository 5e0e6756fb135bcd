//! Stores objects by path and logs every request; knows just enough of field managers to catch an apply over an
//! `Update` entry.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::stores::lock;
use crate::wire::{MANAGER, Wire};

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    log: Vec<String>,
    revision: u64,
    refused: BTreeMap<String, u16>,
    reviews: BTreeMap<String, Value>,
    after: BTreeMap<String, Box<dyn FnOnce() + Send>>,
}

/// See the module.
#[derive(Clone, Default)]
pub struct Server {
    state: Arc<Mutex<State>>,
}

type Answer = Result<Value, (u16, String)>;

impl Server {
    /// A client of this server.
    pub fn wire(&self) -> Wire {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Wire::new(Client::new(service, "default"))
    }

    /// Puts an object there, unlogged.
    pub fn put(&self, path: &str, mut object: Value) -> Value {
        let mut state = lock(&self.state);
        state.revision += 1;
        object["metadata"]["resourceVersion"] = json!(state.revision.to_string());
        state.objects.insert(path.to_owned(), object.clone());
        object
    }

    /// What is stored.
    pub fn get(&self, path: &str) -> Option<Value> {
        lock(&self.state).objects.get(path).cloned()
    }

    /// Takes an object away, unlogged.
    pub fn remove(&self, path: &str) {
        lock(&self.state).objects.remove(path);
    }

    /// Every write to this object (or, for a create, of this name) is refused.
    pub fn refuse(&self, name: &str, code: u16) {
        lock(&self.state).refused.insert(name.to_owned(), code);
    }

    /// The status of reviews of this kind.
    pub fn review(&self, kind: &str, status: Value) {
        lock(&self.state).reviews.insert(kind.to_owned(), status);
    }

    /// Something happens right after this request was carried out, before its answer is read.
    pub fn after(&self, request: &str, happens: impl FnOnce() + Send + 'static) {
        lock(&self.state).after.insert(request.to_owned(), Box::new(happens));
    }

    /// Writes to this object go through again.
    pub fn relent(&self, name: &str) {
        lock(&self.state).refused.remove(name);
    }

    /// The requests so far; the log starts anew.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).log)
    }

    /// The same, in no order.
    pub fn request_set(&self) -> BTreeSet<String> {
        self.requests().into_iter().collect()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        let kind =
            parts.headers.get("content-type").map(|k| k.to_str().unwrap().to_owned()).unwrap_or_default();
        let (answer, happens) = {
            let mut state = lock(&self.state);
            let answer = state.handle(&parts.method, parts.uri.path(), &kind, &body);
            let request = state.log.last().cloned().unwrap_or_default();
            (answer, state.after.remove(&request))
        };
        if let Some(happens) = happens {
            happens();
        }
        let (code, value) = answer.map_or_else(
            |(code, message)| {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                                    "code": code, "message": message, "reason": ""});
                (code, status)
            },
            |value| (200, value),
        );
        Response::builder().status(code).body(Body::from(value.to_string().into_bytes())).unwrap()
    }
}

impl State {
    fn handle(&mut self, method: &Method, path: &str, kind: &str, body: &Value) -> Answer {
        let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let (verb, target) = match (method.as_str(), kind) {
            ("POST", _) => ("create", format!("{path}/{name}")),
            ("PATCH", "application/apply-patch+yaml") => ("apply", path.to_owned()),
            ("PATCH", "application/json-patch+json") => ("patch", path.to_owned()),
            ("PATCH", _) => ("merge", path.to_owned()),
            ("PUT", _) => ("replace", path.to_owned()),
            (other, _) => (if other == "GET" { "get" } else { "delete" }, path.to_owned()),
        };
        self.log.push(format!("{verb} {}", short(&target)));
        let last = target.rsplit('/').next().unwrap_or_default();
        if let Some(code) = self.refused.get(last) {
            return Err((*code, format!("spec.{last}: refused by the test")));
        }
        match verb {
            "get" => self.objects.get(&target).cloned().ok_or_else(not_found),
            "create" if self.reviews.contains_key(body["kind"].as_str().unwrap_or_default()) => {
                Ok(json!({"status": self.reviews[body["kind"].as_str().unwrap()]}))
            }
            "create" => self.create(target, body),
            "replace" => self.replace(target, body),
            "apply" => Ok(self.apply(target, body)),
            "patch" => self.patch(&target, body),
            "merge" => self.merge(&target, body),
            _ => self.delete(&target, body),
        }
    }

    fn store(&mut self, path: String, mut object: Value) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.objects.insert(path, object.clone());
        object
    }

    fn create(&mut self, mut path: String, body: &Value) -> Answer {
        let mut body = body.clone();
        if let Some(prefix) = body["metadata"]["generateName"].as_str() {
            let name = format!("{prefix}{}", self.revision);
            path.push_str(&name);
            body["metadata"]["name"] = json!(name);
        }
        if self.objects.contains_key(&path) {
            return Err((409, "already exists".to_owned()));
        }
        let mut object = body;
        object["metadata"]["uid"] = json!(format!("uid-{}", self.revision));
        object["metadata"]["managedFields"] = json!([
            {"manager": "another", "operation": "Update", "subresource": "status"},
            {"manager": MANAGER, "operation": "Update"},
        ]);
        Ok(self.store(path, object))
    }

    fn apply(&mut self, path: String, body: &Value) -> Value {
        let live =
            self.objects.get(&path).cloned().unwrap_or_else(|| json!({"metadata": {"uid": "uid-new"}}));
        let entries = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        assert!(
            !entries.iter().any(|e| e["manager"] == MANAGER && e["operation"] == "Update"),
            "an apply over the entry of a POST leaves removed fields behind: {path}"
        );
        let mut object = body.clone();
        object["metadata"]["uid"] = live["metadata"]["uid"].clone();
        object["metadata"]["managedFields"] = json!([{"manager": MANAGER, "operation": "Apply"}]);
        self.store(path, object)
    }

    fn patch(&mut self, path: &str, ops: &Value) -> Answer {
        let target = path.trim_end_matches("/status").to_owned();
        let mut object = self.objects.get(&target).cloned().ok_or_else(not_found)?;
        for op in ops.as_array().unwrap() {
            let pointer = op["path"].as_str().unwrap();
            match op["op"].as_str().unwrap() {
                "test" if object.pointer(pointer) != Some(&op["value"]) => {
                    return Err((422, "the test failed".to_owned()));
                }
                "test" => {}
                "add" => {
                    let (parent, key) = pointer.rsplit_once('/').unwrap();
                    object.pointer_mut(parent).unwrap()[key.replace("~1", "/")] = op["value"].clone();
                }
                _ => *object.pointer_mut(pointer).unwrap() = op["value"].clone(),
            }
        }
        Ok(self.store(target, object))
    }

    fn merge(&mut self, path: &str, change: &Value) -> Answer {
        let mut object = self.objects.get(path).cloned().ok_or_else(not_found)?;
        let version = &change["metadata"]["resourceVersion"];
        if !version.is_null() && object["metadata"]["resourceVersion"] != *version {
            return Err((409, "the object has been modified".to_owned()));
        }
        if let Some(finalizers) = change["metadata"].get("finalizers") {
            object["metadata"]["finalizers"] = finalizers.clone();
        }
        for (key, value) in change.as_object().into_iter().flatten().filter(|(key, _)| *key != "metadata") {
            object[key] = value.clone();
        }
        Ok(self.store(path.to_owned(), object))
    }

    fn replace(&mut self, path: String, body: &Value) -> Answer {
        let live = self.objects.get(&path).ok_or_else(not_found)?;
        if live["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] {
            return Err((409, "the object has been modified".to_owned()));
        }
        Ok(self.store(path, body.clone()))
    }

    fn delete(&mut self, path: &str, options: &Value) -> Answer {
        let object = self.objects.get(path).ok_or_else(not_found)?;
        if object["metadata"]["uid"] != options["preconditions"]["uid"] {
            return Err((409, "the UID in the precondition does not match".to_owned()));
        }
        let version = &options["preconditions"]["resourceVersion"];
        if !version.is_null() && object["metadata"]["resourceVersion"] != *version {
            return Err((409, "the version in the precondition does not match".to_owned()));
        }
        self.objects.remove(path);
        Ok(json!({"kind": "Status", "status": "Success"}))
    }
}

fn not_found() -> (u16, String) {
    (404, "not found".to_owned())
}

/// Without what is the same everywhere: `services/m-svc`, `llminferenceservices/m/status`.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let namespaced = parts.iter().position(|p| *p == "namespaces");
    let from = namespaced.map_or_else(|| if parts[0] == "api" { 2 } else { 3 }, |at| at + 2);
    parts[from..].join("/")
}
