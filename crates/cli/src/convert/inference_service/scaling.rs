//! `minReplicas`, `maxReplicas` and what they go by.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::Loss;
use super::super::common::source::Source;

/// Stands for the user's, which InferenceServices do not name.
const PROMETHEUS: &str = "http://prometheus.monitoring:9090";

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
        for metric in ["scaleMetric", "scaleMetricType", "scaleTarget", "autoScaling"] {
            predictor.lose(metric, "the number of replicas is fixed", lost);
        }
        let count = least.max(1);
        if least == 0 {
            lost.push(Loss::new(
                predictor.at("minReplicas"),
                "scales to zero only with maxReplicas above 1: see scale to zero in docs/scaling.md",
            ));
        }
        return min.or(max).map(|_| ("replicas", json!(count)));
    }
    let mut triggers = metrics(predictor, lost);
    triggers.extend(metric(predictor, model, triggers.is_empty(), lost));
    let mut keda = json!({"triggers": triggers});
    if least == 0 {
        *tree::entry(&mut keda, "idleReplicaCount") = json!(0);
    }
    Some(("scaling", json!({"minReplicas": least.max(1), "maxReplicas": max, "keda": keda})))
}

/// `scaleMetric`; without one, requests.
fn metric(predictor: &mut Source, model: &str, is_needed: bool, lost: &mut Vec<Loss>) -> Option<Value> {
    let metric = predictor.text("scaleMetric");
    let target = predictor.text("scaleTarget");
    let of = predictor.text("scaleMetricType").unwrap_or_else(|| "Utilization".to_owned());
    if metric.is_none() && !is_needed {
        return None;
    }
    match metric.as_deref() {
        Some(resource @ ("cpu" | "memory")) => {
            Some(resource_trigger(resource, &of, &target.unwrap_or_else(|| "80".to_owned())))
        }
        other => {
            let (query, usual) = query(other, model);
            let place = if other.is_some() { "scaleMetric" } else { "maxReplicas" };
            let why = format!(
                "requests are counted by Prometheus: set its address in scaling.keda.triggers[0].metadata.serverAddress, {PROMETHEUS} is assumed"
            );
            lost.push(Loss::new(predictor.at(place), why));
            Some(prometheus(PROMETHEUS, &query, &target.unwrap_or_else(|| usual.to_owned())))
        }
    }
}

/// Metrics of vLLM that come nearest, and a threshold where none is given. At zero pods only the endpoint picker's
/// queue is left to wake the service.
fn query(metric: Option<&str>, model: &str) -> (String, &'static str) {
    let labels = format!("{{model_name=\"{model}\"}}");
    match metric {
        Some("rps") => (format!("sum(rate(vllm:request_success_total{labels}[1m]))"), "10"),
        _ => (
            format!(
                "sum(vllm:num_requests_running{labels}) + sum(vllm:num_requests_waiting{labels}) or sum(llm_d_epp_flow_control_queue_size{labels})"
            ),
            "16",
        ),
    }
}

fn prometheus(address: &str, query: &str, threshold: &str) -> Value {
    let metadata = json!({"serverAddress": address, "query": query, "threshold": threshold});
    json!({"type": "prometheus", "metadata": metadata})
}

fn resource_trigger(resource: &str, metric_type: &str, value: &str) -> Value {
    json!({"type": resource, "metricType": metric_type, "metadata": {"value": value}})
}

/// `autoScaling.metrics[]`.
fn metrics(predictor: &mut Source, lost: &mut Vec<Loss>) -> Vec<Value> {
    let mut scaling = predictor.part("autoScaling");
    scaling.lose("behavior", "belongs in scaling.keda.advanced.horizontalPodAutoscalerConfig.behavior", lost);
    let metrics = scaling.parts("metrics");
    scaling.finish(lost);
    metrics.into_iter().filter_map(|metric| of_list(metric, lost)).collect()
}

fn of_list(mut metric: Source, lost: &mut Vec<Loss>) -> Option<Value> {
    let kind = metric.text("type").unwrap_or_default();
    let trigger = match kind.as_str() {
        "Resource" => {
            let of = metric.text("resource.target.type").unwrap_or_else(|| "Utilization".to_owned());
            let value = ["averageUtilization", "averageValue", "value"];
            let value = value.iter().find_map(|field| metric.text(&format!("resource.target.{field}")));
            Some(resource_trigger(
                &metric.text("resource.name")?,
                &of,
                &value.unwrap_or_else(|| "80".to_owned()),
            ))
        }
        "External" if metric.text("external.metric.backend").as_deref() == Some("prometheus") => {
            metric.take("external.target.type");
            let address =
                metric.text("external.metric.serverAddress").unwrap_or_else(|| PROMETHEUS.to_owned());
            let query = metric.text("external.metric.query")?;
            let value = metric.text("external.target.value").or(metric.text("external.target.averageValue"));
            Some(prometheus(&address, &query, &value?))
        }
        _ => None,
    };
    if trigger.is_none() {
        lost.push(Loss::new(
            metric.place(),
            "has no form here: write a trigger of KEDA in scaling.keda.triggers",
        ));
    } else {
        metric.finish(lost);
    }
    trigger
}
