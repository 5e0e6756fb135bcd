use clap::Parser;
use serde_json::json;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(words: &[&str]) -> Args {
    Line::try_parse_from([&["crds"], words].concat()).unwrap_or_else(|e| panic!("{e}")).args
}

fn stream(words: &[&str]) -> Vec<Value> {
    let mut out = Vec::new();
    run(&args(words), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .collect()
}

fn compare(folder: &str, words: &[&str]) {
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(folder);
    let fresh = tempfile::tempdir().unwrap();
    run(&args(&[&["--out", fresh.path().to_str().unwrap()], words].concat()), &mut Vec::new()).unwrap();
    let names = |dir: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.retain(|name| name.to_string_lossy().starts_with("serving.kserve.io_"));
        names.sort();
        names
    };
    assert_eq!(names(&checked_in), names(fresh.path()));
    for name in names(fresh.path()) {
        let read = |dir: &Path| std::fs::read_to_string(dir.join(&name)).unwrap();
        assert!(read(&checked_in) == read(fresh.path()), "run: make generate");
    }
}

#[test]
fn the_checked_in_crds_are_what_the_types_say() {
    compare("crd", &[]);
    compare("crd-full", &["--full"]);
}

#[test]
fn standard_output_is_one_stream_of_both() {
    assert_eq!(stream(&[]), crd::crds());
}

#[test]
fn the_webhook_is_a_service_of_any_namespace_or_a_url_or_off() {
    // E-14
    let client = |words: &[&str]| stream(words)[1]["spec"]["conversion"]["webhook"]["clientConfig"].clone();
    assert_eq!(client(&["--namespace", "ai"])["service"]["namespace"], "ai");
    assert_eq!(
        client(&["--webhook-url", "https://10.0.0.7:9443/"]),
        json!({"url": "https://10.0.0.7:9443/convert"})
    );
    let off = &stream(&["--webhooks=off"])[0];
    assert_eq!(off["spec"].get("conversion"), None);
    assert_eq!(off["spec"]["versions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_webhook_url_that_no_api_server_calls_is_refused() {
    let refused =
        |words: &[&str]| Line::try_parse_from([&["crds"], words].concat()).err().unwrap().to_string();
    assert!(refused(&["--webhook-url", "http://a"]).contains("it must begin with https://"));
    assert!(refused(&["--webhook-url", "https://"]).contains("it must begin with https://"));
    assert!(refused(&["--webhook-url", "https://a", "--webhooks=off"]).contains("cannot be used with"));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("below");
    let error = run(&args(&["--out", below.to_str().unwrap()]), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("serving.kserve.io_llminferenceservices.yaml: choose another --out"));
}
