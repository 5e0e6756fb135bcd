//! What `llmisvc migrate adopt --dry-run` says about objects of KServe's controller, and that none of its pods would be
//! replaced.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use llmisvc_cli::adopt::{Fate, Stories, stories};
use llmisvc_cli::input::{self, Document};
use llmisvc_cli::offline::Offline;
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::presets;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/takeover")
}

fn read(story: &str) -> Vec<Document> {
    input::read(&[root().join(story)]).expect("is YAML")
}

fn told(documents: &[Document]) -> Stories {
    let offline = Offline::new(documents, presets::shipped(OWN_PREFIX), None, None, "team-a");
    stories(documents, offline, "team-a")
}

fn folders() -> Vec<String> {
    let entries = fs::read_dir(root()).expect("is there").filter_map(Result::ok);
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_story_is_told_as_written() {
    let names = folders();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let found = told(&read(&name));
        assert_eq!(found.findings, Vec::<String>::new(), "{name}");
        let path = root().join(&name).join("expected.txt");
        if std::env::var("UPDATE_GOLDEN").is_ok_and(|update| update == "1") {
            fs::write(&path, found.to_string()).expect("can be written");
        }
        assert_eq!(fs::read_to_string(path).unwrap_or_default(), found.to_string(), "{name}");
        let replaced = |fate: &Fate| matches!(fate, Fate::Replaced(_) | Fate::Deleted);
        assert!(!found.stories.iter().flat_map(|s| &s.fates).any(|(_, _, fate)| replaced(fate)), "{name}");
    }
}

fn service(documents: &mut [Document]) -> &mut Value {
    let found = documents.iter_mut().find(|d| d.value["kind"] == "LLMInferenceService");
    &mut found.expect("has a service").value
}

fn fate(stories: &Stories, kind: &str) -> Fate {
    let all = stories.stories.iter().flat_map(|story| &story.fates);
    all.clone().find(|(k, _, _)| k == kind).expect("has such an object").2.clone()
}

#[test]
fn a_change_that_nobody_has_carried_out_and_an_explicit_wish_replace_pods() {
    let mut changed = read("single-node");
    service(&mut changed)["metadata"]["generation"] = json!(2);
    let mut wished = read("single-node");
    service(&mut wished)["metadata"]["annotations"] = json!({"llmisvc.io/adopt": "now"});
    for documents in [changed, wished] {
        let found = told(&documents);
        let Fate::Replaced(paths) = fate(&found, "Deployment") else { panic!("{found}") };
        assert_eq!(paths.len(), 2, "{paths:?}");
        assert!(found.to_string().ends_with("1 service, 1 with pods that are replaced\n"), "{found}");
    }
}

#[test]
fn what_goes_what_comes_what_is_anothers_and_what_is_not_shown_are_told_apart() {
    let mut documents = read("single-node");
    service(&mut documents)["spec"]["router"] = Value::Null;
    documents.retain(|d| d.value["kind"] != "Secret");
    for document in documents.iter_mut().filter(|d| d.value["kind"] == "Service") {
        document.value["metadata"]["ownerReferences"] = json!([]);
    }
    let found = told(&documents);
    assert_eq!(fate(&found, "HTTPRoute"), Fate::Deleted);
    assert_eq!(fate(&found, "Secret"), Fate::Unknown);
    assert_eq!(fate(&found, "Service"), Fate::LeftAlone("it is not controlled by this service"));
    documents.retain(|d| d.value["kind"] != "Service");
    service(&mut documents)["spec"]["model"]["uri"] = json!("nowhere://x");
    let found = told(&documents);
    assert_eq!(found.findings.len(), 1, "{:?}", found.findings);
}

#[test]
fn what_the_operator_has_made_is_settled() {
    let mut documents = read("single-node");
    let offline = Offline::new(&documents, presets::shipped(OWN_PREFIX), None, None, "team-a");
    let report = llmisvc_cli::render::render(&documents[documents.len() - 1..], &offline, "team-a");
    let made = report.objects().into_iter().map(|value| Document { value, ..documents[0].clone() });
    let made: Vec<Document> = made.collect();
    documents.retain(|d| d.value["kind"] == "LLMInferenceService");
    documents.extend(made);
    let found = told(&documents);
    assert_eq!(fate(&found, "Deployment"), Fate::Settled, "{found}");
}
