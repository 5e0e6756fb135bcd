//! Every example and every golden case renders to exactly what is written down.

use std::path::{Path, PathBuf};

use llmisvc_cli::input;
use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::{Report, render};
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::presets;
use llmisvc_testkit::golden::{self, Case};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn report(case: &Case) -> Result<Report, String> {
    let (facts, inputs): (Vec<_>, Vec<_>) =
        case.inputs.iter().cloned().partition(|p| p.ends_with("facts.yaml"));
    let documents = input::read(&inputs).map_err(|e| e.to_string())?;
    let facts = input::read(&facts).map_err(|e| e.to_string())?.into_iter().next();
    let facts = facts.map(|d| serde_json::from_value(d.value).expect("facts.yaml is a facts file"));
    let offline = Offline::new(&documents, presets::shipped(OWN_PREFIX), None, facts, "demo");
    Ok(render(&documents, &offline, "demo"))
}

/// Warnings come first, as comments; findings take the place of the objects.
fn rendered(case: &Case) -> Result<String, String> {
    let report = report(case)?;
    let prefix = format!("{}/", case.folder.display());
    let lines = |lines: Vec<String>| lines.into_iter().map(|l| l.replace(&prefix, "")).collect::<Vec<_>>();
    let findings = lines(report.findings());
    if !findings.is_empty() {
        return Err(findings.join("\n"));
    }
    let warnings = lines(report.warnings()).into_iter().map(|w| format!("# warning: {w}\n"));
    Ok(warnings.chain([report.yaml().expect("objects are YAML")]).collect())
}

#[test]
fn examples_render_as_written() {
    golden::run(&root().join("examples"), rendered).unwrap_or_else(|e| panic!("{e:#}"));
}

#[test]
fn golden_cases_render_as_written() {
    golden::run(&root().join("tests/golden"), rendered).unwrap_or_else(|e| panic!("{e:#}"));
}

/// The same inputs show their status on a cluster, see `crates/operator/tests/cluster/variants`.
#[test]
fn variants_of_the_router_render_as_written() {
    golden::run(&root().join("tests/routing"), rendered).unwrap_or_else(|e| panic!("{e:#}"));
}
