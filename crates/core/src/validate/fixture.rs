//! A service under test with the cluster around it.

use std::sync::Arc;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Context;
use super::identity::{identity, model_name};
use super::revision::live_pair;
use super::routing::routing;
use super::workload::workloads;
use crate::facts::{Answer, Cluster, Key, Ref, Seen};
use crate::object::{Live, LiveObject, Object};
use crate::pass::{Finding, Inputs, is_stopped};
use crate::settings::Settings;
use crate::tree;
use crate::valid::{ValidService, Workload};

/// Everything a test may set.
pub struct Fixture {
    pub service: Value,
    pub settings: Settings,
    pub seen: Seen,
    pub live: Live,
}

/// What the validation said.
pub struct Outcome {
    pub workloads: Option<(Workload, Option<Workload>)>,
    pub findings: Vec<String>,
    pub warnings: Vec<String>,
}

/// A service `ns/llama` with a `default` account and the given merged spec.
pub fn fixture(spec: Value) -> Fixture {
    let mut service = json!({"metadata": {"name": "llama", "namespace": "ns", "uid": "uid-1"}});
    service["spec"] = spec;
    let (settings, seen, live) = (Settings::default(), Seen::default(), Live::new());
    let mut fixture = Fixture { service, settings, seen, live };
    fixture.account("default", json!({}));
    fixture
}

/// A spec with the template of our preset, as little as it takes.
pub fn spec() -> Value {
    json!({
        "model": {"uri": "pvc://weights/llama", "name": "m"},
        "annotations": {"llmisvc.io/vllm-version": "0.23.0"},
        "template": template(),
    })
}

/// A pod template with our preset's command.
pub fn template() -> Value {
    json!({"containers": [{"name": "main", "image": "vllm", "command": ["vllm", "serve", "/mnt/models"]}]})
}

/// The same with another value at a JSON pointer whose parent exists.
pub fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { &mut spec } else { spec.pointer_mut(parent).unwrap() };
    parent[key] = value;
    spec
}

impl Fixture {
    pub fn answer(&mut self, key: Key, value: Value) {
        self.seen.insert(key, Answer::Found(Arc::new(value)));
    }

    pub fn account(&mut self, name: &str, value: Value) {
        self.answer(Key::ServiceAccount(Ref::new("ns", name)), value);
    }

    pub fn secret(&mut self, name: &str, keys: &[&str]) {
        self.answer(Key::Secret(Ref::new("ns", name)), json!({"metadata": {"name": name}, "keys": keys}));
    }

    pub fn annotate(&mut self, key: &str, value: &str) {
        self.service["metadata"]["annotations"][key] = json!(value);
    }

    pub fn label(&mut self, key: &str, value: &str) {
        self.service["metadata"]["labels"][key] = json!(value);
    }

    pub fn live_deployment(&mut self, name: &str, body: Value) {
        self.live(Kind::Deployment, name, body);
    }

    pub fn live(&mut self, kind: Kind, name: &str, body: Value) {
        let live = LiveObject {
            uid: "live".to_owned(),
            resource_version: "1".to_owned(),
            controller: Some("uid-1".to_owned()),
            created_by_post: false,
            deleting: false,
            body: Arc::new(body),
        };
        self.live.insert((kind, name.to_owned()), live);
    }

    pub fn outcome(&self) -> Outcome {
        let (mut findings, mut warnings) = (Vec::new(), Vec::new());
        let workloads = self.in_context(|ctx| workloads(ctx, &mut findings, &mut warnings));
        let text = |list: Vec<Finding>| list.iter().map(ToString::to_string).collect();
        Outcome { workloads, findings: text(findings), warnings: text(warnings) }
    }

    pub fn in_context<T>(&self, f: impl FnOnce(&Context<'_>) -> T) -> T {
        let cluster = Cluster::default();
        let inputs = Inputs {
            service: &self.service,
            settings: &self.settings,
            cluster: &cluster,
            seen: &self.seen,
            live: &self.live,
        };
        let id = identity(&self.service);
        let origin = |path: &str| path.starts_with("spec.template").then(|| "kserve/base".to_owned());
        let spec = tree::get(&self.service, &["spec"]).unwrap();
        f(&Context { inputs: &inputs, id: &id, spec, origin: &origin })
    }

    /// The validated service.
    pub fn valid(&self) -> ValidService {
        let outcome = self.outcome();
        assert_eq!(outcome.findings, Vec::<String>::new());
        let (decode, prefill) = outcome.workloads.unwrap();
        let id = identity(&self.service);
        ValidService {
            stopped: is_stopped(&self.service),
            tls: self.settings.tls,
            domain: "cluster.local".to_owned(),
            model: model_name(&id, &self.service["spec"]),
            adapters: Vec::new(),
            live_pair: prefill
                .as_ref()
                .and_then(|prefill| self.in_context(|ctx| live_pair(ctx, prefill, &decode))),
            decode,
            prefill,
            routing: self.in_context(|ctx| routing(ctx, &mut Vec::new(), &mut Vec::new())),
            claims: self.in_context(super::dra::claims),
            monitors: crate::valid::Monitors::default(),
            id,
        }
    }

    pub fn objects(&self) -> Vec<Object> {
        crate::build::build(&self.valid())
    }

    pub fn object(&self, kind: Kind, name: &str) -> Value {
        let objects = self.objects();
        objects.into_iter().find(|o| o.kind == kind && o.name == name).unwrap().body
    }

    /// The Deployment of the main workload.
    pub fn deployment(&self) -> Value {
        self.object(Kind::Deployment, "llama-kserve")
    }

    /// Its pod spec.
    pub fn pod(&self) -> Value {
        self.deployment()["spec"]["template"]["spec"].take()
    }

    /// Its container `main`.
    pub fn main(&self) -> Value {
        self.pod()["containers"][0].take()
    }
}
