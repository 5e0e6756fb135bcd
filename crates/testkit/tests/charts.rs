//! What the charts render to, through the real Helm; no cluster.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
// Helpers of tests may index and unwrap, as tests may.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::chart::{self, Chart};
use llmisvc_testkit::cluster::{Tools, capture};
use llmisvc_testkit::{documents, golden, operator, paths};
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

fn kustomized() -> Result<Objects> {
    let kubectl = Tools::ready()?.program("kubectl");
    let text = capture(Command::new(kubectl).arg("kustomize").arg(paths::repository().join("config")), None)?;
    let mut objects = by_identity(documents::parse(&text)?);
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

// E-14
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

/// Only what differs from the default values is compared: the rest is the test above.
#[test]
fn values_change_what_they_say_and_nothing_else() -> Result<()> {
    let defaults = charts("models", &json!({}))?;
    golden::run(&paths::repository().join("tests/charts"), |case| {
        let rendered = case.input().and_then(|text| charts("models", &documents::parse(&text)?[0]));
        rendered.and_then(|it| differences(&defaults, &it)).map_err(|error| format!("{error:#}"))
    })
}

fn differences(defaults: &Objects, rendered: &Objects) -> Result<String> {
    let (defaults, rendered) = (without_schemas(defaults), without_schemas(rendered));
    let mut lines: Vec<String> =
        defaults.keys().filter(|it| !rendered.contains_key(*it)).map(|name| format!("- {name}")).collect();
    for (name, object) in &rendered {
        match defaults.get(name) {
            Some(before) => compare(name, before, object, &mut lines),
            None => lines.push(format!("+ {name}\n{}", serde_yaml_ng::to_string(object)?)),
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// Of the versions of a definition, the name alone.
fn without_schemas(objects: &Objects) -> Objects {
    let mut objects = objects.clone();
    for object in objects.values_mut() {
        for version in
            object.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten()
        {
            *version = version["name"].take();
        }
    }
    objects
}

/// A line for each leaf that is not the same; `null` where there is none.
fn compare(place: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                compare(&format!("{place} {name}"), &before[name], &after[name], lines);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{place} {index}"), old, new, lines);
            }
        }
        _ if before == after => {}
        _ => lines.push(format!("{place}: {before} -> {after}")),
    }
}

/// One value per line of `tests/charts/each-value.txt`: its path, what it needs besides, and another value.
#[test]
fn every_value_has_an_effect() -> Result<()> {
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
    ];
    for (given, named) in cases {
        let refused = chart::rendered(Chart::Operator, "models", &["--set", given]);
        let error = format!("{:#}", refused.err().with_context(|| format!("{given} is taken"))?);
        assert!(error.contains(named) && error.contains("schema"), "{given}: {error}");
    }
    Ok(())
}

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

/// Helm keeps a release as one Secret, which etcd takes up to 1 MiB: chart, values and manifest, compressed, and
/// Base64 on top. Ours is counted without Helm's deduplication, so it is rather more than less.
#[test]
fn a_release_fits_into_its_secret() -> Result<()> {
    for chart in [Chart::Definitions, Chart::Operator] {
        let args: &[&str] = if chart == Chart::Operator { &["--set", "presets=chart"] } else { &[] };
        let mut release = chart::rendered_text(chart, "models", args)?;
        for file in
            capture(Command::new("find").arg(chart::folder(chart)).args(["-type", "f"]), None)?.lines()
        {
            release.push_str(&fs::read_to_string(file)?);
        }
        let size = compressed(release.as_bytes())? * 16 / 9;
        println!("{}: about {size} bytes as a Secret", chart.name());
        assert!(size < 1_000_000, "{}: {size} bytes", chart.name());
    }
    Ok(())
}

fn compressed(bytes: &[u8]) -> Result<usize> {
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = gzip.stdin.take().context("input of gzip")?;
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let size = gzip.wait_with_output()?.stdout.len();
    writer.join().expect("the writer ends")?;
    Ok(size)
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
