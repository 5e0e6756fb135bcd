//! What is in the charts: images, presets, versions, and the size of definitions.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::Result;
use llmisvc_testkit::chart::{self, Chart};
use llmisvc_testkit::cluster::capture;
use llmisvc_testkit::{documents, operator, paths};
use serde_json::Value;

#[test]
fn one_registry_moves_every_image() -> Result<()> {
    let args = ["--set", "presets=chart,imageRegistry=r.example:5000/team"];
    let mut found = BTreeSet::new();
    for object in chart::rendered(Chart::Operator, "models", &args)? {
        images(&object, &mut found);
        if let Some(text) = object["data"]["storageInitializer"].as_str() {
            images(&serde_json::from_str(text)?, &mut found);
        }
    }
    let listed =
        capture(Command::new(operator::cli()?).args(["images", "--registry", "r.example:5000/team"]), None)?;
    assert_eq!(found, listed.lines().map(str::to_owned).collect());
    assert!(found.len() > 4, "{found:?}");
    Ok(())
}

fn images(tree: &Value, found: &mut BTreeSet<String>) {
    for (name, field) in tree.as_object().into_iter().flatten() {
        match field.as_str() {
            Some(image) if name == "image" => drop(found.insert(image.to_owned())),
            _ => images(field, found),
        }
    }
    tree.as_array().into_iter().flatten().for_each(|item| images(item, found));
}

#[test]
fn presets_of_the_chart_are_those_of_the_operator() -> Result<()> {
    // G-59
    let wanted = documents::parse(&capture(Command::new(operator::cli()?).arg("presets"), None)?)?;
    let mut rendered = chart::rendered(Chart::Operator, "models", &["--set", "presets=chart"])?;
    rendered.retain(|it| it["kind"] == "LLMInferenceServiceConfig");
    let seen = |it: &Value| (it["metadata"]["name"].clone(), it["spec"].clone());
    assert_eq!(rendered.iter().map(seen).collect::<Vec<_>>(), wanted.iter().map(seen).collect::<Vec<_>>());
    for preset in rendered {
        assert_eq!(preset["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        assert_eq!(preset["metadata"]["namespace"], "models");
    }
    Ok(())
}

/// Monitors of a service, as `llmisvc render` prints them beside the ConfigMap of the chart with these values.
fn monitors(values: &str) -> Result<Vec<Value>> {
    let folder = tempfile::tempdir()?;
    let mut rendered = chart::rendered(Chart::Operator, "kserve", &["--set", values])?;
    rendered.retain(|it| it["metadata"]["name"] == "inferenceservice-config");
    for (index, object) in rendered.iter().enumerate() {
        fs::write(folder.path().join(format!("{index}.yaml")), object.to_string())?;
    }
    let example = paths::repository().join("examples/basic-model");
    let mut command = Command::new(operator::cli()?);
    command.args(["render", "-f"]).arg(example).arg("-f").arg(folder.path());
    let mut objects = documents::parse(&capture(&mut command, None)?)?;
    objects.retain(|it| it["apiVersion"] == "monitoring.coreos.com/v1");
    Ok(objects)
}

#[test]
fn monitors_are_made_as_the_chart_says_unless_the_settings_say_otherwise() -> Result<()> {
    let on = "monitoring.podMonitors=true,monitoring.interval=15s,monitoring.labels.release=prometheus";
    let made = monitors(on)?;
    assert_eq!(made[0]["kind"], "PodMonitor");
    assert_eq!(made[0]["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(made[0]["spec"]["podMetricsEndpoints"][0]["interval"], "15s");
    assert_eq!(monitors(&format!("{on},settings.monitoring.podMonitors=false"))?, Vec::<Value>::new());
    assert_eq!(monitors("settings.monitoring.podMonitors=true")?.len(), made.len());
    Ok(())
}

#[test]
fn charts_and_program_have_one_version() -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    for chart in [Chart::Definitions, Chart::Operator] {
        let text = fs::read_to_string(chart::folder(chart).join("Chart.yaml"))?;
        let described = documents::parse(&text)?.remove(0);
        assert_eq!([&described["version"], &described["appVersion"]], [version, version]);
    }
    Ok(())
}

/// A plain apply, of Argo CD or kubectl, writes the whole object into an annotation.
#[test]
fn definitions_fit_into_the_annotation_of_a_plain_apply() -> Result<()> {
    for object in
        chart::rendered(Chart::Definitions, "models", &["--set", "webhooks.certManager.enabled=true"])?
    {
        let size = object.to_string().len();
        assert!(size < 256 * 1024 - 1024, "{}: {size} bytes", documents::identity(&object));
    }
    Ok(())
}
