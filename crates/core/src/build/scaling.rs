//! HorizontalPodAutoscalers and ScaledObjects (`reference/router.md §14.3` to `§14.5`).

use serde_json::{Map, Value, json};

use super::workload::annotate;
use crate::labels::{self, Component, Labels};
use crate::object::Object;
use crate::settings::Prometheus;
use crate::valid::{Scaler, Scaling, ValidService, Variant, Workload};
use crate::validate::scaling::ACCELERATOR_NAME;
use crate::{names, tree};

/// Metric of the workload variant autoscaler: how many replicas a variant should have.
pub const METRIC: &str = "wva_desired_replicas";
/// The label that Prometheus gives the namespace of a metric which carries one itself.
const NAMESPACE: &str = "exported_namespace";

/// What scales decode and prefill.
pub fn objects(svc: &ValidService) -> Vec<Object> {
    let workloads = std::iter::once(&svc.decode).chain(&svc.prefill);
    workloads
        .filter_map(|of| Some((of, of.scaling.as_ref()?)))
        .filter_map(|(of, it)| object(svc, of, it))
        .collect()
}

fn object(svc: &ValidService, of: &Workload, scaling: &Scaling) -> Option<Object> {
    let (name, spec) = match &scaling.by {
        Scaler::Hpa { behavior, .. } => {
            let name = names::autoscaler(&svc.id.name, of.role);
            let spec = autoscaler(svc, of, scaling, (&name, behavior));
            (name, spec)
        }
        Scaler::Wva { settings, prometheus, .. } => {
            let name = names::scaled_object(&svc.id.name, of.role);
            let triggers = wva_triggers(svc, &name, prometheus.as_ref()?);
            (name, scaled_object(svc, of, scaling, (settings, triggers)))
        }
        Scaler::Keda { settings, triggers } => {
            let name = names::scaled_object(&svc.id.name, of.role);
            (name, scaled_object(svc, of, scaling, (settings, triggers.clone())))
        }
    };
    let rest = json!({"spec": spec});
    let mut object = Object::new(scaling.kind(), &svc.id.namespace, &name, labels_of(svc, scaling), rest);
    annotate(&mut object.body, &annotations(svc, scaling));
    Some(object)
}

const fn variant(scaling: &Scaling) -> Option<&Variant> {
    match &scaling.by {
        Scaler::Hpa { variant, .. } | Scaler::Wva { variant, .. } => Some(variant),
        Scaler::Keda { .. } => None,
    }
}

fn labels_of(svc: &ValidService, scaling: &Scaling) -> Labels {
    let mut labels = labels::base(&svc.id.name, Component::Workload);
    labels.extend(variant(scaling).map(|it| (ACCELERATOR_NAME.to_owned(), it.accelerator.clone())));
    labels
}

/// By these the workload variant autoscaler finds what it has to care for.
fn annotations(svc: &ValidService, scaling: &Scaling) -> Labels {
    let Some(variant) = variant(scaling) else { return Labels::new() };
    labels::labels([
        ("llm-d.ai/managed", "true"),
        ("llm-d.ai/model-id", &svc.model),
        ("llm-d.ai/variant-cost", &variant.cost),
    ])
}

fn target(svc: &ValidService, of: &Workload) -> Value {
    let (kind, name) = crate::workloads::slot(&svc.id.name, of.role, of.is_group());
    json!({"apiVersion": kind.served().api_version(), "kind": kind.served().kind, "name": name})
}

/// The metric counts replicas, so its average over the replicas is to be one: with a plain value the autoscaler would
/// multiply it by the replicas that there are (edge 53).
fn autoscaler(
    svc: &ValidService,
    of: &Workload,
    scaling: &Scaling,
    (name, behavior): (&str, &Value),
) -> Value {
    let selector = json!({"matchLabels": {"variant_name": name, NAMESPACE: svc.id.namespace}});
    let external = json!({
        "metric": {"name": METRIC, "selector": selector},
        "target": {"type": "AverageValue", "averageValue": "1"},
    });
    let mut spec = json!({
        "scaleTargetRef": target(svc, of),
        "minReplicas": scaling.min,
        "maxReplicas": scaling.max,
        "metrics": [{"type": "External", "external": external}],
    });
    if behavior.is_object() {
        *tree::entry(&mut spec, "behavior") = behavior.clone();
    }
    spec
}

fn scaled_object(
    svc: &ValidService,
    of: &Workload,
    scaling: &Scaling,
    (settings, triggers): (&Map<String, Value>, Vec<Value>),
) -> Value {
    let mut spec = settings.clone();
    spec.insert("scaleTargetRef".to_owned(), target(svc, of));
    spec.insert("minReplicaCount".to_owned(), json!(scaling.min));
    spec.insert("maxReplicaCount".to_owned(), json!(scaling.max));
    spec.insert("triggers".to_owned(), Value::Array(triggers));
    Value::Object(spec)
}

fn wva_triggers(svc: &ValidService, name: &str, prometheus: &Prometheus) -> Vec<Value> {
    let mut triggers = vec![trigger("wva-desired-replicas", &wanted(svc, name), prometheus)];
    triggers.extend(awake_together(svc).map(|query| trigger("wva-any-wanted", &query, prometheus)));
    triggers
}

fn wanted(svc: &ValidService, variant: &str) -> String {
    format!("{METRIC}{{variant_name=\"{variant}\",{NAMESPACE}=\"{}\"}}", svc.id.namespace)
}

/// Where both prefill and decode may go to zero, each is active while any of them is wanted. Never above one, so that
/// it wakes a workload and moves no count.
fn awake_together(svc: &ValidService) -> Option<String> {
    let prefill = svc.prefill.as_ref()?;
    let of_wva = |of: &Workload| {
        let scaling = of.scaling.as_ref().filter(|scaling| scaling.sleeps())?;
        matches!(scaling.by, Scaler::Wva { .. }).then(|| names::scaled_object(&svc.id.name, of.role))
    };
    let (decode, prefill) = (of_wva(&svc.decode)?, of_wva(prefill)?);
    Some(format!("clamp_max(sum({} or {}), 1)", wanted(svc, &decode), wanted(svc, &prefill)))
}

fn trigger(name: &str, query: &str, prometheus: &Prometheus) -> Value {
    let mut metadata = json!({
        "serverAddress": prometheus.url,
        "query": query,
        "threshold": "1",
        "unsafeSsl": prometheus.insecure.to_string(),
    });
    let mut trigger = json!({"type": "prometheus", "name": name});
    if let Some(auth) = &prometheus.auth {
        *tree::entry(&mut metadata, "authModes") = json!(auth.modes);
        let mut reference = json!({"name": auth.name});
        if let Some(kind) = &auth.kind {
            *tree::entry(&mut reference, "kind") = json!(kind);
        }
        *tree::entry(&mut trigger, "authenticationRef") = reference;
    }
    *tree::entry(&mut trigger, "metadata") = metadata;
    trigger
}

#[cfg(test)]
#[path = "scaling_tests.rs"]
mod tests;
