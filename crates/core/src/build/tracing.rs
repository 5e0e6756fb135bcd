//! Tells vLLM and the endpoint picker where their traces go (`reference/workloads.md §12`).

use serde_json::{Value, json};

use super::{entrypoint, pod};
use crate::valid::{Identity, Tracing};

/// vLLM's flag for the endpoint, in its two spellings.
pub const ENDPOINT: [&str; 2] = ["--otlp-traces-endpoint", "--otlp_traces_endpoint"];
/// Name of the component.
pub const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const DETAILS: [&str; 2] = ["--collect-detailed-traces", "--collect_detailed_traces"];
const NODE: &str = "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME";
const POD: &str = "OTEL_RESOURCE_ATTRIBUTES_POD_NAME";

/// vLLM's flags, each with its value. The endpoint may refer to a variable of the container.
pub fn flags(tracing: &Tracing) -> Vec<Vec<String>> {
    let ([endpoint, _], [details, _]) = (ENDPOINT, DETAILS);
    vec![vec![endpoint.to_owned(), tracing.endpoint.clone()], vec![details.to_owned(), "all".to_owned()]]
}

/// Adds the flags to a command line that the core does not compose, as far as it does not have them.
pub fn add_flags(main: &mut Value, tracing: &Tracing) {
    for (words, spellings) in flags(tracing).iter().zip([ENDPOINT, DETAILS]) {
        if !entrypoint::mentions(main, &spellings) {
            entrypoint::append(main, words);
        }
    }
}

/// Adds the variables that the container does not have.
pub fn add_variables(container: &mut Value, id: &Identity, tracing: &Tracing) {
    let given = [
        (SERVICE_NAME, &tracing.component),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &tracing.endpoint),
        ("OTEL_TRACES_EXPORTER", &tracing.exporter),
        ("OTEL_TRACES_SAMPLER", &tracing.sampler),
        ("OTEL_TRACES_SAMPLER_ARG", &tracing.sampler_arg),
    ];
    for (name, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
        pod::set_env(container, json!({"name": name, "value": value}));
    }
    for (name, field) in [(NODE, "spec.nodeName"), (POD, "metadata.name")] {
        let source = json!({"fieldRef": {"apiVersion": "v1", "fieldPath": field}});
        pod::set_env(container, json!({"name": name, "valueFrom": source}));
    }
    pod::set_env(container, json!({"name": "OTEL_RESOURCE_ATTRIBUTES", "value": attributes(id)}));
}

fn attributes(id: &Identity) -> String {
    let Identity { name, namespace, .. } = id;
    format!(
        "k8s.namespace.name={namespace},k8s.node.name=$({NODE}),k8s.pod.name=$({POD}),llmisvc.name={name}"
    )
}

#[cfg(test)]
#[path = "tracing_tests.rs"]
mod tests;
