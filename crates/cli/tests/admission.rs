//! The tables of `tests/admission` against `llmisvc validate`: the verdicts of the API server, without one.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
// Helpers of tests may index and unwrap, as tests may.
#![cfg(test)]

use llmisvc_cli::input::Document;
use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::render;
use llmisvc_cli::schema;
use llmisvc_cli::validate::{Checked, Lines, checked, lines};
use llmisvc_core::facts::{Cluster, OWN_PREFIX};
use llmisvc_core::presets;
use llmisvc_testkit::admission::{Layer, Op, Row, rows};
use serde_json::Value;

/// Rows of new objects: offline there is nothing that is updated or deleted.
fn created() -> Vec<Row> {
    let all = rows(OWN_PREFIX, &Cluster::default().system_namespace).unwrap();
    all.into_iter().filter(|row| row.op == Op::Create).collect()
}

fn document(object: &Value) -> Document {
    Document { file: "f.yaml".to_owned(), number: 1, value: object.clone() }
}

fn verdict(row: &Row) -> Checked {
    let found = checked(&[document(&row.object)], &Cluster::default(), "ns");
    found.into_iter().next().flatten().unwrap_or_default()
}

fn whole(row: &Row) -> Lines {
    let documents = [document(&row.object)];
    let offline = Offline::new(&documents, presets::shipped(OWN_PREFIX), None, None, "ns");
    let report = render(&documents, &offline, "ns");
    lines(&documents, &checked(&documents, &offline.cluster, "ns"), report.findings(), report.warnings())
}

/// Whether a CRD serves the version of the row; otherwise no schema says anything about it.
fn is_served(row: &Row) -> bool {
    let version = row.object["apiVersion"].as_str().unwrap().rsplit('/').next().unwrap();
    schema::serves(row.object["kind"].as_str().unwrap(), version)
}

#[test]
fn every_bad_row_is_refused_with_the_path_and_the_words_of_the_api_server() {
    let mut wrong = Vec::new();
    for row in created() {
        let Some(refused) = row.refused.as_ref().filter(|r| r.by == Layer::Webhook || is_served(&row)) else {
            continue;
        };
        let findings = verdict(&row).findings;
        let fits =
            |(path, message): &(String, String)| *path == refused.path && message.contains(&refused.message);
        let alone = refused.by != Layer::Webhook || findings.len() == 1;
        if !findings.iter().any(fits) || !alone {
            wrong.push(format!("{} {:?}: {refused:?}\n   {findings:?}", row.label, row.rule));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_good_row_is_taken_with_the_warning_that_it_states() {
    let mut wrong = Vec::new();
    for row in created().iter().filter(|row| row.refused.is_none()) {
        let checked = verdict(row);
        let fits = match &row.warns {
            None => checked.warnings.is_empty(),
            Some(part) => checked.warnings.iter().any(|warning| warning.contains(part)),
        };
        if !checked.findings.is_empty() || !fits {
            wrong.push(format!("{}: {:?} {checked:?}", row.label, row.warns));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_whole_command_refuses_what_the_api_server_refuses_and_says_it_once() {
    for row in created().iter().filter(|row| row.refused.is_some()) {
        let lines = whole(row);
        let known = verdict(row).findings;
        assert!(lines.findings.len() >= known.len() && !lines.findings.is_empty(), "{}", row.label);
        for (path, message) in known {
            let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
            let said = format!("f.yaml:1: {place}{message}");
            let says = |line: &&String| **line == said;
            assert_eq!(lines.findings.iter().filter(says).count(), 1, "{}: {:?}", row.label, lines.findings);
        }
    }
}
