//! What the pages on accelerators and paths show is what there is: their tables are those of the presets, and their YAML is that
//! of the examples, or passes `validate` without a word.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;

use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::render;
use llmisvc_cli::{input, validate};
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::{presets, tree};
use llmisvc_testkit::matrix::PATHS;
use llmisvc_testkit::{documents, paths};
use serde_json::Value;

const ACCELERATORS: &str = "accelerators.md";
const PRESET: &str = "config-llm-accelerator-";

fn page(name: &str) -> String {
    fs::read_to_string(paths::repository().join("docs").join(name)).unwrap()
}

fn blocks(page: &str) -> Vec<&str> {
    page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// What `validate` says to a text.
fn said(name: &str, text: &str) -> Vec<String> {
    let documents = input::parse(name, text).unwrap();
    let offline = Offline::new(&documents, presets::shipped(OWN_PREFIX), None, None, "demo");
    let report = render(&documents, &offline, "demo");
    let checked = validate::checked(&documents, &offline.cluster, "demo");
    let lines = validate::lines(&documents, &checked, report.findings(), report.warnings());
    [lines.findings, lines.warnings].concat()
}

#[test]
fn yaml_on_the_pages_is_valid() {
    let path = |name: &str| format!("paths/{name}.md");
    let names = PATHS.iter().map(|name| path(name)).chain([ACCELERATORS.to_owned(), "sizing.md".to_owned()]);
    for name in names {
        let page = page(&name);
        assert!(!blocks(&page).is_empty(), "{name}");
        for block in blocks(&page) {
            assert_eq!(said(&name, block), Vec::<String>::new(), "{block}");
        }
    }
}

/// A block of a name that an example has is that example, and every page begins with one.
#[test]
fn yaml_of_an_example_is_the_example() {
    for path in PATHS {
        let page = page(&format!("paths/{path}.md"));
        let examples: Vec<Vec<Value>> = examples(path);
        let shown: Vec<Vec<Value>> = blocks(&page).iter().map(|it| documents::parse(it).unwrap()).collect();
        assert!(examples.contains(&shown[0]), "{path}");
        for block in &shown {
            let same = examples.iter().find(|it| it[0]["metadata"]["name"] == block[0]["metadata"]["name"]);
            assert_eq!(same.unwrap_or(block), block, "{path}");
        }
    }
}

fn examples(path: &str) -> Vec<Vec<Value>> {
    let files = documents::files(&paths::repository().join("examples/paths").join(path)).unwrap();
    let read = |file| documents::parse(&fs::read_to_string(file).unwrap()).unwrap();
    files.into_iter().map(read).collect()
}

#[test]
fn every_example_of_a_path_is_on_its_page() {
    for path in PATHS {
        let page = page(&format!("paths/{path}.md"));
        for file in documents::files(&paths::repository().join("examples/paths").join(path)).unwrap() {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            assert!(page.contains(&format!("(../../examples/paths/{path}/{name})")), "{path}: {name}");
        }
    }
}

/// The rows of the table whose header begins like this, by their first cell, without the markup of code.
fn table(page: &str, header: &str) -> BTreeMap<String, Vec<String>> {
    let rows = page.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    let cells = |line: &str| {
        let inner = line.trim_matches('|').split('|');
        inner.map(|cell| cell.trim().replace('`', "")).collect::<Vec<String>>()
    };
    let rows = rows.take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|mut row| (row.remove(0), row)).collect()
}

/// What the presets of accelerators say, by their short names.
fn told(tell: fn(&Value) -> Vec<String>) -> BTreeMap<String, Vec<String>> {
    let all = presets::shipped("").into_iter();
    let named = all.filter_map(|preset| {
        let name = tree::text(&preset, &["metadata", "name"]).strip_prefix(PRESET)?.to_owned();
        Some((name, tell(&preset["spec"])))
    });
    named.collect()
}

fn of_pods(spec: &Value) -> Vec<String> {
    let pod = &spec["template"];
    let main = &pod["containers"][0];
    let image = main["image"].as_str().unwrap_or_default();
    let tolerations = tree::list(pod, &["tolerations"]).iter();
    let keys: Vec<&str> = tolerations.map(|it| tree::text(it, &["key"])).collect();
    let selector = pod["nodeSelector"].as_object().into_iter().flatten();
    let labels: Vec<String> =
        selector.map(|(key, value)| format!("{key}: {}", value.as_str().unwrap_or_default())).collect();
    let resource = tree::text(spec, &["annotations", "llmisvc.io/accelerator"]);
    [image, resource, &keys.join(", "), &labels.join(", "), &start_up(main)].map(str::to_owned).to_vec()
}

fn start_up(main: &Value) -> String {
    let number = |key: &str| main["startupProbe"][key].as_i64().unwrap_or_default();
    let seconds = number("initialDelaySeconds") + number("periodSeconds") * number("failureThreshold");
    if seconds == 0 { String::new() } else { format!("{seconds} s") }
}

fn variables(spec: &Value) -> Vec<String> {
    let env = tree::list(&spec["template"]["containers"][0], &["env"]).iter();
    let mut names: Vec<&str> = env.map(|it| tree::text(it, &["name"])).collect();
    names.sort_unstable();
    let volume = tree::named(tree::list(spec, &["template", "volumes"]), "dshm");
    let size = volume.map_or("", |it| tree::text(it, &["emptyDir", "sizeLimit"]));
    vec![names.join(", "), size.to_owned()]
}

fn supported(spec: &Value) -> Vec<String> {
    vec![tree::text(spec, &["annotations", "llmisvc.io/supported-paths"]).trim().to_owned()]
}

#[test]
fn tables_of_accelerators_are_those_of_the_presets() {
    let page = page(ACCELERATORS);
    let mut pods = table(&page, "| Preset | Image |");
    // The image is the topology's there.
    let nvidia = pods.get_mut("nvidia-cuda").unwrap();
    assert_eq!(std::mem::take(&mut nvidia[0]), "that of the topology's preset");
    assert_eq!(pods, told(of_pods));

    let mut env = table(&page, "| Preset | Variables |");
    for row in env.values_mut() {
        row.truncate(2);
    }
    assert_eq!(env, told(variables));

    let mut lists = told(supported);
    lists.retain(|_, list| !list[0].is_empty());
    assert_eq!(table(&page, "| Preset | Supported |"), lists);
}

/// Flags are in the table word by word, connectors by their names; no accelerator that has flags is left out.
#[test]
fn flags_of_accelerators_are_on_the_page() {
    let rows = table(&page(ACCELERATORS), "| Preset | Always |");
    for (name, text) in
        told(|spec| vec![tree::text(spec, &["annotations", "llmisvc.io/vllm-args"]).to_owned()])
    {
        let row = rows.get(&name).map(|cells| cells.join(" ")).unwrap_or_default();
        let words = text[0].split(|c: char| c.is_whitespace() || "{}'\"".contains(c));
        for flag in words.filter(|word| word.starts_with("--") && !word.starts_with("--kv-transfer-config")) {
            assert!(row.contains(flag), "{name}: {flag}");
        }
        let named = text[0].match_indices("\"kv_connector\":\"").map(|(at, key)| &text[0][at + key.len()..]);
        for connector in named.filter_map(|rest| rest.split('"').next()).filter(|it| it.starts_with("TPU")) {
            assert!(row.split([' ', ',']).any(|word| word == connector), "{name}: {connector}");
        }
        assert_eq!(row.is_empty(), text[0].is_empty(), "{name}");
    }
}
