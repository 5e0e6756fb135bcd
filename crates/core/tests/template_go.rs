//! Renders the corpus of `tests/gotemplate` and compares each case with what Go's `text/template` made of it.

use std::collections::BTreeMap;

use llmisvc_core::node::Node;
use llmisvc_core::template::{Globals, Scope, TemplateError, render};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Service {
    name: String,
    #[serde(default)]
    sparse: bool,
    globals: BTreeMap<String, Value>,
    #[serde(rename = "service")]
    object: Value,
}

#[derive(Deserialize)]
struct Template {
    name: String,
    text: String,
}

const SERVICES: &str = include_str!("../../../tests/gotemplate/corpus/services.yaml");
const TEMPLATES: &str = include_str!("../../../tests/gotemplate/corpus/templates.yaml");
const DEVIATIONS: &str = include_str!("../../../tests/gotemplate/corpus/deviations.yaml");
const EXPECTED: &str = include_str!("../../../tests/gotemplate/corpus/expected.json");

fn globals(from: &BTreeMap<String, Value>) -> Globals {
    let text = |key: &str| from.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Globals {
        system_namespace: text("systemNamespace"),
        ingress_gateway_name: text("ingressGatewayName"),
        ingress_gateway_namespace: text("ingressGatewayNamespace"),
        enable_tls: from.get("enableTLS").and_then(Value::as_bool).unwrap_or_default(),
        model_based_routing_header_name: text("modelBasedRoutingHeaderName"),
        inference_pool_namespaced_name: text("inferencePoolNamespacedName"),
    }
}

/// The leaf as a config's label, where it stays a string.
fn leaf(text: &str, service: &Service) -> String {
    let tree = Node::of(&json!({"labels": {"leaf": text}}), 0);
    let layers = ["ns/config".to_owned(), "service".to_owned()];
    let scope = Scope {
        service: &service.object,
        spec: service.object.get("spec").expect("services have a spec"),
        globals: &globals(&service.globals),
    };
    match render(&tree, &layers, &scope) {
        Ok((tree, _)) => {
            let rendered = tree.value();
            let leaf = rendered.pointer("/labels/leaf").and_then(Value::as_str);
            format!("ok: {}", leaf.expect("a label stays a string"))
        }
        Err(error) => format!("error: {}", class(&error)),
    }
}

fn class(error: &TemplateError) -> &'static str {
    match error {
        TemplateError::Parse { .. } => "parse",
        TemplateError::Nil { .. } => "nil",
        TemplateError::UnknownField { .. } => "field",
        TemplateError::MissingKey { .. } => "key",
        TemplateError::Other { .. } => "other",
    }
}

struct Comparison {
    seen: usize,
    sparse: usize,
    compared: usize,
    /// Template to the cases that differ.
    wrong: BTreeMap<String, Vec<String>>,
}

fn compare(expected: &BTreeMap<String, String>) -> Comparison {
    let services: Vec<Service> = serde_yaml_ng::from_str(SERVICES).expect("services.yaml fits");
    let templates: Vec<Template> = serde_yaml_ng::from_str(TEMPLATES).expect("templates.yaml fits");
    let mut result = Comparison { seen: 0, sparse: 0, compared: 0, wrong: BTreeMap::new() };
    for (template, service) in templates.iter().flat_map(|t| services.iter().map(move |s| (t, s))) {
        let case = format!("{}/{}", template.name, service.name);
        let gos =
            expected.get(&case).map_or("nothing: run tests/gotemplate/check.sh --update", String::as_str);
        let ours = leaf(&template.text, service);
        result.seen += 1;
        result.sparse += usize::from(service.sparse);
        result.compared += usize::from(gos != "address: not compared");
        if ours != gos && gos != "address: not compared" {
            let cases = result.wrong.entry(template.name.clone()).or_default();
            cases.push(format!("{case} {:?}\n   ours {ours:?}\n   Go   {gos:?}", template.text));
        }
    }
    result
}

#[test]
fn every_case_renders_as_go_renders_it() {
    let expected: BTreeMap<String, String> = serde_json::from_str(EXPECTED).unwrap();
    let deviations: BTreeMap<String, String> = serde_yaml_ng::from_str(DEVIATIONS).unwrap();
    let Comparison { seen, sparse, compared, mut wrong } = compare(&expected);
    for (template, reason) in &deviations {
        assert!(wrong.remove(template).is_some(), "{template} does not differ any more: {reason}");
    }
    let wrong: Vec<String> = wrong.into_values().flatten().collect();
    assert!(wrong.is_empty(), "{} of {seen} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(seen, expected.len(), "the expected file has cases that are no longer in the corpus");
    assert!(compared >= 3000 && sparse * 2 >= seen, "{compared} of {seen} compared, {sparse} sparse");
}
