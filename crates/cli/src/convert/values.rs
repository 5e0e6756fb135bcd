//! Values of llm-d's charts (`reference/llm-d.md §3`): those of llm-d-modelservice say what serves the model, those of
//! inferencepool or llm-d-router how pods are picked, those of llm-d-infra which Gateway there is.

mod accelerator;
mod args;
mod container;
mod defaults;
mod gateway;
mod helm;
mod model;
mod parallelism;
mod picker;
mod pod;
mod ports;
mod probes;
mod reasons;
mod role;
mod scaling;
mod tracing;
mod versions;

pub mod back;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use llmisvc_api::v1alpha2::{API_VERSION, KIND};
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::detect::{Chart, chart};
use super::keys::Keys;
use super::{ConvertError, Converted, Loss};

/// The port that services are served on.
const SERVED: i64 = 8000;

/// The service as far as it is put together.
#[derive(Debug)]
struct Draft {
    name: String,
    service: Value,
    /// The port of the chart's pods.
    port: i64,
    beside: Vec<Value>,
    lost: Vec<Loss>,
}

impl Draft {
    fn new(name: &str) -> Self {
        let service = json!({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}});
        Self { name: name.to_owned(), service, port: SERVED, beside: Vec::new(), lost: Vec::new() }
    }

    /// Puts a value into the service, unless it is empty.
    fn put(&mut self, path: &[&str], value: Value) {
        super::keys::put(&mut self.service, path, value);
    }

    fn lose(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.lost.push(Loss::new(path, why));
    }

    /// A config that the service is laid over.
    fn base(&mut self, config: &str) {
        let refs = tree::array(tree::entry(&mut self.service, "spec"), "baseRefs");
        let named = json!({"name": config});
        if !refs.contains(&named) {
            refs.push(named);
        }
    }
}

/// One service of all values; those of one chart are laid over each other, as `helm -f` does. `name` comes before
/// what the values say.
pub fn convert(documents: &[Value], name: Option<&str>) -> Result<Converted, ConvertError> {
    let mut charts = layered(documents);
    let mut unfilled = Vec::new();
    let mut take = |chart: Chart| {
        let values = helm::filled(&charts.remove(&chart)?);
        unfilled.extend(helm::unfilled(&values));
        Some(values)
    };
    let model = take(Chart::ModelService).ok_or_else(no_model)?;
    let mut keys = Keys::new(versions::newest(defaults::pruned(Chart::ModelService, model)), "");
    let mut draft = Draft::new(&model::name(&mut keys, name)?);
    model::convert(&mut keys, &mut draft)?;
    picker::of_model_service(&mut keys, &mut draft);
    draft.lost.extend(keys.lost(reasons::model_service));
    for (chart, convert) in [
        (Chart::Pool, picker::pool as fn(&mut Keys, &mut Draft)),
        (Chart::Router, picker::router),
        (Chart::Infra, gateway::infra),
    ] {
        let Some(values) = take(chart) else { continue };
        let mut keys = Keys::new(defaults::pruned(chart, values), "");
        convert(&mut keys, &mut draft);
        draft.lost.extend(keys.lost(reasons::routing));
    }
    draft.lost.extend(unfilled);
    Ok(finished(draft))
}

fn layered(documents: &[Value]) -> BTreeMap<Chart, Value> {
    let mut charts: BTreeMap<Chart, Value> = BTreeMap::new();
    for document in documents {
        let Some(chart) = chart(document) else { continue };
        tree::overlay(charts.entry(chart).or_insert_with(|| json!({})), document);
    }
    charts
}

fn no_model() -> ConvertError {
    ConvertError::Impossible {
        path: "modelArtifacts".to_owned(),
        problem: "no values say which model is served; give those of the chart llm-d-modelservice too"
            .to_owned(),
    }
}

/// The Gateway before the service, everything else after it.
fn finished(draft: Draft) -> Converted {
    let Draft { mut service, beside, mut lost, .. } = draft;
    let router = tree::entry(tree::entry(&mut service, "spec"), "router");
    for part in ["gateway", "route", "scheduler"] {
        tree::object(router, part);
    }
    let (mut objects, after): (Vec<Value>, Vec<Value>) =
        beside.into_iter().partition(|object| tree::text(object, &["kind"]) == "Gateway");
    objects.push(service);
    objects.extend(after);
    lost.sort_by(|a, b| a.path.cmp(&b.path));
    lost.dedup();
    Converted { objects, lost }
}
