//! Pods of the examples in `examples/paths`, accelerator by accelerator, are exactly those that are written down; pairs of a
//! path and an accelerator that do not go together are refused.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
#![cfg(test)]

use std::collections::BTreeMap;
use std::{env, fs};

use llmisvc_cli::input;
use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::{Report, render};
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::presets;
use llmisvc_testkit::golden;
use llmisvc_testkit::matrix::{self, Cell};
use llmisvc_testkit::{documents, paths};
use serde_json::Value;

fn report(cell: &Cell) -> Report {
    let documents = input::parse(&cell.name(), &cell.text).expect("an example is YAML");
    let offline = Offline::new(&documents, presets::shipped(OWN_PREFIX), None, None, "demo");
    render(&documents, &offline, "demo")
}

fn updating() -> bool {
    env::var("UPDATE_GOLDEN").is_ok_and(|it| it == "1")
}

/// What is wrong with the golden file of a cell.
fn differences(cell: &Cell) -> Vec<String> {
    let report = report(cell);
    if !report.findings().is_empty() {
        return report.findings();
    }
    let pods = matrix::of_objects(&report.objects());
    assert!(pods.as_object().is_some_and(|roles| !roles.is_empty()), "{}: no pods", cell.name());
    let text = cell.written(&pods).expect("a source");
    if updating() {
        fs::create_dir_all(cell.golden().parent().expect("a folder")).expect("a folder");
        fs::write(cell.golden(), text).expect("a golden file");
        return Vec::new();
    }
    match fs::read_to_string(cell.golden()) {
        Ok(written) if written == text => Vec::new(),
        Ok(_) => golden::between(&cell.expected().expect("YAML"), &pods),
        Err(_) => vec!["no golden file; UPDATE_GOLDEN=1 writes it".to_owned()],
    }
}

#[test]
fn pods_of_every_accelerator_are_as_written() {
    let cells = matrix::cells().unwrap();
    let wrong: Vec<String> = cells
        .iter()
        .map(|cell| (cell, differences(cell)))
        .filter(|it| !it.1.is_empty())
        .map(|(cell, it)| format!("{}\n  {}", cell.name(), it.join("\n  ")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_golden_file_is_left_without_its_example() {
    let goldens: Vec<_> = matrix::cells().unwrap().iter().map(Cell::golden).collect();
    for folder in documents::folders(&paths::repository().join("tests/matrix")).unwrap() {
        for file in documents::files(&folder).unwrap() {
            assert!(goldens.contains(&file), "{} belongs to no example", file.display());
        }
    }
}

/// What is told of pairs that do not go together; no pair of them is let through.
#[test]
fn pairs_that_do_not_go_together_are_refused_with_the_list_of_those_that_do() {
    let pairs = matrix::pairs_without_example(&matrix::cells().unwrap()).unwrap();
    let refused: BTreeMap<String, Vec<String>> =
        pairs.iter().map(|pair| (pair.name(), report(pair).findings())).collect();
    let file = paths::repository().join("tests/matrix/refused.yaml");
    if updating() {
        fs::write(&file, serde_yaml_ng::to_string(&refused).expect("YAML")).expect("a file");
    }
    let written: Value = documents::parse(&fs::read_to_string(&file).unwrap()).unwrap().remove(0);
    assert_eq!(serde_json::to_value(&refused).unwrap(), written);
    for (pair, findings) in refused.iter().filter(|it| !it.1.is_empty()) {
        assert!(findings.iter().any(|it| it.contains("which supports")), "{pair}: {findings:?}");
    }
}
