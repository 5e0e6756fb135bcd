//! Every leaf of an input is in the output, is listed as lost, or is one of those that are consumed on purpose.

use std::slice::from_ref;

use llmisvc_cli::convert::Converted;
use llmisvc_cli::convert::common::source::{leaves, scalar};
use serde_json::Value;

use crate::consumed::{CONSUMED, FIELDS, RENAMED, WORDS};

struct Output {
    /// Last step of the path, and value.
    leaves: Vec<(String, String)>,
    lost: Vec<String>,
}

impl Output {
    fn of(converted: &Converted) -> Self {
        let mut leaves = Vec::new();
        converted.objects.iter().for_each(|object| collect(object, "", &mut leaves));
        Self { leaves, lost: converted.lost.iter().map(|loss| loss.path.clone()).collect() }
    }

    /// The same field with the same value, or a value that is long enough to be no accident.
    fn reflects(&self, step: &str, value: &str) -> bool {
        let names =
            RENAMED.iter().filter(|(name, _)| *name == step).flat_map(|(_, other)| other.iter().copied());
        let names: Vec<&str> = names.chain([step]).collect();
        self.leaves.iter().any(|(name, found)| {
            if value.len() > 3 && name == value {
                return true;
            }
            (names.contains(&name.as_str()) && found == value) || (value.len() > 3 && found.contains(value))
        })
    }

    fn loses(&self, path: &str) -> bool {
        self.lost.iter().any(|lost| path.starts_with(lost.as_str()))
    }

    fn accounts(&self, path: &str, step: &str, value: &str) -> bool {
        let is_consumed = CONSUMED.iter().any(|part| format!("{path}={value}").contains(part));
        is_consumed || self.loses(path) || self.reflects(step, value)
    }

    /// A word of a command line, or a script of them.
    fn accounts_for_words(&self, path: &str, text: &str) -> bool {
        let (container, _) = path.rsplit_once('.').unwrap_or_default();
        // A script around the server is lost as a whole.
        let is_lost =
            ["command", "args"].iter().any(|list| self.lost.contains(&format!("{container}.{list}")));
        let words: Vec<&str> =
            if text.starts_with('{') { vec![text] } else { text.split(['=', ' ']).collect() };
        let mut flag = "";
        is_lost
            || self.loses(path)
            || words.iter().all(|word| {
                flag = if word.starts_with("--") { word } else { flag };
                let canonical = |word: &str| word.replace('_', "-");
                let is_told = |word: &str| {
                    self.lost
                        .iter()
                        .any(|lost| lost.contains(&format!("{container}.args {}", canonical(word))))
                };
                WORDS.contains(word) || FIELDS.contains(word) || is_told(flag) || self.has(word)
            })
    }

    fn has(&self, word: &str) -> bool {
        self.leaves.iter().any(|(_, found)| {
            found == word
                || found.split('=').any(|part| part == word)
                || (word.len() > 3 && found.contains(word))
        })
    }
}

fn collect(value: &Value, step: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| collect(value, key, found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| collect(item, &at.to_string(), found));
        }
        other => found.extend(scalar(other).map(|text| (step.to_owned(), text))),
    }
}

/// The leaves of the documents of which nothing is known any more.
pub fn forgotten(documents: &[Value], converted: &Converted) -> Vec<String> {
    let output = Output::of(converted);
    documents.iter().flat_map(|document| of_document(document, &output)).collect()
}

fn of_document(document: &Value, output: &Output) -> Vec<String> {
    let text =
        |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let root = format!("{}/{}", text("/kind"), text("/metadata/name"));
    let mut found = Vec::new();
    pairs(document, &root, &root, &mut found);
    let is_word = |path: &str| path.contains(".command[") || path.contains(".args[");
    let known = |(path, step, value): &(String, String, String)| {
        let is_own = is_word(path) && !path.contains("lifecycle") && !path.contains("Probe");
        let list = path.rsplit_once('[').map_or(path.as_str(), |(list, _)| list);
        if is_own {
            output.accounts_for_words(list, value) || output.loses(path)
        } else {
            output.accounts(path, step, value)
        }
    };
    found.into_iter().filter(|leaf| !known(leaf)).map(|(path, _, value)| format!("{path}: {value}")).collect()
}

fn pairs(value: &Value, path: &str, step: &str, found: &mut Vec<(String, String, String)>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| pairs(value, &below(path, key), key, found));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str);
                let name = name.map_or_else(|| at.to_string(), str::to_owned);
                pairs(item, &format!("{path}[{name}]"), &at.to_string(), found);
            }
        }
        other => found.extend(scalar(other).map(|text| (path.to_owned(), step.to_owned(), text))),
    }
}

fn below(path: &str, key: &str) -> String {
    if key.contains('/') { format!("{path}[{key}]") } else { format!("{path}.{key}") }
}

/// The walk itself finds what is forgotten.
#[test]
fn what_is_forgotten_is_found() {
    let document = serde_json::json!({"kind": "K", "metadata": {"name": "n"}, "spec": {"a": {"b": "value"}, "c": "other"}});
    let mut converted = Converted { objects: vec![serde_json::json!({"x": "other"})], lost: vec![] };
    assert_eq!(forgotten(from_ref(&document), &converted), ["K/n.metadata.name: n", "K/n.spec.a.b: value"]);
    converted.lost.push(llmisvc_cli::convert::Loss::new("K/n.spec.a", "why"));
    assert_eq!(forgotten(from_ref(&document), &converted), ["K/n.metadata.name: n"]);
    let mut paths = Vec::new();
    leaves(&document, "", &mut paths);
    assert_eq!(paths.len(), 4);
}
