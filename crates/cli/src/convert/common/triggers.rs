//! Triggers of KEDA for what other autoscalers go by.

use serde_json::{Value, json};

use super::source::Source;
use crate::convert::Loss;

/// Stands for the user's, which the input does not name.
pub const PROMETHEUS: &str = "http://prometheus.monitoring:9090";

/// Metrics of vLLM that come nearest to requests per second, or else to requests at once, and a threshold where none is
/// given. At zero pods only the endpoint picker's queue is left to wake the service.
pub fn requests(metric: Option<&str>, model: &str, threshold: Option<String>) -> Value {
    let labels = format!("{{model_name=\"{model}\"}}");
    let (query, usual) = match metric {
        Some("rps") => (format!("sum(rate(vllm:request_success_total{labels}[1m]))"), "10"),
        _ => (
            format!(
                "sum(vllm:num_requests_running{labels}) + sum(vllm:num_requests_waiting{labels}) or sum(llm_d_epp_flow_control_queue_size{labels})"
            ),
            "16",
        ),
    };
    prometheus(PROMETHEUS, &query, &threshold.unwrap_or_else(|| usual.to_owned()))
}

/// What to say about the address.
pub fn assumed() -> String {
    format!(
        "requests are counted by Prometheus: set its address in scaling.keda.triggers[0].metadata.serverAddress, {PROMETHEUS} is assumed"
    )
}

/// A query.
pub fn prometheus(address: &str, query: &str, threshold: &str) -> Value {
    let metadata = json!({"serverAddress": address, "query": query, "threshold": threshold});
    json!({"type": "prometheus", "metadata": metadata})
}

/// `cpu` or `memory`.
pub fn resource(resource: &str, metric_type: &str, value: &str) -> Value {
    json!({"type": resource, "metricType": metric_type, "metadata": {"value": value}})
}

/// One of a list of metrics as HorizontalPodAutoscalers have it, or with a query as InferenceServices do.
pub fn of_metric(mut metric: Source, lost: &mut Vec<Loss>) -> Option<Value> {
    let kind = metric.text("type").unwrap_or_default();
    let is_query = metric.peek("external.metric.backend").and_then(Value::as_str) == Some("prometheus");
    let trigger = match kind.as_str() {
        "Resource" => of_resource(&mut metric),
        "External" if is_query => of_query(&mut metric),
        _ => None,
    };
    if trigger.is_none() {
        let why = "has no form here: write a trigger of KEDA in scaling.keda.triggers";
        lost.push(Loss::new(metric.place(), why));
    } else {
        metric.finish(lost);
    }
    trigger
}

fn of_resource(metric: &mut Source) -> Option<Value> {
    let of = metric.text("resource.target.type").unwrap_or_else(|| "Utilization".to_owned());
    let fields = ["averageUtilization", "averageValue", "value"];
    let value = fields.iter().find_map(|field| metric.text(&format!("resource.target.{field}")));
    Some(resource(&metric.text("resource.name")?, &of, &value.unwrap_or_else(|| "80".to_owned())))
}

fn of_query(metric: &mut Source) -> Option<Value> {
    metric.take("external.metric.backend");
    metric.take("external.target.type");
    let address = metric.text("external.metric.serverAddress").unwrap_or_else(|| PROMETHEUS.to_owned());
    let query = metric.text("external.metric.query")?;
    let value = metric.text("external.target.value");
    let value = value.or_else(|| metric.text("external.target.averageValue"))?;
    Some(prometheus(&address, &query, &value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_become_triggers() {
        let mut lost = Vec::new();
        let mut trigger = |metric: Value| of_metric(Source::new(metric, "m"), &mut lost);
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}});
        assert_eq!(trigger(cpu), Some(resource("cpu", "Utilization", "70")));
        let query = json!({"type": "External", "external": {
            "metric": {"backend": "prometheus", "query": "q", "serverAddress": "a"}, "target": {"type": "Value", "value": "5"}}});
        assert_eq!(trigger(query), Some(prometheus("a", "q", "5")));
        assert_eq!(trigger(json!({"type": "Pods"})), None);
        assert_eq!(lost.len(), 1);
    }
}
