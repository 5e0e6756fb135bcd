//! `llmisvc validate`: what the API server would say to each document, through its schema, its CEL rules and the
//! webhook, and then what the operator's pass finds.

use llmisvc_api::v1alpha2::{CONFIG_KIND, GROUP, KIND};
use llmisvc_api::version::Version;
use llmisvc_core::admission::{self, Operation, Request, Site, Subject};
use llmisvc_core::facts::Cluster;
use llmisvc_core::tree;
use serde_json::Value;

use crate::input::Document;
use crate::schema;

/// What is said about one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Field path and message of what is refused.
    pub findings: Vec<(String, String)>,
    /// What is taken, and worth knowing.
    pub warnings: Vec<String>,
}

/// What the API server says to the creation of each of our objects; none for documents of other kinds.
pub fn checked(documents: &[Document], cluster: &Cluster, namespace: &str) -> Vec<Option<Checked>> {
    let site = Site {
        system_namespace: cluster.system_namespace.clone(),
        config_prefix: cluster.config_prefix.clone(),
        prevent_config_deletion: true,
    };
    documents.iter().map(|document| check(&document.value, &site, namespace)).collect()
}

/// The steps of the API server: each is reached only when the one before has nothing to refuse.
fn check(object: &Value, site: &Site, namespace: &str) -> Option<Checked> {
    let subject = subject(object)?;
    let version = Version::of(tree::text(object, &["apiVersion"]))?;
    let kind = tree::text(object, &["kind"]);
    let answer = schema::check(kind, version.as_str(), object);
    let mut warnings: Vec<String> = answer.unknown.iter().map(ToString::to_string).collect();
    if !answer.refused.is_empty() {
        let findings = answer.refused.into_iter().map(|said| (said.path, said.message)).collect();
        return Some(Checked { findings, warnings });
    }
    let own = tree::text(object, &["metadata", "namespace"]);
    let request = Request {
        subject,
        version,
        operation: Operation::Create,
        namespace: if own.is_empty() { namespace } else { own },
        name: tree::text(object, &["metadata", "name"]),
        user: "",
        object: Some(object),
        old: None,
    };
    let verdict = admission::check(&request, site);
    warnings.extend(verdict.warnings);
    let findings = verdict.problems.into_iter().map(|problem| (problem.path, problem.message)).collect();
    Some(Checked { findings, warnings })
}

fn subject(object: &Value) -> Option<Subject> {
    let ours = tree::text(object, &["apiVersion"]).split('/').next() == Some(GROUP);
    match tree::text(object, &["kind"]) {
        KIND if ours => Some(Subject::Service),
        CONFIG_KIND if ours => Some(Subject::Config),
        _ => None,
    }
}

/// Findings and warnings of the whole input, one line each.
#[derive(Debug, Default)]
pub struct Lines {
    /// What is wrong.
    pub findings: Vec<String>,
    /// What is worth knowing.
    pub warnings: Vec<String>,
}

/// What the API server says, then what the pass says and the API server has not said already about the same field.
pub fn lines(
    documents: &[Document],
    checked: &[Option<Checked>],
    findings: Vec<String>,
    warnings: Vec<String>,
) -> Lines {
    let mut lines = Lines::default();
    let mut known = Vec::new();
    for (document, checked) in documents.iter().zip(checked) {
        let Some(checked) = checked else { continue };
        let at = format!("{}:{}: ", document.file, document.number);
        for (path, message) in &checked.findings {
            let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
            known.extend((!path.is_empty()).then(|| format!("{at}{place}")));
            lines.findings.push(format!("{at}{place}{message}"));
        }
        lines.warnings.extend(checked.warnings.iter().map(|warning| format!("{at}{warning}")));
    }
    let is_new = |line: &String| !known.iter().any(|place| line.starts_with(place.as_str()));
    lines.findings.extend(findings.into_iter().filter(is_new));
    let fresh: Vec<String> = warnings.into_iter().filter(|line| !lines.warnings.contains(line)).collect();
    lines.warnings.extend(fresh);
    lines
}
