//! `ScalingReady` and `PrefillScalingReady` (`reference/router.md §14.6`): what scales a workload, and why it does not.

use llmisvc_api::conditions::{kind, reason};
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::condition::Judgement;
use super::refusal::{Refusal, RefusalReason};
use super::view::View;
use crate::names;
use crate::scalers::slots;
use crate::settings::AUTOSCALING;
use crate::tree;
use crate::valid::{Role, Scaling, Workload};

const CONDITIONS: [(Role, &str); 2] =
    [(Role::Decode, kind::SCALING_READY), (Role::Prefill, kind::PREFILL_SCALING_READY)];

/// The conditions of those workloads that are scaled by an object of ours.
pub(super) fn judge(view: &View<'_>) -> Vec<(&'static str, Judgement)> {
    let all = CONDITIONS.into_iter().filter(|_| !view.stopped);
    all.filter_map(|(role, kind)| Some((kind, judge_role(view, role)?))).collect()
}

/// Condition and reason of an autoscaler that could not be written; routing goes on without it (edge 55).
pub(super) fn component(service: &str, refusal: &Refusal) -> (&'static str, &'static str) {
    let prefill = slots(service, Role::Prefill).contains(&(refusal.kind, refusal.name.clone()));
    let kind = if prefill { kind::PREFILL_SCALING_READY } else { kind::SCALING_READY };
    match refusal.reason {
        RefusalReason::NotServed => (kind, reason::SCALING_CRD_NOT_FOUND),
        _ => (kind, reason::RECONCILE_SCALING_ERROR),
    }
}

/// While nothing is decided, what lives is what there is.
fn judge_role(view: &View<'_>, role: Role) -> Option<Judgement> {
    let Some(service) = view.valid else {
        let found = slots(view.name, role).into_iter().find(|(kind, name)| view.live(*kind, name).is_some());
        return found.map(|(kind, name)| judge_object(view, kind, &name));
    };
    let of: Option<&Workload> =
        if role == Role::Prefill { service.prefill.as_ref() } else { Some(&service.decode) };
    let scaling = of?.scaling.as_ref()?;
    if scaling.is_blind() {
        return Some(blind(view, role));
    }
    Some(judge_object(view, scaling.kind(), &name(view, scaling, role)))
}

fn name(view: &View<'_>, scaling: &Scaling, role: Role) -> String {
    match scaling.kind() {
        Kind::ScaledObject => names::scaled_object(view.name, role),
        _ => names::autoscaler(view.name, role),
    }
}

fn blind(view: &View<'_>, role: Role) -> Judgement {
    let object = names::scaled_object(view.name, role);
    let stays = if view.live(Kind::ScaledObject, &object).is_some() {
        "; the one that is there stays as it is"
    } else {
        ""
    };
    let message = format!(
        "ScaledObject {} needs the address of the metrics: set prometheus.url in key {AUTOSCALING:?} of ConfigMap \
         {}/inferenceservice-config{stays}",
        view.path(&object),
        view.input.cluster.system_namespace
    );
    Judgement::no(reason::RECONCILE_SCALING_ERROR, message)
}

fn judge_object(view: &View<'_>, kind: Kind, name: &str) -> Judgement {
    let path = format!("{kind} {}", view.path(name));
    match (view.live(kind, name), kind) {
        (Some(live), Kind::ScaledObject) => scaled_object(view, &path, live),
        (Some(live), _) => autoscaler(&path, live),
        (None, Kind::ScaledObject) => {
            Judgement::no(reason::SCALED_OBJECT_PROGRESSING, format!("{path} has not been created yet"))
        }
        (None, _) => Judgement::no(reason::HPA_PROGRESSING, format!("{path} has not been created yet")),
    }
}

/// A condition of a live object.
struct Said<'a> {
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

fn said<'a>(live: &'a Value, kind: &str) -> Option<Said<'a>> {
    let conditions = tree::list(live, &["status", "conditions"]);
    let found = conditions.iter().find(|it| tree::text(it, &["type"]) == kind)?;
    let text = |key| tree::text(found, &[key]);
    Some(Said { status: text("status"), reason: text("reason"), message: text("message") })
}

/// Being at a limit is no failure, and neither is a target without replicas, which is not scaled until it has some.
fn autoscaler(path: &str, live: &Value) -> Judgement {
    let all = [said(live, "AbleToScale"), said(live, "ScalingActive")];
    if all.iter().all(Option::is_none) {
        return Judgement::no(reason::HPA_PROGRESSING, format!("{path} has no status yet"));
    }
    let failed = all.iter().flatten().find(|it| it.status == "False" && it.reason != "ScalingDisabled");
    if let Some(it) = failed {
        return Judgement::no(it.reason, format!("{path}: {}{}", it.message, remedy(it.reason)));
    }
    Judgement { message: format!("{path} {}", wants(live)), ..Judgement::yes() }
}

