//! Tests of `config/monitoring`: dashboards and rules ask for nothing that no component has.

mod expression;
mod known;
mod rules;
mod triggers;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use expression::{Expression, Fault};
use known::Known;

fn repository() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

/// The files of a folder of `config/monitoring`, by name.
fn files(folder: &str) -> BTreeMap<String, Value> {
    let entries = fs::read_dir(repository().join("config/monitoring").join(folder)).unwrap();
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let content = serde_yaml_ng::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), content)
    };
    entries.map(read).collect()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What Grafana puts in place of its variables.
fn substituted(query: &str) -> String {
    ["$__rate_interval", "$__range"].iter().fold(query.to_owned(), |text, name| text.replace(name, "5m"))
}

/// Places and expressions of a dashboard: panels and variables.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for panel in list(dashboard, "panels") {
        for target in list(panel, "targets") {
            let place = format!("{} {}", panel["title"], target["refId"]);
            found.push((place, substituted(target["expr"].as_str().unwrap())));
        }
    }
    for variable in list(&dashboard["templating"], "list").iter().filter(|it| it["type"] == "query") {
        let query = variable["query"]["query"].as_str().unwrap();
        let inner = query.strip_prefix("label_values(").and_then(|it| it.rsplit_once(", ")).unwrap();
        found.push((format!("variable {}", variable["name"]), inner.0.to_owned()));
    }
    found
}

#[test]
fn dashboards_ask_for_metrics_and_labels_that_there_are() {
    let known = Known::all();
    let (mut faults, mut count) = (Vec::new(), 0);
    for (file, dashboard) in files("dashboards") {
        for (place, query) in queries(&dashboard) {
            count += 1;
            let found = Expression::parse(&query).map_or_else(|fault| vec![fault], |it| it.faults(&known));
            faults.extend(found.into_iter().map(|fault| format!("{file}: {place}: {fault:?} in {query}")));
        }
    }
    assert_eq!(faults, [""; 0]);
    assert!(count > 90, "{count} expressions were found");
}

#[test]
fn names_that_are_wrong_are_found() {
    let known = Known::all();
    let metric = |name: &str| vec![Fault::Metric(name.to_owned())];
    let label = |name: &str, label: &str| vec![Fault::Label(name.to_owned(), label.to_owned())];
    let cases = [
        ("rate(llmisvc_reconcile_total[5m])", metric("llmisvc_reconcile_total")),
        ("sum(vllm:num_request_running)", metric("vllm:num_request_running")),
        ("1 - (vllm:num_requests_running or vllm:cpu)", metric("vllm:cpu")),
        ("bottomk(scalar(nothing), up)", metric("nothing")),
        ("max_over_time(nothing[5m:1m])", metric("nothing")),
        ("llmisvc_queue_depth_bucket", metric("llmisvc_queue_depth_bucket")),
        ("vllm:time_to_first_token_seconds", metric("vllm:time_to_first_token_seconds")),
        (r#"{__name__=~"llmisvc.*"}"#, metric("")),
        (r#"llmisvc_condition{conditions="Ready"}"#, label("llmisvc_condition", "conditions")),
        ("sum by (verbs) (llmisvc_objects_total)", label("llmisvc_objects_total", "verbs")),
        ("sum by (role) (vllm:num_requests_running)", label("vllm:num_requests_running", "role")),
    ];
    for (query, faults) in cases {
        assert_eq!(Expression::parse(query).unwrap().faults(&known), faults, "{query}");
    }
    assert!(matches!(Expression::parse("sum(up"), Err(Fault::Syntax(_))));
}

/// What Grafana needs to import a dashboard, and a reader to understand it.
#[test]
fn panels_are_complete_and_do_not_overlap() {
    for (file, dashboard) in files("dashboards") {
        assert_eq!(format!("llmisvc-{}", file.trim_end_matches(".json")), dashboard["uid"], "{file}");
        let mut cells = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for panel in list(&dashboard, "panels") {
            let title = panel["title"].as_str().unwrap();
            let texts = [&panel["description"], &panel["fieldConfig"]["defaults"]["unit"]];
            let complete = texts.iter().all(|it| it.as_str().is_some_and(|text| !text.is_empty()));
            assert!(panel["type"] == "row" || complete, "{file}: {title} has no description or unit");
            assert_eq!(ids.insert(panel["id"].as_u64().unwrap(), title), None, "{file}: {title}");
            for cell in cells_of(&panel["gridPos"]) {
                assert_eq!(cells.insert(cell, title), None, "{file}: {title} lies on another");
            }
        }
    }
}

fn cells_of(place: &Value) -> Vec<(u64, u64)> {
    let [x, y, w, h] = ["x", "y", "w", "h"].map(|field| place[field].as_u64().unwrap());
    assert!(x + w <= 24, "{place}");
    (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))).collect()
}
