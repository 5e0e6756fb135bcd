//! What InferenceServices and DynamoGraphDeployments convert to, byte for byte; and that our own validation has nothing
//! to say to it.

mod consumed;
mod walk;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use llmisvc_cli::convert::{ConvertError, Converted, Loss, dynamo, inference_service};
use llmisvc_cli::input::{self, Document};
use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::render;
use llmisvc_cli::validate;
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::presets;
use serde_json::{Value, json};

type Convert = fn(&[Value]) -> Result<Converted, ConvertError>;

fn cases(of: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/convert").join(of);
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder is there").map(|e| e.expect("an entry").path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case of {of}");
    cases
}

fn input(case: &Path) -> Vec<Value> {
    let documents = input::read(&[case.join("input.yaml")]).expect("the input is YAML");
    documents.into_iter().map(|document| document.value).collect()
}

fn converted(case: &Path, convert: Convert) -> Converted {
    convert(&input(case)).map_err(|error| format!("{}: {error}", case.display())).expect("it converts")
}

fn yaml(objects: &[Value]) -> String {
    objects.iter().fold(String::new(), |mut text, object| {
        let _ = write!(text, "---\n{}", serde_yaml_ng::to_string(object).expect("objects are YAML"));
        text
    })
}

/// Findings and warnings of the operator about the output.
fn said(text: &str) -> Vec<String> {
    let documents: Vec<Document> = input::parse("expected.yaml", text).expect("the output is YAML");
    let offline = Offline::new(&documents, presets::shipped(OWN_PREFIX), None, None, "default");
    let report = render(&documents, &offline, "default");
    let checked = validate::checked(&documents, &offline.cluster, "default");
    let lines = validate::lines(&documents, &checked, report.findings(), report.warnings());
    [lines.findings, lines.warnings].concat()
}

fn check(case: &Path, convert: Convert) -> Vec<String> {
    let converted = converted(case, convert);
    let lost = converted.lost.iter().fold(String::new(), |lost, loss| format!("{lost}{loss}\n"));
    let text = yaml(&converted.objects);
    let mut wrong: Vec<String> = said(&text);
    wrong.extend(walk::forgotten(&input(case), &converted));
    for (name, now) in [("expected.yaml", &text), ("lost.txt", &lost)] {
        let path = case.join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, now).expect("the case can be written");
        }
        if fs::read_to_string(&path).unwrap_or_default() != *now {
            wrong.push(format!("{name} differs:\n{now}"));
        }
    }
    wrong.into_iter().map(|line| format!("{}: {line}", case.display())).collect()
}

fn check_all(of: &str, convert: Convert) {
    let wrong: Vec<String> = cases(of).iter().flat_map(|case| check(case, convert)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn inference_services_convert_as_written() {
    check_all("inferenceservice", inference_service::convert);
}

#[test]
fn graphs_of_dynamo_convert_as_written() {
    check_all("dynamo", dynamo::convert);
}

/// The input with another value at each of its places, one at a time.
fn damaged(value: &Value) -> Vec<Value> {
    let mut all: Vec<Value> =
        [json!("x"), json!(7), json!([]), json!({}), json!(null), json!([[1]])].to_vec();
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                all.extend(damaged(inner).into_iter().map(|inner| {
                    let mut map = map.clone();
                    map.insert(key.clone(), inner);
                    Value::Object(map)
                }));
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                all.extend(damaged(inner).into_iter().map(|inner| {
                    let mut items = items.clone();
                    items.splice(at..=at, [inner]);
                    Value::Array(items)
                }));
            }
        }
        _ => {}
    }
    all
}

/// Whatever stands in the input, it is converted or refused.
#[test]
fn damaged_input_is_converted_or_refused() {
    let all: [(&str, Convert); 4] = [
        ("inferenceservice/every-field", inference_service::convert),
        ("inferenceservice/multi-node", inference_service::convert),
        ("dynamo/every-field", dynamo::convert),
        ("dynamo/picker", dynamo::convert),
    ];
    for (case, convert) in all {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/convert").join(case);
        let documents = damaged(&Value::Array(input(&folder)));
        assert!(documents.len() > 100, "the case is too small to say anything");
        for documents in documents.iter().filter_map(Value::as_array) {
            drop(convert(documents));
        }
    }
}

/// The first YAML of a page becomes the second.
fn check_page(page: &str, convert: Convert) {
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [before, after] = blocks.as_slice() else { unreachable!("a page has two examples: {blocks:?}") };
    let values = |text: &str| {
        let documents = input::parse("page", text).expect("the example is YAML");
        documents.into_iter().map(|document| document.value).collect::<Vec<_>>()
    };
    let converted = convert(&values(before)).expect("the example converts");
    assert_eq!(converted.objects, values(after));
    let told = |loss: &Loss| page.contains(&loss.to_string()) || loss.why.contains("another server");
    assert!(converted.lost.iter().all(told), "{:?}", converted.lost);
}

#[test]
fn the_pages_show_what_comes_out() {
    check_page(include_str!("../../../../docs/moving-from-inferenceservice.md"), inference_service::convert);
    check_page(include_str!("../../../../docs/moving-from-dynamo.md"), dynamo::convert);
}
