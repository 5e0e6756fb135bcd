//! From a service to values of llm-d's charts (`reference/llm-d.md §3.4`): llm-d-modelservice for the servers, and
//! inferencepool for the picker, or llm-d-router-gateway where the service has what only that one can say.

mod bases;
mod container;
mod metadata;
mod model;
mod reasons;
mod role;
mod router;

use std::fmt::Write as _;

use llmisvc_api::v1alpha2::{CONFIG_KIND, KIND};
use llmisvc_core::tree;
use serde_json::{Value, json};

use crate::convert::detect::Chart;
use crate::convert::keys::{Keys, put};
use crate::convert::{ConvertError, Loss};

/// The values of one service.
#[derive(Debug, Default, PartialEq)]
pub struct Values {
    /// For each chart.
    pub charts: Vec<(Chart, Value)>,
    /// What no chart can say.
    pub lost: Vec<Loss>,
}

/// A service on its way into values.
#[derive(Debug)]
struct Draft {
    name: String,
    values: Value,
    routing: Value,
    /// Only the router's chart can say it.
    needs_router: bool,
    overlay: bases::Overlay,
    /// Flags of both roles that fields of the service ask for.
    flags: Vec<String>,
    split: bool,
    beside: Vec<Value>,
    lost: Vec<Loss>,
}

impl Draft {
    fn put(&mut self, path: &[&str], value: Value) {
        put(&mut self.values, path, value);
    }

    fn lose(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.lost.push(Loss::new(path, why));
    }
}

/// The values as YAML, each chart's under a line with its name, and what is lost.
pub fn convert(objects: &[Value]) -> Result<(String, Vec<Loss>), ConvertError> {
    let values = charts(objects)?;
    let text = values.charts.iter().fold(String::new(), |mut text, (chart, values)| {
        let yaml = serde_yaml_ng::to_string(values).unwrap_or_default();
        let _ = write!(text, "---\n# {}\n{yaml}", title(*chart));
        text
    });
    Ok((text, values.lost))
}

fn title(chart: Chart) -> &'static str {
    match chart {
        Chart::ModelService => "chart llm-d-modelservice, v0.4.12",
        Chart::Pool => "chart inferencepool, v1.2.0",
        Chart::Router => "chart llm-d-router-gateway",
        Chart::Infra => "chart llm-d-infra",
    }
}

/// The values of the only service among the objects; configs that it names have to be there too, or be shipped.
pub fn charts(objects: &[Value]) -> Result<Values, ConvertError> {
    let service = only(objects)?;
    let (spec, mut overlay) = bases::merged(service, objects)?;
    let split = spec.get("prefill").is_some();
    let is_object = |object: &&Value| ![KIND, CONFIG_KIND].contains(&tree::text(object, &["kind"]));
    let mut draft = Draft {
        name: tree::text(service, &["metadata", "name"]).to_owned(),
        values: json!({}),
        routing: json!({}),
        needs_router: overlay.predicts,
        lost: std::mem::take(&mut overlay.lost),
        overlay,
        flags: Vec::new(),
        split,
        beside: objects.iter().filter(is_object).cloned().collect(),
    };
    metadata::templates(&spec, &mut draft);
    let mut keys = Keys::new(spec, "spec");
    model::convert(&mut keys, &mut draft)?;
    metadata::convert(service, &mut draft);
    router::convert(&mut keys, &mut draft);
    draft.lost.extend(keys.lost(reasons::of));
    Ok(finished(draft))
}

fn only(objects: &[Value]) -> Result<&Value, ConvertError> {
    let mut services = objects.iter().filter(|object| tree::text(object, &["kind"]) == KIND);
    match (services.next(), services.next()) {
        (Some(service), None) => Ok(service),
        (found, _) => Err(ConvertError::Impossible {
            path: format!("kind {KIND}"),
            problem: match found {
                None => "the input has none; give the service that values are made of".to_owned(),
                Some(_) => {
                    "the input has several; a release of the charts serves one, so give them one by one"
                        .to_owned()
                }
            },
        }),
    }
}

fn finished(mut draft: Draft) -> Values {
    let beside = std::mem::take(&mut draft.beside);
    draft.put(&["extraObjects"], Value::Array(beside));
    let mut charts = vec![(Chart::ModelService, draft.values)];
    let routing = if draft.needs_router { Chart::Router } else { Chart::Pool };
    if draft.routing.as_object().is_some_and(|values| !values.is_empty()) {
        charts.push((routing, draft.routing));
    }
    draft.lost.sort_by(|a, b| a.path.cmp(&b.path));
    Values { charts, lost: draft.lost }
}
