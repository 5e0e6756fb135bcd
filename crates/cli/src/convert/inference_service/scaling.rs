//! `minReplicas`, `maxReplicas` and what they go by.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::Loss;
use super::super::common::source::Source;
use super::super::common::triggers;

/// `replicas` or `scaling`, and its value.
pub fn take(
    predictor: &mut Source,
    class: &str,
    model: &str,
    lost: &mut Vec<Loss>,
) -> Option<(&'static str, Value)> {
    let (min, max) = (predictor.number("minReplicas"), predictor.number("maxReplicas"));
    let least = min.unwrap_or(1);
    if ["none", "external"].contains(&class) || max.is_none_or(|max| max <= least.max(1)) {
        return fixed(predictor, min, max, lost);
    }
    let mut triggers = metrics(predictor, lost);
    triggers.extend(metric(predictor, model, triggers.is_empty(), lost));
    let mut keda = json!({"triggers": triggers});
    if least == 0 {
        *tree::entry(&mut keda, "idleReplicaCount") = json!(0);
    }
    Some(("scaling", json!({"minReplicas": least.max(1), "maxReplicas": max, "keda": keda})))
}

fn fixed(
    predictor: &mut Source,
    min: Option<i64>,
    max: Option<i64>,
    lost: &mut Vec<Loss>,
) -> Option<(&'static str, Value)> {
    for metric in ["scaleMetric", "scaleMetricType", "scaleTarget", "autoScaling"] {
        predictor.lose(metric, "the number of replicas is fixed", lost);
    }
    if min == Some(0) {
        let why = "scales to zero only with maxReplicas above 1: see scale to zero in docs/scaling.md";
        lost.push(Loss::new(predictor.at("minReplicas"), why));
    }
    min.or(max).map(|_| ("replicas", json!(min.unwrap_or(1).max(1))))
}

/// `scaleMetric`; without one, requests.
fn metric(predictor: &mut Source, model: &str, is_needed: bool, lost: &mut Vec<Loss>) -> Option<Value> {
    let metric = predictor.text("scaleMetric");
    let target = predictor.text("scaleTarget");
    let of = predictor.text("scaleMetricType").unwrap_or_else(|| "Utilization".to_owned());
    if metric.is_none() && !is_needed {
        return None;
    }
    if let Some(resource @ ("cpu" | "memory")) = metric.as_deref() {
        return Some(triggers::resource(resource, &of, &target.unwrap_or_else(|| "80".to_owned())));
    }
    let place = if metric.is_some() { "scaleMetric" } else { "maxReplicas" };
    lost.push(Loss::new(predictor.at(place), triggers::assumed()));
    Some(triggers::requests(metric.as_deref(), model, target))
}

/// `autoScaling.metrics[]`.
fn metrics(predictor: &mut Source, lost: &mut Vec<Loss>) -> Vec<Value> {
    let mut scaling = predictor.part("autoScaling");
    let why = "belongs in scaling.keda.advanced.horizontalPodAutoscalerConfig.behavior";
    scaling.lose("behavior", why, lost);
    let metrics = scaling.parts("metrics");
    scaling.finish(lost);
    metrics.into_iter().filter_map(|metric| triggers::of_metric(metric, lost)).collect()
}
