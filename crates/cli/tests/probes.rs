//! Probes of the examples ask the ports that their containers listen on, by the scheme that they speak.

use std::fs;

use llmisvc_testkit::{documents, paths};
use serde_json::Value;

/// Pod specs anywhere in an object.
fn pods(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(fields) if fields.contains_key("containers") => vec![value],
        Value::Object(fields) => fields.values().flat_map(pods).collect(),
        Value::Array(items) => items.iter().flat_map(pods).collect(),
        _ => Vec::new(),
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["containers", "initContainers"].into_iter().filter_map(|list| pod.get(list)?.as_array()).flatten()
}

fn listens(container: &Value, port: &Value) -> bool {
    let ports = container["ports"].as_array().into_iter().flatten();
    ports.into_iter().any(|declared| declared["containerPort"] == *port || declared["name"] == *port)
}

#[test]
// W-24
fn probes_fit_the_ports_and_the_scheme() {
    let mut seen = 0;
    for folder in fs::read_dir(paths::repository().join("examples")).expect("the examples") {
        let file = folder.expect("a folder").path().join("expected.yaml");
        let text = fs::read_to_string(&file).unwrap_or_default();
        for object in documents::parse(&text).expect("YAML") {
            for container in pods(&object).into_iter().flat_map(containers) {
                for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                    let Some(get) = container[probe].get("httpGet") else { continue };
                    let place = format!("{}: {} {probe}", file.display(), container["name"]);
                    assert!(listens(container, &get["port"]), "{place}: {get}");
                    assert_eq!(
                        get.get("scheme").unwrap_or(&Value::from("HTTP")),
                        "HTTP",
                        "{place}: TLS is off"
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 50, "{seen} probes");
}
