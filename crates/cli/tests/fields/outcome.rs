//! What comes of a spec.

use llmisvc_cli::input::Document;
use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::render;
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::labels::APPLIED;
use llmisvc_core::pass::Finding;
use llmisvc_core::plan::covers;
use llmisvc_core::workloads::templates;
use llmisvc_core::{presets, tree};
use serde_json::{Value, json};

use crate::bases::is_below;

/// A cluster of files.
#[derive(Debug)]
pub struct World(Offline);

/// What comes of a spec.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The children, without the hash of what they are.
    pub objects: Vec<Value>,
    /// Why there are none.
    pub findings: Vec<Finding>,
    /// What has no effect, or not the one that one might think.
    pub warnings: Vec<Finding>,
}

fn document(value: Value) -> Document {
    Document { file: "probe.yaml".to_owned(), number: 1, value }
}

impl World {
    /// With these objects beside the presets.
    pub fn new(beside: &[Value]) -> Self {
        let documents: Vec<Document> = beside.iter().cloned().map(document).collect();
        Self(Offline::new(&documents, presets::shipped(OWN_PREFIX), None, None, "default"))
    }

    /// What comes of a service with this spec.
    pub fn of(&self, spec: &Value) -> Outcome {
        self.of_service(&json!({"metadata": {"name": "m", "namespace": "default"}, "spec": spec}))
    }

    /// What comes of a service.
    pub fn of_service(&self, service: &Value) -> Outcome {
        let mut service = service.clone();
        service["apiVersion"] = json!("serving.kserve.io/v1alpha2");
        service["kind"] = json!("LLMInferenceService");
        let mut report = render(&[document(service)], &self.0, "default");
        let objects = report.objects().into_iter().map(unsealed).collect();
        let decision = report.services.remove(0).decision;
        let findings = decision.outcome.err().map(|fault| fault.findings).unwrap_or_default();
        Outcome { objects, findings, warnings: decision.warnings }
    }
}

fn unsealed(mut object: Value) -> Value {
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(APPLIED);
    }
    object
}

impl Outcome {
    /// Whether a finding or a warning is about the leaf, what holds it, or what it holds.
    pub fn names(&self, leaf: &str) -> bool {
        let mut paths = self.findings.iter().chain(&self.warnings).map(|finding| bare(&finding.path));
        paths.any(|path| is_below(leaf, &path) || is_below(&path, leaf))
    }
}

/// Where parts of the spec come out as they are: pods, the route, the pool.
const PARTS: [(&str, &str); 4] = [
    (".template.", "Pod"),
    (".worker.", "Pod"),
    (".http.spec.", "HTTPRoute"),
    (".pool.spec.", "InferencePool"),
];

impl Outcome {
    /// Whether what `probe` says at the leaf comes out as it is.
    pub fn holds(&self, leaf: &str, probe: &Value) -> bool {
        let part =
            PARTS.iter().find_map(|(part, kind)| leaf.find(part).map(|at| (at + part.len() - 1, *kind)));
        let Some((end, kind)) = part else { return false };
        let way: Vec<&str> = leaf.get(..end).unwrap_or_default().split('.').skip(1).collect();
        let wanted = tree::get(probe, &way);
        wanted.is_some_and(|wanted| self.specs(kind).iter().any(|spec| covers(spec, wanted)))
    }

    fn specs(&self, kind: &str) -> Vec<&Value> {
        let pods = self.objects.iter().flat_map(templates).map(|template| &template["spec"]);
        let others =
            self.objects.iter().filter(|object| object["kind"] == kind).map(|object| &object["spec"]);
        if kind == "Pod" { pods.collect() } else { others.collect() }
    }
}

/// `spec.template.containers[main].env[A]` becomes `spec.template.containers[].env[]`.
fn bare(path: &str) -> String {
    let parts = path.split('[').enumerate();
    let part = |(at, part): (usize, &str)| match part.split_once(']') {
        Some((_, rest)) if at > 0 => format!("[]{rest}"),
        _ => part.to_owned(),
    };
    parts.map(part).collect()
}
