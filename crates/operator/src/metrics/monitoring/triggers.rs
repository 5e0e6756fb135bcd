//! Tests of the queries by which KEDA scales in examples and pages: what they select by is on the series that our
//! monitors have scraped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

use super::expression::Expression;
use super::known::{Known, OF_TARGETS};
use super::{list, repository};

/// All files with this ending below a folder.
fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path, ending));
        } else if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found
}

/// The queries of a text, with the names that the operator would fill in.
fn queries(text: &str) -> Vec<String> {
    let variable = Regex::new(r"\{\{[^}]*\}\}").unwrap();
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("query: "));
    lines.map(|query| variable.replace_all(query, "name").into_owned()).collect()
}

#[test]
fn triggers_ask_for_metrics_and_labels_that_there_are() {
    let (known, mut count) = (Known::all(), 0);
    let files = [("examples", "yaml"), ("docs", "md")]
        .map(|(folder, ending)| below(&repository().join(folder), ending));
    for file in files.iter().flatten() {
        for query in queries(&fs::read_to_string(file).unwrap()) {
            count += 1;
            let faults = Expression::parse(&query).unwrap().faults(&known);
            assert_eq!(faults, [], "{}: {query}", file.display());
            let of_one = ["llm_isvc_name=", "inference_pool="].iter().any(|label| query.contains(label));
            assert!(
                of_one && query.contains("namespace="),
                "{} counts others' requests: {query}",
                file.display()
            );
        }
    }
    assert!(count > 25, "{count} queries were found");
}

/// Labels that the monitors of the golden file give, besides those of the Prometheus operator.
#[test]
fn every_monitor_gives_the_labels_that_queries_select_by() {
    let text = fs::read_to_string(repository().join("tests/golden/monitoring/expected.yaml")).unwrap();
    let objects =
        serde_yaml_ng::Deserializer::from_str(&text).map(|it| serde::Deserialize::deserialize(it).unwrap());
    let mut count = 0;
    for object in objects.filter(|it: &Value| it["apiVersion"] == "monitoring.coreos.com/v1") {
        let lists = ["podMetricsEndpoints", "endpoints"].map(|field| list(&object["spec"], field));
        for endpoint in lists.into_iter().flatten() {
            count += 1;
            let rules = list(endpoint, "relabelings").iter();
            let given: BTreeSet<&str> = rules.filter_map(|rule| rule["targetLabel"].as_str()).collect();
            let wanted = OF_TARGETS.iter().filter(|label| label.starts_with("llm_isvc_"));
            let missing: Vec<_> = wanted.filter(|label| !given.contains(*label)).collect();
            assert_eq!(missing, [&""; 0], "{object}");
        }
    }
    assert_eq!(count, 3);
}
