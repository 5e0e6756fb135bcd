//! `explain` over the examples, and over services of which every origin is known.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_cli::effective::{self, Report};
use llmisvc_cli::input::{self, Document};
use llmisvc_cli::offline::Offline;
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::presets;
use llmisvc_testkit::paths;
use serde_json::Value;

fn explained(documents: &[Document]) -> Vec<Report> {
    let offline = Offline::new(documents, presets::shipped(OWN_PREFIX), None, None, "default");
    let services = documents.iter().filter(|document| document.value["kind"] == "LLMInferenceService");
    services.map(|service| effective::of(service, &offline, "default")).collect()
}

fn of(text: &str) -> Report {
    explained(&input::parse("test.yaml", text).unwrap()).remove(0)
}

/// Origin by path.
fn origins(report: &Report, path: &str) -> BTreeMap<String, String> {
    let fields = effective::json(report.explained.as_ref().unwrap(), path).unwrap();
    let text = |field: &Value, key: &str| field[key].as_str().unwrap().to_owned();
    fields.as_array().unwrap().iter().map(|field| (text(field, "path"), text(field, "from"))).collect()
}

/// The tree of the paths, to compare with YAML.
fn leaves(path: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => map.iter().for_each(|(key, value)| {
            let below =
                if key.contains(['.', '/']) { format!("{path}[{key}]") } else { format!("{path}.{key}") };
            leaves(&below, value, found);
        }),
        Value::Array(items) if !items.is_empty() => items.iter().enumerate().for_each(|(at, item)| {
            let name = item["name"].as_str().map_or_else(|| at.to_string(), str::to_owned);
            leaves(&format!("{path}[{name}]"), item, found);
        }),
        leaf => {
            found.insert(path.to_owned(), leaf.clone());
        }
    }
}

#[test]
fn every_example_is_explained_alike_as_yaml_and_as_json() {
    let documents = input::read(&[paths::repository().join("examples")]).unwrap();
    let reports = explained(&documents);
    assert!(reports.len() >= 14, "{} examples", reports.len());
    let mut seen = BTreeSet::new();
    for report in &reports {
        assert!(report.findings.is_empty(), "{}: {:?}", report.service, report.findings);
        let explained = report.explained.as_ref().unwrap();
        let text = effective::yaml(explained, "").unwrap();
        let back: Value = serde_yaml_ng::from_str(&text).unwrap();
        let mut said = BTreeMap::new();
        leaves("spec", &back["spec"], &mut said);
        let fields = effective::json(explained, "").unwrap();
        let listed = fields.as_array().unwrap().iter();
        let listed: BTreeMap<String, Value> =
            listed.map(|it| (it["path"].as_str().unwrap().to_owned(), it["value"].clone())).collect();
        assert_eq!(said, listed, "{}", report.service);
        seen.extend(origins(report, "").into_values().map(|from| from.split(' ').next().unwrap().to_owned()));
    }
    assert_eq!(seen, ["baseRef", "operator", "preset", "service"].map(str::to_owned).into());
}

const LAYERED: &str = "
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceServiceConfig
metadata: {name: shared}
spec: {parallelism: {tensor: 2}, labels: {team: shared}}
---
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: m}
spec:
  baseRefs: [{name: shared}]
  model: {uri: 'hf://org/m'}
  template: {containers: [{name: main, image: mine, env: [{name: A, value: b}]}]}
";

#[test]
fn each_value_has_the_origin_that_it_was_written_in() {
    let report = of(LAYERED);
    let all = origins(&report, "");
    let main = "spec.template.containers[main]";
    let preset = format!("preset kserve/{OWN_PREFIX}config-llm-template");
    let expected = [
        ("spec.model.uri".to_owned(), "service"),
        ("spec.model.name".to_owned(), "operator"),
        ("spec.baseRefs[shared].name".to_owned(), "service"),
        ("spec.parallelism.tensor".to_owned(), "baseRef default/shared"),
        ("spec.labels.team".to_owned(), "baseRef default/shared"),
        (format!("{main}.image"), "service"),
        (format!("{main}.env[A].value"), "service"),
        (format!("{main}.command[0]"), &preset),
        (format!("{main}.resources.limits[nvidia.com/gpu]"), "operator"),
    ];
    for (path, from) in expected {
        assert_eq!(all.get(&path).map(String::as_str), Some(from), "{path}");
    }
}

#[test]
fn a_path_shows_what_lies_below_it_and_nothing_else() {
    let report = of(LAYERED);
    let explained = report.explained.as_ref().unwrap();
    let text = effective::yaml(explained, "spec.template.containers[main].image").unwrap();
    let line = "      - image: mine";
    let expected = format!("spec:\n  template:\n    containers:\n{line:<60}  # service\n");
    assert_eq!(text, expected);
    assert_eq!(effective::yaml(explained, "spec.template.nothing"), None);
    assert_eq!(effective::yaml(explained, "spec.template.containers[main].image.x"), None);
}

#[test]
fn what_is_wrong_is_told_beside_what_there_is() {
    let wrong = of(&LAYERED.replace("tensor: 2", "tensor: 0"));
    assert_eq!(origins(&wrong, "spec.parallelism")["spec.parallelism.tensor"], "baseRef default/shared");
    assert!(wrong.findings[0].path.starts_with("spec.parallelism"), "{:?}", wrong.findings);
    let lost = of(&LAYERED.replace("name: shared}]", "name: lost}]"));
    assert_eq!(lost.explained.unwrap_err()[0].path, "spec.baseRefs[0].name");
    let stopped = LAYERED.replace("{name: m}", "{name: m, annotations: {serving.kserve.io/stop: 'true'}}");
    assert_eq!(origins(&of(&stopped), "spec.template")["spec.template.containers[main].image"], "service");
}
