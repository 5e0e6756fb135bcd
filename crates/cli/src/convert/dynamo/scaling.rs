//! How many replicas of a worker, and who says so.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::Loss;
use super::super::common::source::Source;
use super::super::common::triggers;

/// `replicas` or `scaling`, and its value.
pub fn take(component: &mut Source, model: &str, lost: &mut Vec<Loss>) -> Option<(&'static str, Value)> {
    let replicas = component.number("replicas");
    let why = "point the autoscaler's scaleTargetRef at the LLMInferenceService, or move its triggers to scaling.keda: see docs/scaling.md";
    component.lose("scalingAdapter", why, lost);
    component.lose("minAvailable", "of Grove: groups are all or nothing", lost);
    let mut scaling = component.part("autoscaling");
    let is_on = scaling.text("enabled").as_deref() == Some("true");
    let (min, max) = (scaling.number("minReplicas").unwrap_or(1), scaling.number("maxReplicas"));
    let Some(max) = max.filter(|max| is_on && *max > min) else {
        scaling.finish(lost);
        return replicas.map(|replicas| ("replicas", json!(replicas)));
    };
    Some((
        "scaling",
        json!({"minReplicas": min.max(1), "maxReplicas": max, "keda": keda(scaling, model, lost)}),
    ))
}

fn keda(mut scaling: Source, model: &str, lost: &mut Vec<Loss>) -> Value {
    let metrics = scaling.parts("metrics");
    let mut listed: Vec<Value> =
        metrics.into_iter().filter_map(|metric| triggers::of_metric(metric, lost)).collect();
    if listed.is_empty() {
        lost.push(Loss::new(scaling.at("maxReplicas"), triggers::assumed()));
        listed.push(triggers::requests(None, model, None));
    }
    let mut keda = json!({"triggers": listed});
    if let Some(behavior) = scaling.take("behavior") {
        *tree::entry(&mut keda, "advanced") =
            json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
    }
    scaling.finish(lost);
    keda
}
