//! What the charts render to, through the real Helm; no cluster.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
// Helpers of tests may index and unwrap, as tests may.
#![cfg(test)]

mod content;
mod differences;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Result, ensure};
use llmisvc_testkit::chart::{self, Chart};
use llmisvc_testkit::cluster::{Tools, capture};
use llmisvc_testkit::{documents, operator, paths};
use serde_json::{Value, json};

/// Labels and annotations that only Helm sets.
const OF_HELM: [&str; 6] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/name",
    "app.kubernetes.io/version",
    "helm.sh/chart",
    "helm.sh/resource-policy",
];

type Objects = BTreeMap<String, Value>;

fn by_identity(objects: Vec<Value>) -> Objects {
    objects.into_iter().map(|object| (documents::identity(&object), object)).collect()
}

/// Both charts, without Helm's own labels. What `values` says of webhooks holds for both.
fn charts(namespace: &str, values: &Value) -> Result<Objects> {
    let set = |values: &Value| {
        let fields = values.as_object().into_iter().flatten();
        let given: Vec<String> = fields.map(|(name, value)| format!("{name}={value}")).collect();
        given.into_iter().flat_map(|it| ["--set-json".to_owned(), it]).collect::<Vec<_>>()
    };
    let both = ["enabled", "url", "certManager"];
    let webhooks = values.get("webhooks").and_then(Value::as_object).into_iter().flatten();
    let webhooks: Value = webhooks
        .filter(|(name, _)| both.contains(&name.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let webhooks = json!({"webhooks": webhooks});
    let mut objects = Vec::new();
    for (chart, args) in [(Chart::Definitions, set(&webhooks)), (Chart::Operator, set(values))] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        objects.extend(chart::rendered(chart, namespace, &args)?);
    }
    Ok(by_identity(objects.into_iter().map(without_helm).collect()))
}

fn without_helm(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for map in ["labels", "annotations"] {
        let Some(fields) = metadata.get_mut(map).and_then(Value::as_object_mut) else { continue };
        fields.retain(|name, _| !OF_HELM.contains(&name.as_str()));
        if fields.is_empty() {
            metadata.remove(map);
        }
    }
    object
}

fn kustomize(folder: &str) -> Result<Objects> {
    let kubectl = Tools::ready()?.program("kubectl");
    let text = capture(Command::new(kubectl).arg("kustomize").arg(paths::repository().join(folder)), None)?;
    Ok(by_identity(documents::parse(&text)?))
}

fn kustomized() -> Result<Objects> {
    let mut objects = kustomize("config")?;
    ensure!(objects.remove("Namespace kserve").is_some(), "Helm makes it by --create-namespace");
    Ok(objects)
}

#[test]
fn the_charts_defaults_are_what_kubectl_apply_of_config_installs() -> Result<()> {
    let (charts, config) = (charts("kserve", &json!({}))?, kustomized()?);
    assert_eq!(charts.keys().collect::<Vec<_>>(), config.keys().collect::<Vec<_>>());
    for (name, object) in &charts {
        assert_eq!(object, &config[name], "{name}");
    }
    Ok(())
}

#[test]
fn dashboards_and_rules_of_the_chart_are_those_of_config() -> Result<()> {
    let on = json!({"monitoring": {"dashboards": {"enabled": true}, "rules": {"enabled": true}}});
    let (mut charts, config) = (charts("kserve", &on)?, kustomize("config/monitoring")?);
    charts.retain(|name, _| config.contains_key(name));
    assert_eq!(charts, config);
    assert_eq!(config.len(), 7, "{:?}", config.keys());
    Ok(())
}

// E-14, G-59
#[test]
fn nothing_names_a_namespace_that_is_not_the_releases() -> Result<()> {
    for (name, object) in charts("models", &json!({}))? {
        let text = object.to_string();
        assert!(!text.contains(r#""namespace":"kserve""#), "{name}: {text}");
        assert!(["kserve/", "'kserve'", ":kserve:"].iter().all(|it| !text.contains(it)), "{name}: {text}");
    }
    let here = charts("kserve", &json!({}))?;
    let elsewhere = charts("models", &json!({}))?;
    let renamed = |name: &String| name.replace(" kserve/", " models/");
    assert_eq!(here.keys().map(renamed).collect::<BTreeSet<_>>(), elsewhere.keys().cloned().collect());
    Ok(())
}

#[test]
fn definitions_are_those_of_the_command_line_tool() -> Result<()> {
    let cases = [
        (vec!["--namespace=models"], vec![]),
        (vec!["--webhooks=off"], vec!["--set", "webhooks.enabled=false"]),
        (vec!["--webhook-url=https://192.0.2.1"], vec!["--set", "webhooks.url=https://192.0.2.1"]),
    ];
    for (of_tool, of_chart) in cases {
        let printed = capture(Command::new(operator::cli()?).arg("crds").args(&of_tool), None)?;
        let rendered = chart::rendered(Chart::Definitions, "models", &of_chart)?;
        let rendered = by_identity(rendered.into_iter().map(without_helm).collect());
        assert!(by_identity(documents::parse(&printed)?) == rendered, "{of_tool:?}");
    }
    Ok(())
}

#[test]
fn helm_lints_both_charts_without_a_warning() -> Result<()> {
    for chart in [Chart::Definitions, Chart::Operator] {
        let mut command = chart::helm()?;
        let said = capture(command.args(["lint", "--strict"]).arg(chart::folder(chart)), None)?;
        assert!(!said.contains("[WARNING]") && !said.contains("[ERROR]"), "{said}");
    }
    Ok(())
}
