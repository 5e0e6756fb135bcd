//! One graph: its workers become services, each with the prefill of its model.

use llmisvc_api::v1alpha2::KIND;
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::common::service::{accelerator, object, overlays};
use super::super::common::source::Source;
use super::super::common::{metadata, service};
use super::super::{ConvertError, Converted, Loss};
use super::component::{self, Component, Role};
use super::frontend::Frontend;
use super::worker::Worker;
use super::{epp, frontend, model, scaling, volumes, worker};

/// The services of a graph, and the claims that it creates.
pub fn convert(graph: &Value) -> Result<Converted, ConvertError> {
    let name = tree::text(graph, &["metadata", "name"]);
    let mut source = Source::new(graph.clone(), format!("{}/{name}", super::KIND));
    framework(&mut source)?;
    let mut lost = Vec::new();
    let metadata = metadata::of(&mut source.part("metadata"), &mut lost);
    let namespace = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
    let env = env(&mut source, &mut lost);
    let claims = volumes::claims(&mut source, &namespace, &mut lost);
    let parts = Parts::of(component::all(&mut source)?, &env, &mut lost);
    let mut objects = parts.services(&metadata, &source, &mut lost)?;
    for consumed in ["apiVersion", "kind", "status"] {
        source.take(consumed);
    }
    source.finish(&mut lost);
    objects.extend(claims);
    Ok(Converted { objects, lost })
}

/// Variables of all workers; the versions name the field differently.
fn env(source: &mut Source, lost: &mut Vec<Loss>) -> Vec<Value> {
    let lists = ["spec.envs", "spec.env"].map(|field| {
        let place = source.at(field);
        worker::without_own(source.list(field), &place, lost)
    });
    lists.concat()
}

fn framework(source: &mut Source) -> Result<(), ConvertError> {
    match source.text("spec.backendFramework").as_deref() {
        None | Some("vllm") => Ok(()),
        Some(other) => Err(ConvertError::Impossible {
            path: source.at("spec.backendFramework"),
            problem: format!("{other}: only vllm can be converted"),
        }),
    }
}

/// The components by what they do.
#[derive(Default)]
struct Parts {
    workers: Vec<Worker>,
    prefills: Vec<Worker>,
    frontend: Frontend,
    scheduler: Option<Value>,
}

impl Parts {
    fn of(components: Vec<Component>, env: &[Value], lost: &mut Vec<Loss>) -> Self {
        let mut parts = Self::default();
        let is_split = components.iter().any(|component| component.role == Role::Prefill);
        for component in components {
            let place = component.source.place().to_owned();
            match component.role {
                Role::Worker => parts.workers.push(worker::take(component, env, is_split, lost)),
                Role::Prefill => parts.prefills.push(worker::take(component, env, is_split, lost)),
                Role::Frontend => parts.frontend = frontend::take(component, is_split, lost),
                Role::Picker => parts.scheduler = Some(epp::take(component, lost)),
                Role::Planner => lost.push(Loss::new(place, PLANNER)),
                Role::Other => {
                    lost.push(Loss::new(place, "neither frontend, worker, planner nor endpoint picker"));
                }
            }
        }
        parts
    }

    fn services(
        mut self,
        metadata: &Metadata,
        graph: &Source,
        lost: &mut Vec<Loss>,
    ) -> Result<Vec<Value>, ConvertError> {
        if self.workers.is_empty() {
            let problem = "no component decodes: give one of type worker".to_owned();
            return Err(ConvertError::Impossible { path: graph.at("spec"), problem });
        }
        let is_only = self.workers.len() == 1;
        let router = json!({"gateway": {}, "route": {}, "scheduler": self.scheduler.take().unwrap_or_else(|| json!({}))});
        let mut services = Vec::new();
        for worker in std::mem::take(&mut self.workers) {
            let mut metadata = metadata.clone();
            if !is_only {
                let graph = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
                let name = format!("{graph}-{}", worker.name.to_lowercase());
                metadata.insert("name".to_owned(), json!(name));
            }
            let prefill = self.prefill_of(&worker, is_only);
            services.push(one(worker, prefill, &self.frontend, &router, metadata, lost)?);
        }
        lost.extend(self.prefills.iter().map(|prefill| {
            Loss::new(
                prefill.source.place(),
                "a service has one prefill workload, and it serves the same model",
            )
        }));
        Ok(services)
    }

    fn prefill_of(&mut self, worker: &Worker, is_only: bool) -> Option<Worker> {
        let is_same = |prefill: &Worker| match &prefill.named.model {
            None => is_only,
            model => *model == worker.named.model,
        };
        let at = self.prefills.iter().position(is_same)?;
        Some(self.prefills.remove(at))
    }
}

type Metadata = serde_json::Map<String, Value>;

const PLANNER: &str =
    "set scaling with triggers of KEDA, or with wva, which plans by load and cost: see docs/scaling.md";

fn one(
    mut worker: Worker,
    prefill: Option<Worker>,
    frontend: &Frontend,
    router: &Value,
    metadata: Metadata,
    lost: &mut Vec<Loss>,
) -> Result<Value, ConvertError> {
    let template = worker.workload.spec.get("template").cloned().unwrap_or_default();
    let uri = model::uri(&worker.named, &template, worker.source.place())?;
    let reference = worker.reference.take().or_else(|| frontend.name.clone());
    let model = model::of(&uri, &worker.named, reference);
    let name = tree::text(&model, &["name"]).to_owned();
    let (overlays, place) = (overlays(&worker.workload.spec), worker.source.place().to_owned());
    let mut spec = finished(worker, &name, lost);
    if let Some(prefill) = prefill {
        *tree::entry(&mut spec, "prefill") = finished(prefill, &name, lost);
    }
    let mut refs = accelerator(overlays, &spec, &place, lost);
    refs.extend(frontend.profile.map(|name| json!({"name": name})));
    if !refs.is_empty() {
        *tree::entry(&mut spec, "baseRefs") = Value::Array(refs);
    }
    *tree::entry(&mut spec, "model") = model;
    *tree::entry(&mut spec, "router") = router.clone();
    Ok(object(KIND, metadata, spec))
}

fn finished(mut worker: Worker, model: &str, lost: &mut Vec<Loss>) -> Value {
    let count = scaling::take(&mut worker.source, model, lost);
    let mut spec = service::Workload::finished(worker.workload);
    if let Some((field, value)) = count {
        *tree::entry(&mut spec, field) = value;
    }
    worker.source.finish(lost);
    spec
}
