//! `llmisvc explain` on the command line.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use llmisvc_api::v1alpha2::KIND;
use llmisvc_cli::effective::{self, Report};
use llmisvc_cli::input::Document;
use llmisvc_core::tree;

use crate::{Input, cluster, complain};

/// Prints the services of the input, or the one of this name. False when something is wrong with one.
pub fn run(mut input: Input, name: Option<&str>, path: Option<String>) -> Result<bool> {
    let path = path.or_else(|| trailing_path(&mut input.files)).unwrap_or_default();
    let (documents, offline) = cluster(&input, Vec::new())?;
    let chosen = documents.iter().filter(|document| is_service(document, name));
    let reports: Vec<(&Document, Report)> =
        chosen.map(|document| (document, effective::of(document, &offline, &input.namespace))).collect();
    if reports.is_empty() {
        bail!("no {KIND}{} in the input", name.map(|name| format!(" {name:?}")).unwrap_or_default());
    }
    let mut all = true;
    for (document, report) in &reports {
        all &= print(document, report, &path, &input.output)?;
    }
    Ok(all)
}

fn is_service(document: &Document, name: Option<&str>) -> bool {
    let called = tree::text(&document.value, &["metadata", "name"]);
    tree::text(&document.value, &["kind"]) == KIND && name.is_none_or(|name| name == called)
}

/// After `-f` every word is a file; a path into the spec that comes last, and is none, is meant as a path.
fn trailing_path(files: &mut Vec<PathBuf>) -> Option<String> {
    let last = files.last()?.to_str().filter(|word| *word == "spec" || word.starts_with("spec."))?.to_owned();
    (files.len() > 1 && !PathBuf::from(&last).exists()).then(|| files.pop()).flatten().map(|_| last)
}

fn print(document: &Document, report: &Report, path: &str, output: &str) -> Result<bool> {
    let place = format!("{}:{}", document.file, document.number);
    let line = |finding| format!("{place}: {finding}");
    let explained = match &report.explained {
        Ok(explained) => explained,
        Err(findings) => {
            complain(&[], &findings.iter().map(line).collect::<Vec<_>>());
            return Ok(false);
        }
    };
    let absent =
        || format!("{place}: {path}: nothing is said there, neither by the service nor by its configs");
    if output == "json" {
        let fields = effective::json(explained, path).with_context(absent)?;
        let all = serde_json::json!({"service": report.service, "fields": fields});
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&all)?)?;
    } else {
        let text = effective::yaml(explained, path).with_context(absent)?;
        write!(std::io::stdout(), "---\n# {}\n{text}", report.service)?;
    }
    complain(&[], &report.findings.iter().map(line).collect::<Vec<_>>());
    Ok(report.findings.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_after_the_files_is_no_file() {
        let mut files = ["a.yaml", "spec.template"].map(PathBuf::from).to_vec();
        assert_eq!(trailing_path(&mut files).as_deref(), Some("spec.template"));
        assert_eq!(files, [PathBuf::from("a.yaml")]);
        assert_eq!(trailing_path(&mut files), None);
        assert_eq!(trailing_path(&mut ["spec.yaml".into()].to_vec()), None, "the only one is a file");
    }
}
