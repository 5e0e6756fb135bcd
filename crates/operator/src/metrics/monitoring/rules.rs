//! Tests of the alert rules, as `promtool check rules` would do them and beyond.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use promql_parser::util::parse_duration;
use regex::Regex;
use serde_json::Value;

use super::expression::Expression;
use super::known::Known;
use super::{files, list, repository};

/// Every alert, after its file.
fn alerts() -> Vec<(String, Value)> {
    let of_file = |(file, rule): (String, Value)| {
        assert_eq!(
            (&rule["apiVersion"], &rule["kind"]),
            (&"monitoring.coreos.com/v1".into(), &"PrometheusRule".into())
        );
        let groups = list(&rule["spec"], "groups").to_vec();
        groups.into_iter().flat_map(move |group| {
            let place = format!("{file} {}", group["name"].as_str().unwrap());
            list(&group, "rules").iter().map(|alert| (place.clone(), alert.clone())).collect::<Vec<_>>()
        })
    };
    files("rules").into_iter().flat_map(of_file).collect()
}

fn text<'a>(alert: &'a Value, pointer: &str) -> &'a str {
    alert.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{alert} has no {pointer}"))
}

#[test]
fn alerts_ask_for_metrics_and_labels_that_there_are() {
    let known = Known::all();
    for (place, alert) in alerts() {
        let expression = Expression::parse(text(&alert, "/expr")).unwrap();
        assert_eq!(expression.faults(&known), [], "{place}: {alert}");
        let labels = expression.labels(&known);
        for used in used_labels(&alert) {
            assert!(
                labels.contains(&used),
                "{place}: {used} is not a label of {}; there are {labels:?}",
                alert["alert"]
            );
        }
    }
}

/// Labels in the templates of an alert's texts.
fn used_labels(alert: &Value) -> Vec<String> {
    let pattern = Regex::new(r"\$labels\.(\w+)").unwrap();
    let texts =
        format!("{} {}", text(alert, "/annotations/summary"), text(alert, "/annotations/description"));
    pattern.captures_iter(&texts).map(|it| it[1].to_owned()).collect()
}

#[test]
fn alerts_are_complete() {
    let mut names = BTreeSet::new();
    for (place, alert) in alerts() {
        let name = text(&alert, "/alert");
        assert!(names.insert(name.to_owned()), "{place}: {name} is there twice");
        assert!(parse_duration(text(&alert, "/for")).unwrap() >= Duration::from_mins(5), "{name}");
        assert!(["critical", "warning", "info"].contains(&text(&alert, "/labels/severity")), "{name}");
        for field in ["/annotations/summary", "/annotations/description"] {
            assert!(!text(&alert, field).trim().is_empty(), "{place}: {name}: {field}");
        }
    }
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn every_alert_leads_to_its_own_section_of_the_documentation() {
    let page = fs::read_to_string(repository().join("docs/alerts.md")).unwrap();
    let documented: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|(_, alert)| text(alert, "/alert")).collect();
    assert_eq!(documented, names);
    for (_, alert) in &alerts {
        let anchor = text(alert, "/alert").to_lowercase();
        let url = format!("https://github.com/llmisvc/llmisvc/blob/main/docs/alerts.md#{anchor}");
        assert_eq!(text(alert, "/annotations/runbook_url"), url);
    }
}
