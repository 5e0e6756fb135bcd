//! A scripted API server for Kubernetes clients: the requests it expects, in order, each with its answer.
//!
//! ```no_run
//! # use llmisvc_testkit::scripted::{scripted, Expect};
//! # use serde_json::json;
//! # async fn test() -> anyhow::Result<()> {
//! let (client, script) = scripted([
//!     Expect::get("/api/v1/namespaces/ns/services/m").missing(),
//!     Expect::post("/api/v1/namespaces/ns/services").body("/metadata/name", "m").created(json!({"kind": "Service"})),
//! ]);
//! // … what is tested uses `client` …
//! script.finished().await
//! # }
//! ```
//!
//! A request that is not the next one is answered with 500 and told by [`Script::finished`], as is one that comes
//! after the last, and one that never comes.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower_test::mock;

/// One request and its answer. Without an answer of its own it echoes the request's body.
#[derive(Clone, Debug)]
pub struct Expect {
    method: Method,
    path: String,
    query: Vec<String>,
    body: Vec<(String, Value)>,
    status: StatusCode,
    answer: Option<Value>,
}

impl Expect {
    fn new(method: Method, path: &str) -> Self {
        let path = path.to_owned();
        Self { method, path, query: Vec::new(), body: Vec::new(), status: StatusCode::OK, answer: None }
    }

    /// A GET of this path, without its query.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A POST; echoed as created.
    pub fn post(path: &str) -> Self {
        Self { status: StatusCode::CREATED, ..Self::new(Method::POST, path) }
    }

    /// A PUT.
    pub fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    /// A PATCH of any type.
    pub fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// A server-side apply by this field manager.
    pub fn apply(path: &str, manager: &str) -> Self {
        Self::new(Method::PATCH, path).query(&format!("fieldManager={manager}"))
    }

    /// A DELETE.
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
            .answered(StatusCode::OK, json!({"kind": "Status", "status": "Success"}))
    }

    /// The query must contain this `name=value`.
    #[must_use]
    pub fn query(mut self, pair: &str) -> Self {
        self.query.push(pair.to_owned());
        self
    }

    /// The body must have this value at this JSON pointer (the empty pointer is the whole body).
    #[must_use]
    pub fn body(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        self.body.push((pointer.to_owned(), value.into()));
        self
    }

    /// Answers 200 with this object.
    #[must_use]
    pub fn found(self, object: Value) -> Self {
        self.answered(StatusCode::OK, object)
    }

    /// Answers 201 with this object.
    #[must_use]
    pub fn created(self, object: Value) -> Self {
        self.answered(StatusCode::CREATED, object)
    }

    /// Answers 404 as the API server does.
    #[must_use]
    pub fn missing(self) -> Self {
        self.refused(404, "NotFound", "not found")
    }

    /// Answers with a `Status` object of this code, reason and message.
    #[must_use]
    pub fn refused(self, code: u16, reason: &str, message: &str) -> Self {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.answered(status, failure(code, reason, message))
    }

    fn answered(mut self, status: StatusCode, answer: Value) -> Self {
        (self.status, self.answer) = (status, Some(answer));
        self
    }

    /// What is wrong with the request, if anything.
    fn fault(&self, seen: &Seen) -> Option<String> {
        if (&self.method, self.path.as_str()) != (&seen.method, seen.path.as_str()) {
            return Some(format!("expected {} {}, got {seen}", self.method, self.path));
        }
        if let Some(pair) =
            self.query.iter().find(|pair| !seen.query.split('&').any(|it| it == pair.as_str()))
        {
            return Some(format!("{seen}: no {pair} in the query {:?}", seen.query));
        }
        let other = |(pointer, value): &&(String, Value)| seen.body.pointer(pointer) != Some(value);
        let (pointer, value) = self.body.iter().find(other)?;
        Some(format!("{seen}: expected {value} at {pointer:?}, got {:?}", seen.body.pointer(pointer)))
    }
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query.
    pub query: String,
    /// Its body; null when there is none or it is no JSON.
    pub body: Value,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

type Handle = mock::Handle<Request<Body>, Response<Body>>;

/// The other end of the client: what came and what was wrong with it.
#[derive(Debug)]
pub struct Script {
    task: JoinHandle<()>,
    record: Arc<Mutex<Record>>,
}

#[derive(Debug, Default)]
struct Record {
    seen: Vec<Seen>,
    faults: Vec<String>,
    open: Vec<String>,
}

/// A client and the script that answers it. Needs a running tokio runtime.
pub fn scripted(expected: impl IntoIterator<Item = Expect>) -> (Client, Script) {
    let (service, handle) = mock::pair::<Request<Body>, Response<Body>>();
    let expected: Vec<Expect> = expected.into_iter().collect();
    let open = expected.iter().map(|it| format!("{} {}", it.method, it.path)).collect();
    let record = Arc::new(Mutex::new(Record { open, ..Record::default() }));
    let task = tokio::spawn(play(expected, handle, Arc::clone(&record)));
    (Client::new(service, "default"), Script { task, record })
}

async fn play(expected: Vec<Expect>, mut handle: Handle, record: Arc<Mutex<Record>>) {
    let mut expected = expected.into_iter();
    while let Some((request, reply)) = handle.next_request().await {
        let seen = read(request).await;
        let next = expected.next();
        let fault = next.as_ref().map_or_else(|| Some(format!("unexpected {seen}")), |it| it.fault(&seen));
        reply.send_response(response(next.as_ref(), fault.as_deref(), &seen));
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.faults.extend(fault);
        record.seen.push(seen);
        if !record.open.is_empty() {
            record.open.remove(0);
        }
    }
}

async fn read(request: Request<Body>) -> Seen {
    let (head, body) = request.into_parts();
    let bytes = body.collect_bytes().await.unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let query = head.uri.query().unwrap_or_default().to_owned();
    Seen { method: head.method, path: head.uri.path().to_owned(), query, body }
}

fn response(expect: Option<&Expect>, fault: Option<&str>, seen: &Seen) -> Response<Body> {
    let (status, body) = match (expect, fault) {
        (Some(expect), None) => (expect.status, expect.answer.clone().unwrap_or_else(|| seen.body.clone())),
        (_, fault) => {
            let message = format!("scripted: {}", fault.unwrap_or("unexpected"));
            (StatusCode::INTERNAL_SERVER_ERROR, failure(500, "Scripted", &message))
        }
    };
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = status;
    response
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
           "reason": reason, "code": code})
}

impl Script {
    /// What came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).seen.clone()
    }

    /// Fails on a wrong, a missing and an extra request. Requests still on their way count.
    pub async fn finished(self) -> Result<()> {
        // Whatever is ready to run may send its requests first.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.task.abort();
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(record.faults.is_empty(), "{}", record.faults.join("\n"));
        ensure!(record.open.is_empty(), "never came: {}", record.open.join(", "));
        Ok(())
    }
}

/// A server that must not be asked anything.
#[derive(Debug)]
pub struct Silence(Script);

impl Silence {
    /// A client, and the proof that nobody used it.
    pub fn new() -> (Client, Self) {
        let (client, script) = scripted([]);
        (client, Self(script))
    }

    /// Fails when there was a request.
    pub async fn kept(self) -> Result<()> {
        self.0.finished().await
    }
}
