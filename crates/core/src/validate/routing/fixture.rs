//! A service `ml/llama` and its cluster, for the tests of routing and status.

use std::sync::Arc;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::{Routing, routing};
use crate::facts::{Answer, Cluster, Key, Ref, Seen};
use crate::labels::Labels;
use crate::names;
use crate::object::{Live, LiveObject, Object};
use crate::pass::{Finding, Inputs};
use crate::settings::Settings;
use crate::tree;
use crate::valid::{Claims, Identity, Role, ValidService, Workload};
use crate::validate::Context;

/// The scheduler preset as shipped.
pub(crate) const SCHEDULER: &str = include_str!("../../../../../config/presets/config-llm-scheduler.yaml");
/// The route preset as shipped.
pub(crate) const ROUTE: &str = include_str!("../../../../../config/presets/config-llm-router-route.yaml");

/// A preset rendered for `ml/llama`; our presets use nothing but these expressions.
pub(crate) fn preset(text: &str) -> Value {
    let mut rendered = String::new();
    for (index, piece) in text.split("{{").enumerate() {
        let (action, rest) = piece.split_once("}}").filter(|_| index > 0).unwrap_or(("", piece));
        rendered.push_str(&evaluate(action.trim()));
        rendered.push_str(rest);
    }
    serde_yaml_ng::from_str(&rendered).unwrap()
}

fn evaluate(action: &str) -> String {
    match action {
        "" => String::new(),
        ".Name" => "llama".to_owned(),
        ".Namespace" => "ml".to_owned(),
        ".Spec.Model.Name" => "llama-8b".to_owned(),
        ".GlobalConfig.IngressGatewayName" => "kserve-ingress-gateway".to_owned(),
        ".GlobalConfig.IngressGatewayNamespace" => "kserve".to_owned(),
        ".GlobalConfig.ModelBasedRoutingHeaderName" => "X-Gateway-Model-Name".to_owned(),
        child => {
            names::child("llama", child.strip_prefix("ChildName .Name `").unwrap().trim_end_matches('`'))
        }
    }
}

/// A merged spec: `router` over the presets that it calls for.
pub(crate) fn spec(router: Value) -> Value {
    let mut merged = json!({});
    for (key, text) in [("scheduler", SCHEDULER), ("route", ROUTE)] {
        let external = tree::get(&router, &["scheduler", "pool", "ref"]).is_some() && key == "scheduler";
        let referenced = tree::get(&router, &["route", "http", "refs"]).is_some() && key == "route";
        if router.get(key).is_some() && !external && !referenced {
            merged[key] = preset(text)["spec"]["router"][key].clone();
        }
    }
    overlay(&mut merged, router);
    json!({"annotations": {"serving.kserve.io/model-based-routing-enabled": "true"}, "router": merged})
}

fn overlay(base: &mut Value, over: Value) {
    match over {
        Value::Object(over) => {
            for (key, value) in over {
                overlay(tree::entry(base, &key), value);
            }
        }
        leaf => *base = leaf,
    }
    if base.is_null() {
        *base = json!({});
    }
}

/// Everything a pass works on.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) cluster: Cluster,
    pub(crate) seen: Seen,
    pub(crate) live: Live,
    pub(crate) service: Value,
    pub(crate) prefill: bool,
    pub(crate) adapters: Vec<String>,
    pub(crate) annotations: Labels,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            cluster: Cluster::default(),
            seen: Seen::default(),
            live: Live::new(),
            service: json!({"metadata": {"name": "llama", "namespace": "ml", "generation": 1}, "spec": {}}),
            prefill: false,
            adapters: Vec::new(),
            annotations: Labels::new(),
        }
    }

    pub(crate) fn see(&mut self, key: Key, object: Value) {
        self.seen.insert(key, Answer::Found(Arc::new(object)));
    }

    pub(crate) fn live(&mut self, kind: Kind, name: &str, body: Value) {
        let object = LiveObject {
            uid: format!("{kind}-{name}"),
            resource_version: "1".to_owned(),
            controller: Some("uid-llama".to_owned()),
            created_by_post: false,
            deleting: false,
            body: Arc::new(body),
        };
        self.live.insert((kind, name.to_owned()), object);
    }

    /// Validates `spec`; what nobody answered is absent.
    pub(crate) fn validate(&mut self, spec: &Value) -> (Routing, Vec<Finding>, Vec<Finding>) {
        loop {
            let (mut findings, mut warnings) = (Vec::new(), Vec::new());
            let routing = self.pass(spec, &mut findings, &mut warnings);
            let open = self.seen.take_open();
            if open.is_empty() {
                return (routing, findings, warnings);
            }
            for key in open {
                self.seen.insert(key, Answer::Absent);
            }
        }
    }

    fn pass(&self, spec: &Value, findings: &mut Vec<Finding>, warnings: &mut Vec<Finding>) -> Routing {
        let inputs = Inputs {
            service: &self.service,
            settings: &self.settings,
            cluster: &self.cluster,
            seen: &self.seen,
            live: &self.live,
        };
        let id = Identity { annotations: self.annotations.clone(), ..identity() };
        let ctx = Context { inputs: &inputs, id: &id, spec, origin: &|_| None };
        routing(&ctx, findings, warnings)
    }

    /// The whole service; `spec` must be valid.
    pub(crate) fn valid(&mut self, spec: &Value) -> ValidService {
        let (routing, findings, _) = self.validate(spec);
        assert_eq!(findings, []);
        ValidService {
            id: identity(),
            stopped: false,
            tls: self.settings.tls,
            domain: self.cluster.domain.clone(),
            model: "llama-8b".to_owned(),
            adapters: self.adapters.clone(),
            decode: workload(if self.prefill { Role::Decode } else { Role::Both }),
            prefill: self.prefill.then(|| workload(Role::Prefill)),
            live_pair: None,
            routing,
            claims: Claims::default(),
            monitors: crate::valid::Monitors::default(),
        }
    }

    pub(crate) fn objects(&mut self, spec: &Value) -> Vec<Object> {
        crate::build::routing::objects(&self.valid(spec))
    }

    /// The one object of a kind.
    pub(crate) fn object(&mut self, spec: &Value, kind: Kind) -> Value {
        self.objects(spec).into_iter().find(|o| o.kind == kind).unwrap().body
    }
}

fn identity() -> Identity {
    Identity {
        name: "llama".to_owned(),
        namespace: "ml".to_owned(),
        uid: Some("uid-llama".to_owned()),
        labels: Labels::new(),
        annotations: Labels::new(),
    }
}

fn workload(role: Role) -> Workload {
    Workload { replicas: Some(2), ..Workload::bare(role) }
}

/// The Gateway of the shipped defaults.
pub(crate) fn default_gateway() -> Ref {
    Ref::new("kserve", "kserve-ingress-gateway")
}
