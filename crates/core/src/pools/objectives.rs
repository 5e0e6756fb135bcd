//! Priority of the requests for a service's model and adapters: InferenceObjective, and InferenceModel where a cluster
//! still serves what came before it (`reference/llm-d.md §1.7`, `reference/api.md §6.2`).

use llmisvc_api::conversion::{MODEL, criticalities};
use llmisvc_api::v1alpha1::CRITICALITIES;
use llmisvc_kinds::Kind;
use serde_json::json;

use crate::labels::{self, Component};
use crate::names;
use crate::object::Object;
use crate::pass::Finding;
use crate::tree;
use crate::valid::ValidService;
use crate::validate::Context;

/// What is said about requests for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// The adapter; none for the model itself.
    pub adapter: Option<String>,
    /// `Critical`, `Standard` or `Sheddable`, where somebody has said so.
    pub criticality: Option<String>,
}

/// The model and its adapters, and which of the two kinds are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objectives {
    /// The model first, then the adapters by name.
    pub all: Vec<Objective>,
    /// The cluster serves InferenceObjective.
    pub objectives: bool,
    /// The cluster serves InferenceModel.
    pub models: bool,
}

/// Reads the criticalities of the service. One that nobody can act on is told.
pub fn read(ctx: &Context<'_>, warnings: &mut Vec<Finding>) -> Objectives {
    let (model, of_adapters) = criticalities(ctx.inputs.service);
    warnings.extend(unknown(ctx, model.as_deref()));
    let adapters = tree::list(ctx.spec, &["model", "lora", "adapters"]).iter();
    let mut adapters: Vec<&str> =
        adapters.map(|a| tree::text(a, &["name"])).filter(|n| !n.is_empty()).collect();
    adapters.sort_unstable();
    let of_adapter = |name: &str| Objective {
        adapter: Some(name.to_owned()),
        criticality: of_adapters.get(name).cloned(),
    };
    let all = std::iter::once(Objective { adapter: None, criticality: model });
    let all: Vec<Objective> = all.chain(adapters.into_iter().map(of_adapter)).collect();
    let is_served = |kind: Kind| ctx.inputs.cluster.served.contains(&kind);
    let objectives = Objectives {
        all,
        objectives: is_served(Kind::InferenceObjective),
        models: is_served(Kind::InferenceModel),
    };
    warnings.extend(unheard(&objectives));
    objectives
}

fn unknown(ctx: &Context<'_>, model: Option<&str>) -> Option<Finding> {
    let given = tree::text(ctx.inputs.service, &["metadata", "annotations", MODEL]);
    let is_unknown = !given.is_empty() && model.is_none();
    let message = format!("{given:?} is no criticality; give one of {}", CRITICALITIES.join(", "));
    is_unknown.then(|| Finding::new(format!("metadata.annotations[{MODEL}]"), message))
}

fn unheard(objectives: &Objectives) -> Option<Finding> {
    let given = objectives.all.iter().any(|objective| objective.criticality.is_some());
    let message = "has no effect: the cluster serves neither InferenceObjective nor InferenceModel; install the CRD \
                   inferenceobjectives.inference.networking.x-k8s.io";
    let heard = objectives.objectives || objectives.models;
    (given && !heard).then(|| Finding::new(format!("metadata.annotations[{MODEL}]"), message))
}

/// An InferenceObjective for every criticality that was given, an InferenceModel for every name.
pub fn objects(svc: &ValidService) -> Vec<Object> {
    let Some(pool) = svc.routing.pool(&svc.id.name) else { return Vec::new() };
    let Objectives { all, objectives, models } = &svc.routing.objectives;
    let made = all.iter().filter(|_| *objectives).filter_map(|it| objective(svc, it, &pool));
    made.chain(all.iter().filter(|_| *models).map(|it| model(svc, it, &pool))).collect()
}

fn objective(svc: &ValidService, objective: &Objective, pool: &str) -> Option<Object> {
    let priority = match objective.criticality.as_deref()? {
        "Critical" => 100,
        "Sheddable" => -10,
        _ => 0,
    };
    let name = names::objective(&svc.id.name, objective.adapter.as_deref());
    let spec = json!({"priority": priority, "poolRef": pool_ref(svc, pool)});
    Some(child(svc, Kind::InferenceObjective, &name, &spec))
}

fn model(svc: &ValidService, objective: &Objective, pool: &str) -> Object {
    let name = names::inference_model(&svc.id.name, objective.adapter.as_deref());
    let requested = objective.adapter.as_deref().unwrap_or(&svc.model);
    let mut spec = json!({"modelName": requested, "poolRef": pool_ref(svc, pool)});
    if let Some(criticality) = &objective.criticality {
        *tree::entry(&mut spec, "criticality") = json!(criticality);
    }
    child(svc, Kind::InferenceModel, &name, &spec)
}

/// The picker heeds those of its own pool's group only.
fn pool_ref(svc: &ValidService, pool: &str) -> serde_json::Value {
    json!({"group": svc.routing.pools.readers.name(), "kind": "InferencePool", "name": pool})
}

fn child(svc: &ValidService, kind: Kind, name: &str, spec: &serde_json::Value) -> Object {
    let labels = labels::base(&svc.id.name, Component::Scheduler);
    Object::new(kind, &svc.id.namespace, name, labels, json!({"spec": spec}))
}

#[cfg(test)]
#[path = "objectives_tests.rs"]
mod tests;