fn remedy(reason: &str) -> &'static str {
    match reason {
        "FailedGetExternalMetric" => {
            "; do the workload variant autoscaler and an adapter for external metrics run, and has the adapter a rule \
             for the metric?"
        }
        _ => "",
    }
}

/// `wants 3 replicas (1 to 8): wva_desired_replicas is 1500m a replica, target 1`.
fn wants(live: &Value) -> String {
    let number = |path: &[&str], default| tree::get(live, path).and_then(Value::as_i64).unwrap_or(default);
    let (min, max) = (number(&["spec", "minReplicas"], 1), number(&["spec", "maxReplicas"], 1));
    let metrics: Vec<String> =
        tree::list(live, &["spec", "metrics"]).iter().map(|it| metric(live, it)).collect();
    let limited = said(live, "ScalingLimited").filter(|it| it.status == "True");
    let limited = limited.map(|it| format!("; limited: {}", it.message)).unwrap_or_default();
    let desired = number(&["status", "desiredReplicas"], 0);
    format!("wants {desired} replicas ({min} to {max}): {}{limited}", metrics.join(", "))
}

fn metric(live: &Value, spec: &Value) -> String {
    let name = tree::text(spec, &["external", "metric", "name"]);
    let mut current = tree::list(live, &["status", "currentMetrics"]).iter();
    let current = current.find(|it| tree::text(it, &["external", "metric", "name"]) == name);
    let current =
        current.map(|it| tree::text(it, &["external", "current", "averageValue"])).unwrap_or_default();
    let target = tree::text(spec, &["external", "target", "averageValue"]);
    if current.is_empty() {
        format!("{name}, target {target} a replica")
    } else {
        format!("{name} is {current} a replica, target {target}")
    }
}

fn scaled_object(view: &View<'_>, path: &str, live: &Value) -> Judgement {
    let Some(ready) = said(live, "Ready").filter(|it| it.status != "Unknown") else {
        let message = format!("{path} has no status yet: does KEDA run?");
        return Judgement::no(reason::SCALED_OBJECT_PROGRESSING, message);
    };
    if ready.status == "False" {
        let reason = if ready.reason.is_empty() { reason::SCALED_OBJECT_PROGRESSING } else { ready.reason };
        return Judgement::no(reason, format!("{path}: {}", ready.message));
    }
    Judgement { message: format!("{path} {}{}", limits(live), state(view, live)), ..Judgement::yes() }
}

/// `scales from 1 to 8 replicas, 0 when idle, by wva-desired-replicas (target 1)`. What the metrics say changes too
/// often to be written down here.
fn limits(live: &Value) -> String {
    let number = |key| tree::get(live, &["spec", key]).and_then(Value::as_i64);
    let (min, max) = (number("minReplicaCount").unwrap_or(0), number("maxReplicaCount").unwrap_or(100));
    let idle = number("idleReplicaCount").map(|idle| format!(", {idle} when idle")).unwrap_or_default();
    let triggers: Vec<String> = tree::list(live, &["spec", "triggers"]).iter().map(trigger).collect();
    format!("scales from {min} to {max} replicas{idle}, by {}", triggers.join(", "))
}

fn trigger(trigger: &Value) -> String {
    let text = |path: &[&str]| tree::text(trigger, path).to_owned();
    let name = if text(&["name"]).is_empty() { text(&["type"]) } else { text(&["name"]) };
    let target = text(&["metadata", "threshold"]);
    if target.is_empty() { name } else { format!("{name} (target {target})") }
}

/// What is worth knowing although it works: paused, on fallback, idle, and complaints of the HorizontalPodAutoscaler
/// that KEDA has made, which carries the labels of the ScaledObject and so is watched.
fn state(view: &View<'_>, live: &Value) -> String {
    let mut state = String::new();
    for (kind, says) in [("Paused", "paused"), ("Fallback", "metrics fail, on fallback")] {
        if said(live, kind).is_some_and(|it| it.status == "True") {
            state = format!("{state}; {says}");
        }
    }
    if said(live, "Active").is_some_and(|it| it.status == "False") {
        state.push_str("; idle");
    }
    let made = view.live(Kind::HorizontalPodAutoscaler, tree::text(live, &["status", "hpaName"]));
    let failed =
        made.into_iter().flat_map(|hpa| [said(hpa, "AbleToScale"), said(hpa, "ScalingActive")]).flatten();
    for it in failed.filter(|it| it.status == "False" && it.reason != "ScalingDisabled") {
        state = format!("{state}; {}: {}", it.reason, it.message);
    }
    state
}
