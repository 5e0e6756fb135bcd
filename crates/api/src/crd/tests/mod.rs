mod manifest;
mod rules;
mod schema;
mod versions;

use std::sync::LazyLock;

use serde_json::Value;

use super::{Options, Pods, generate};
use crate::version::Version;

static CRDS: LazyLock<Vec<Value>> = LazyLock::new(super::crds);
static FULL: LazyLock<Vec<Value>> =
    LazyLock::new(|| generate(&Options { pods: Pods::Full, ..Options::default() }));

/// The schema of the stored version.
fn schema(crd: &Value) -> &Value {
    schema_of(crd, Version::STORED)
}

fn schema_of(crd: &Value, version: Version) -> &Value {
    let mut versions = crd["spec"]["versions"].as_array().unwrap().iter();
    &versions.find(|v| v["name"] == version.as_str()).unwrap()["schema"]["openAPIV3Schema"]
}

/// Every schema of both CRDs, in both variants.
fn all_schemas() -> impl Iterator<Item = &'static Value> {
    let crds = CRDS.iter().chain(FULL.iter());
    crds.flat_map(|crd| Version::ALL.map(|version| schema_of(crd, version)))
}

const POD_SPECS: [&str; 6] = [
    "template",
    "worker",
    "prefill.template",
    "prefill.worker",
    "router.scheduler.template",
    "router.scheduler.tokenizer.template",
];

/// A node of a schema below `spec`, by property names.
fn node<'a>(crd: &'a Value, path: &str) -> &'a Value {
    below(&schema(crd)["properties"]["spec"], path)
}

fn below<'a>(node: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(node, |node, name| match name {
        "[]" => &node["items"],
        name => &node["properties"][name],
    })
}

fn walk(node: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, node);
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), visit);
    }
    for key in ["items", "additionalProperties"] {
        if node[key].is_object() {
            walk(&node[key], &format!("{path}[]"), visit);
        }
    }
}
