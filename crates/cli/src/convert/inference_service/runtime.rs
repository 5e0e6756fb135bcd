//! ServingRuntimes and ClusterServingRuntimes: which one an InferenceService uses, and what it says.

use std::collections::BTreeMap;

use llmisvc_core::tree;
use serde_json::Value;

use super::super::Loss;
use super::super::common::source::Source;
use super::names;
use super::part::{self, Part};

/// KServe's own runtimes, which our presets take the place of.
const BUILT_IN: [&str; 3] =
    ["kserve-huggingfaceserver", "kserve-huggingfaceserver-multinode", "kserve-vllmserver"];

/// A runtime of the input.
#[derive(Debug, Clone, Copy)]
pub struct Runtime<'a>(&'a Value);

/// What an InferenceService runs on.
#[derive(Debug, Clone, Copy)]
pub enum Use<'a> {
    /// A runtime of the input that others in the namespace use as well.
    Shared(Runtime<'a>),
    /// A runtime of the input that it has for itself.
    Own(Runtime<'a>),
    /// One of KServe's own, or none.
    BuiltIn,
    /// One that is not in the input.
    Missing(&'a str),
}

/// The runtimes of the input, and who uses them.
#[derive(Debug)]
pub struct Runtimes<'a> {
    runtimes: Vec<Runtime<'a>>,
    /// By place in the list, and namespace of the service.
    uses: BTreeMap<(String, usize), usize>,
}

impl<'a> Runtimes<'a> {
    /// The runtimes among the documents.
    pub fn of(documents: &'a [Value], services: &[&'a Value]) -> Self {
        let is_runtime = |d: &&Value| tree::text(d, &["kind"]).ends_with("ServingRuntime");
        let runtimes = documents.iter().filter(is_runtime).map(Runtime).collect();
        let mut all = Self { runtimes, uses: BTreeMap::new() };
        for service in services {
            if let Some(at) = all.find(service) {
                *all.uses.entry((namespace(service).to_owned(), at)).or_default() += 1;
            }
        }
        all
    }

    /// The runtime of a service. As in KServe, one of the namespace comes before one of the cluster, and a service that
    /// names none takes one that says so and fits, if there is one only.
    fn find(&self, service: &Value) -> Option<usize> {
        let model = tree::get(service, &["spec", "predictor", "model"])?;
        let wanted = tree::text(model, &["runtime"]);
        let fits = |runtime: &Runtime<'_>| match wanted {
            "" => runtime.selects(tree::text(model, &["modelFormat", "name"])),
            wanted => runtime.name() == wanted,
        };
        let mut found: Vec<usize> = (0..self.runtimes.len())
            .filter(|at| self.runtimes.get(*at).is_some_and(|r| fits(r) && r.is_in(namespace(service))))
            .collect();
        found.sort_by_key(|at| self.runtimes.get(*at).is_some_and(|runtime| runtime.is_of_the_cluster()));
        found.first().copied().filter(|_| !wanted.is_empty() || found.len() == 1)
    }

    /// What a service runs on.
    pub fn used(&self, service: &'a Value) -> Use<'a> {
        let wanted = tree::text(service, &["spec", "predictor", "model", "runtime"]);
        match self.find(service).and_then(|at| Some((at, *self.runtimes.get(at)?))) {
            Some((at, runtime)) if self.count(namespace(service), at) > 1 => Use::Shared(runtime),
            Some((_, runtime)) => Use::Own(runtime),
            None if wanted.is_empty() || BUILT_IN.contains(&wanted) => Use::BuiltIn,
            None => Use::Missing(wanted),
        }
    }

    fn count(&self, namespace: &str, at: usize) -> usize {
        self.uses.get(&(namespace.to_owned(), at)).copied().unwrap_or_default()
    }

    /// The runtimes that become configs, with the namespaces of these.
    pub fn shared(&self) -> Vec<(String, Runtime<'a>)> {
        let shared = self.uses.iter().filter(|(_, count)| **count > 1);
        shared
            .filter_map(|((namespace, at), _)| Some((namespace.clone(), *self.runtimes.get(*at)?)))
            .collect()
    }

    /// Runtimes that no service of the input uses.
    pub fn unused(&self) -> Vec<Loss> {
        let is_used = |at: &usize| self.uses.keys().any(|(_, used)| used == at);
        let unused = self.runtimes.iter().enumerate().filter(|(at, _)| !is_used(at));
        unused
            .map(|(_, r)| {
                Loss::new(r.place(), "no InferenceService of the input uses it: give both together")
            })
            .collect()
    }
}

impl Runtime<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        tree::text(self.0, &["metadata", "name"])
    }

    fn place(self) -> String {
        format!("{}/{}", tree::text(self.0, &["kind"]), self.name())
    }

    fn is_of_the_cluster(self) -> bool {
        tree::text(self.0, &["kind"]) == "ClusterServingRuntime"
    }

    fn is_in(self, namespace: &str) -> bool {
        self.is_of_the_cluster() || ["", namespace].contains(&self::namespace(self.0))
    }

    fn selects(self, format: &str) -> bool {
        let formats = tree::list(self.0, &["spec", "supportedModelFormats"]).iter();
        let selected =
            |f: &Value| f.get("autoSelect") == Some(&Value::Bool(true)) && tree::text(f, &["name"]) == format;
        formats.filter(|format| selected(format)).count() > 0
    }

    /// What it says, for all services.
    pub fn part(self, lost: &mut Vec<Loss>) -> Part {
        taken(self.0.clone(), &self.place(), lost)
    }

    /// What it says for one service, whose name its arguments may have.
    pub fn part_for(self, service: &Value, lost: &mut Vec<Loss>) -> Part {
        let mut runtime = self.0.clone();
        names::fill(&mut runtime, service);
        taken(runtime, &self.place(), lost)
    }
}

/// What formats and protocols it supports says nothing about the service.
fn taken(mut runtime: Value, place: &str, lost: &mut Vec<Loss>) -> Part {
    let spec = tree::entry(&mut runtime, "spec").take();
    let mut source = Source::new(spec, format!("{place}.spec"));
    for consumed in ["supportedModelFormats", "protocolVersions", "multiModel"] {
        source.take(consumed);
    }
    source.lose("disabled", "the output is in use as soon as it is applied", lost);
    for endpoint in ["grpcEndpoint", "grpcDataEndpoint", "httpDataEndpoint"] {
        source.lose(endpoint, "vLLM answers HTTP on port 8000", lost);
    }
    for mesh in ["replicas", "storageHelper", "builtInAdapter"] {
        source.lose(mesh, "of ModelMesh, which has no part in it", lost);
    }
    let part = part::take(&mut source, None, lost);
    source.finish(lost);
    part
}

fn namespace(object: &Value) -> &str {
    tree::text(object, &["metadata", "namespace"])
}
