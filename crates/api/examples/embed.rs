//! Writes the schemas that are embedded from other APIs to `crates/api/src/crd/embedded/`.
//!
//! ```text
//! dir() { (cd "tests/localcluster/$1" && go list -m -f '{{.Dir}}' "sigs.k8s.io/$2"); }
//! cargo run -p llmisvc-api --example embed -- \
//!     "$(dir crds gateway-api)/config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml" \
//!     "$(dir crds gateway-api-inference-extension)/config/crd/bases/inference.networking.k8s.io_inferencepools.yaml" \
//!     "$(dir lws lws)/config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml"
//! ```
//!
//! The last one is for its PodSpec, whose descriptions are kept as far as their first sentence. Other descriptions
//! go, and so do defaults: a stored default would defeat inheritance (`reference/api.md §9`, edges 3 and 4), but a list
//! key that may be left out needs one. A CEL rule that reads a member which had a default goes with it; it holds for
//! the object that is made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Pattern of header values. Newer than the schema that clusters have installed, so what is stored there may not
/// match it.
const HEADER_VALUE: &str = r"^[!-~]+([\t ]?[!-~]+)*$";

type Node = Map<String, Value>;

/// Where a LeaderWorkerSet has a PodSpec, below its own spec.
const POD_SPEC: &str = "/properties/leaderWorkerTemplate/properties/workerTemplate/properties/spec";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [route, pool, group] = files.as_slice() else {
        return Err("usage: embed HTTPROUTE_CRD INFERENCEPOOL_CRD LEADERWORKERSET_CRD".into());
    };
    for (file, name) in [(route, "httproute.json"), (pool, "inferencepool.json")] {
        let mut spec = v1_spec(file)?;
        remove_descriptions(&mut spec);
        strip(&mut spec);
        write(name, &spec)?;
    }
    let group = Value::Object(v1_spec(group)?);
    let mut pod = group.pointer(POD_SPEC).and_then(Value::as_object).cloned().ok_or("no PodSpec")?;
    pod.insert("description".to_owned(), Value::from("Pod spec, merged over the preset's."));
    shorten_descriptions(&mut pod);
    strip(&mut pod);
    write("podspec.json", &pod)
}

fn v1_spec(file: &Path) -> Result<Node, Box<dyn std::error::Error>> {
    let crd: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(file)?)?;
    let versions = crd.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    let v1 = versions.into_iter().find(|v| v.get("name").is_some_and(|n| n == "v1"));
    let spec = v1.and_then(|v1| v1.pointer("/schema/openAPIV3Schema/properties/spec")?.as_object());
    Ok(spec.ok_or_else(|| format!("{}: no version v1", file.display()))?.clone())
}

fn write(name: &str, spec: &Node) -> Result<(), Box<dyn std::error::Error>> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/crd/embedded").join(name);
    Ok(std::fs::write(out, format!("{}\n", serde_json::to_string_pretty(spec)?))?)
}

fn each_child(node: &mut Node, f: &mut dyn FnMut(&mut Node)) {
    let properties = node.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Node::values_mut).filter_map(Value::as_object_mut).for_each(&mut *f);
    for key in ["items", "additionalProperties"] {
        node.get_mut(key).and_then(Value::as_object_mut).into_iter().for_each(&mut *f);
    }
}

fn remove_descriptions(node: &mut Node) {
    node.remove("description");
    each_child(node, &mut remove_descriptions);
}

fn shorten_descriptions(node: &mut Node) {
    if let Some(Value::String(text)) = node.get_mut("description") {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let end = words.find(". ").map_or(words.len(), |at| at + 1);
        words.get(..end).unwrap_or(&words).clone_into(text);
    }
    each_child(node, &mut shorten_descriptions);
}

/// Strips a node, and returns the names of the members below it that had a default.
fn strip(node: &mut Node) -> BTreeSet<String> {
    let mut defaulted = BTreeSet::new();
    let keys = key_defaults(node);
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        for (name, property) in properties.iter_mut().filter_map(|(n, p)| Some((n, p.as_object_mut()?))) {
            if property.contains_key("default") {
                defaulted.insert(name.clone());
            }
            defaulted.extend(strip(property));
        }
    }
    for key in ["items", "additionalProperties"] {
        defaulted.extend(node.get_mut(key).and_then(Value::as_object_mut).map(strip).unwrap_or_default());
    }
    node.remove("default");
    for (name, default) in keys {
        let key = node.get_mut("items").and_then(|items| items.pointer_mut(&format!("/properties/{name}")));
        key.and_then(Value::as_object_mut).map(|key| key.insert("default".to_owned(), default));
    }
    if node.get("pattern").is_some_and(|p| p == HEADER_VALUE) {
        node.remove("pattern");
    }
    keep_rules(node, &defaulted);
    defaulted
}

/// Defaults of a list's keys, by name.
fn key_defaults(list: &Node) -> Vec<(String, Value)> {
    let keys = list.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
    let properties = list.get("items").and_then(|items| items.get("properties"));
    let default = |name: &str| Some((name.to_owned(), properties?.get(name)?.get("default")?.clone()));
    keys.filter_map(|key| default(key.as_str()?)).collect()
}

fn keep_rules(node: &mut Node, defaulted: &BTreeSet<String>) {
    let Some(Value::Array(rules)) = node.get_mut("x-kubernetes-validations") else { return };
    rules.retain(|rule| {
        let text = rule.get("rule").and_then(Value::as_str).unwrap_or_default();
        !text
            .split(|c: char| !c.is_alphanumeric() && c != '.')
            .any(|word| word.split('.').skip(1).any(|member| defaulted.contains(member)))
    });
    if rules.is_empty() {
        node.remove("x-kubernetes-validations");
    }
}
