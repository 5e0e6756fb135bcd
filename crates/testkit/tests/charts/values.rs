//! Each value of the charts has an effect, and what can't be right is refused.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use llmisvc_testkit::chart::{self, Chart};
use llmisvc_testkit::paths;
use serde_json::Value;

/// One value per line of `tests/charts/each-value.txt`: its path, what it needs besides, and another value.
#[test]
fn every_value_has_an_effect() -> Result<()> {
    // G-59
    let table = fs::read_to_string(paths::repository().join("tests/charts/each-value.txt"))?;
    let mut unmet = leaves(Chart::Operator)?;
    unmet.extend(leaves(Chart::Definitions)?);
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let (path, rest) = line.split_once(' ').context("path and value")?;
        let (value, needs) = rest.split_once(" with ").unwrap_or((rest, "replicas=2"));
        let chart = if path.starts_with("crds:") { Chart::Definitions } else { Chart::Operator };
        let needs = if chart == Chart::Definitions { "webhooks.enabled=true" } else { needs };
        let given = format!("{}={value}", path.trim_start_matches("crds:"));
        let before = chart::rendered(chart, "models", &["--set-json", needs])?;
        let after = chart::rendered(chart, "models", &["--set-json", needs, "--set-json", &given])?;
        assert_ne!(before, after, "{line} changes nothing");
        unmet.remove(path);
    }
    assert_eq!(unmet, BTreeSet::new(), "values without a line");
    Ok(())
}

/// Paths of all values of a chart, from its schema.
fn leaves(chart: Chart) -> Result<BTreeSet<String>> {
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(chart::folder(chart).join("values.schema.json"))?)?;
    let prefix = if chart == Chart::Definitions { "crds:" } else { "" };
    let mut found = BTreeSet::new();
    walk(&schema, prefix, &mut found);
    // Helm gives it to every chart.
    found.remove(&format!("{prefix}global"));
    Ok(found)
}

fn walk(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let Some(fields) = schema["properties"].as_object() else {
        found.insert(path.to_owned());
        return;
    };
    for (name, field) in fields {
        let dot = if path.is_empty() || path.ends_with(':') { "" } else { "." };
        walk(field, &format!("{path}{dot}{name}"), found);
    }
}

#[test]
fn values_that_can_not_be_right_are_refused() -> Result<()> {
    let cases = [
        ("replica=1", "replica"),
        ("replicas=-1", "replicas"),
        ("presets=everyone", "presets"),
        ("image.digest=sha256:1", "digest"),
        ("webhooks.url=http://operator", "url"),
        ("webhooks.url=https://operator/path", "url"),
        ("imageRegistry=https://r.example", "imageRegistry"),
        ("terminationGracePeriodSeconds=1", "terminationGracePeriodSeconds"),
        ("settings.ingress=text", "ingress"),
        ("monitoring.interval=soon", "interval"),
        ("monitoring.podMonitors=some", "podMonitors"),
    ];
    for (given, named) in cases {
        let refused = chart::rendered(Chart::Operator, "models", &["--set", given]);
        let error = format!("{:#}", refused.err().with_context(|| format!("{given} is taken"))?);
        assert!(error.contains(named) && error.contains("schema"), "{given}: {error}");
    }
    Ok(())
}
