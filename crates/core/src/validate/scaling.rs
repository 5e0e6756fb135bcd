//! Autoscaling of a workload (`reference/api.md §2.5`, `reference/router.md §14`), and who writes its count.

use llmisvc_kinds::Kind;
use serde_json::{Map, Value};

use super::Context;
use super::problem::Problem;
use super::scope::Scope;
use crate::object::LiveObject;
use crate::pass::Finding;
use crate::plan::ours;
use crate::scalers::slots;
use crate::settings::{AUTOSCALING, Prometheus};
use crate::tree;
use crate::valid::Workload;

/// Limits, and what moves the count between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Floor while active.
    pub min: i64,
    /// Ceiling.
    pub max: i64,
    /// What moves it.
    pub by: Scaler,
}

/// What moves the count.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaler {
    /// A HorizontalPodAutoscaler that follows the workload variant autoscaler.
    Hpa {
        /// What that one knows about the workload.
        variant: Variant,
        /// `behavior` of the HorizontalPodAutoscaler, or null.
        behavior: Value,
    },
    /// A ScaledObject that follows the workload variant autoscaler.
    Wva {
        /// What that one knows about the workload.
        variant: Variant,
        /// Fields of the ScaledObject.
        settings: Map<String, Value>,
        /// Where its metrics are; none where nobody says, and then there is no ScaledObject.
        prometheus: Option<Prometheus>,
    },
    /// A ScaledObject with triggers of the user.
    Keda {
        /// Fields of the ScaledObject.
        settings: Map<String, Value>,
        /// Triggers.
        triggers: Vec<Value>,
    },
}

/// A workload as the workload variant autoscaler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Label [`ACCELERATOR_NAME`].
    pub accelerator: String,
    /// Cost of a replica.
    pub cost: String,
}

/// Label of a workload, and of its autoscaler, with the name of its accelerator.
pub const ACCELERATOR_NAME: &str = "inference.optimization/acceleratorName";
/// Members of `keda` that are fields of a ScaledObject, and what they are called there.
pub const KEDA_SETTINGS: [&str; 6] = [
    "pollingInterval",
    "cooldownPeriod",
    "initialCooldownPeriod",
    "idleReplicaCount",
    "fallback",
    "advanced",
];

impl Scaling {
    /// Kind of the object that scales.
    pub const fn kind(&self) -> Kind {
        match self.by {
            Scaler::Hpa { .. } => Kind::HorizontalPodAutoscaler,
            Scaler::Wva { .. } | Scaler::Keda { .. } => Kind::ScaledObject,
        }
    }

    /// It can't be made, since nobody says where the metrics are.
    pub const fn is_blind(&self) -> bool {
        matches!(self.by, Scaler::Wva { prometheus: None, .. })
    }

    /// The workload may come to have no replicas.
    pub fn sleeps(&self) -> bool {
        match &self.by {
            Scaler::Hpa { .. } => false,
            Scaler::Wva { settings, .. } | Scaler::Keda { settings, .. } => {
                settings.get("idleReplicaCount").and_then(Value::as_i64) == Some(0)
            }
        }
    }
}

/// `scaling`; none where there is none, and where a rule has refused it.
pub fn scaling(scope: &mut Scope<'_, '_>) -> Option<Scaling> {
    scope.given(&["scaling"])?;
    let min = scope.integer(&["scaling", "minReplicas"], 1, "at least 1");
    let Some(max) = scope.integer(&["scaling", "maxReplicas"], 1, "at least 1") else {
        if scope.given(&["scaling", "maxReplicas"]).is_none() {
            scope.error("scaling.maxReplicas", &Problem::NoCeiling);
        }
        return None;
    };
    let scaling = Scaling { min: min.unwrap_or(1), max, by: scaler(scope)? };
    if scaling.is_blind() {
        scope.warn("scaling.wva.keda", &Problem::NoPrometheus { key: AUTOSCALING });
    }
    Some(scaling)
}

fn scaler(scope: &Scope<'_, '_>) -> Option<Scaler> {
    if let Some(keda) = scope.given(&["scaling", "keda"]) {
        let triggers = tree::list(keda, &["triggers"]).iter().map(stated).collect();
        return Some(Scaler::Keda { settings: settings(keda), triggers });
    }
    let wva = scope.given(&["scaling", "wva"])?;
    let variant = variant(scope, wva);
    if let Some(keda) = tree::get(wva, &["keda"]).filter(|it| !it.is_null()) {
        let prometheus = scope.ctx.inputs.settings.prometheus.clone();
        return Some(Scaler::Wva { variant, settings: settings(keda), prometheus });
    }
    let hpa = tree::get(wva, &["hpa"]).filter(|it| !it.is_null())?;
    let behavior = tree::get(hpa, &["behavior"]).map(stated).unwrap_or_default();
    Some(Scaler::Hpa { variant, behavior })
}

fn variant(scope: &Scope<'_, '_>, wva: &Value) -> Variant {
    let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    Variant {
        accelerator: or(tree::text(scope.spec, &["labels", ACCELERATOR_NAME]), "unknown"),
        cost: or(tree::text(wva, &["variantCost"]), "10.0"),
    }
}

fn settings(keda: &Value) -> Map<String, Value> {
    let given = KEDA_SETTINGS.iter().filter_map(|key| Some(((*key).to_owned(), stated(keda.get(*key)?))));
    given.filter(|(_, value)| !is_silent(value)).collect()
}

/// A tree without what says nothing: nulls, empty texts and objects.
fn stated(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let members = map.iter().map(|(key, value)| (key.clone(), stated(value)));
            members.filter(|(_, value)| !is_silent(value)).collect()
        }
        other => other.clone(),
    }
}

fn is_silent(value: &Value) -> bool {
    value.is_null() || value == "" || value.as_object().is_some_and(Map::is_empty)
}

/// `replicas`, unless something still scales the workload that is about to go: two writers would take turns.
pub fn count(scope: &mut Scope<'_, '_>) -> Option<i64> {
    let replicas = scope.integer(&["replicas"], 0, "at least 0")?;
    let Some((by, live)) = scaled_by(scope) else { return Some(replicas) };
    let why = if live.deleting {
        ": it is being deleted and waits for its finalizers, which KEDA removes"
    } else {
        ""
    };
    scope.warn("replicas", &Problem::StillScaled { replicas, by, why });
    None
}

/// The live autoscaler of ours.
fn scaled_by<'a>(scope: &Scope<'a, '_>) -> Option<(String, &'a LiveObject)> {
    let inputs = scope.ctx.inputs;
    let uid = tree::text(inputs.service, &["metadata", "uid"]);
    slots(&scope.ctx.id.name, scope.role).into_iter().find_map(|slot| {
        let live = inputs.live.get(&slot).filter(|live| ours(slot.0, live, uid))?;
        Some((format!("{} {}", slot.0, slot.1), live))
    })
}

/// Prefill and decode that go to zero by different rules: requests find the one without the other.
pub fn apart(ctx: &Context<'_>, decode: &Workload, prefill: &Workload) -> Option<Finding> {
    let sleeps = |of: &Workload| of.scaling.as_ref().is_some_and(Scaling::sleeps);
    let (path, sleeper, other) = match (sleeps(decode), sleeps(prefill)) {
        (false, false) => return None,
        (true, true) if triggers(decode) == triggers(prefill) => return None,
        (true, _) => ("spec.scaling", "decode", "prefill"),
        (false, true) => ("spec.prefill.scaling", "prefill", "decode"),
    };
    let message = Problem::SleepApart { sleeper, other }.to_string();
    Some(Finding { path: path.to_owned(), message, origin: (ctx.origin)(path) })
}

/// Triggers of the user; those of the workload variant autoscaler are joined where they are made.
fn triggers(of: &Workload) -> &[Value] {
    match of.scaling.as_ref().map(|scaling| &scaling.by) {
        Some(Scaler::Keda { triggers, .. }) => triggers,
        _ => &[],
    }
}

#[cfg(test)]
#[path = "scaling_tests.rs"]
mod tests;
