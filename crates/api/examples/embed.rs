//! Writes the schemas that are embedded from other APIs to `crates/api/src/crd/embedded/`.
//!
//! ```text
//! cd tests/localcluster/crds
//! route=$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd/experimental
//! pool=$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api-inference-extension)/config/crd/bases
//! cargo run -p llmisvc-api --example embed -- \
//!     "$route/gateway.networking.k8s.io_httproutes.yaml" "$pool/inference.networking.k8s.io_inferencepools.yaml"
//! ```
//!
//! Descriptions go, and so do defaults: a stored default would defeat inheritance (`reference/api.md §9`, edges 3
//! and 4). A CEL rule that reads a member which had a default goes with it; it holds for the object that is made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Pattern of header values. Newer than the schema that clusters have installed, so what is stored there may not
/// match it.
const HEADER_VALUE: &str = r"^[!-~]+([\t ]?[!-~]+)*$";

type Node = Map<String, Value>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/crd/embedded");
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [route, pool] = files.as_slice() else {
        return Err("usage: embed HTTPROUTE_CRD INFERENCEPOOL_CRD".into());
    };
    for (file, name) in [(route, "httproute.json"), (pool, "inferencepool.json")] {
        let crd: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(file)?)?;
        let spec = v1_spec(&crd).ok_or_else(|| format!("{}: no version v1", file.display()))?;
        let mut spec = spec.clone();
        strip(&mut spec);
        std::fs::write(out.join(name), format!("{}\n", serde_json::to_string_pretty(&spec)?))?;
    }
    Ok(())
}

fn v1_spec(crd: &Value) -> Option<&Node> {
    let versions = crd.pointer("/spec/versions")?.as_array()?;
    let v1 = versions.iter().find(|v| v.get("name").is_some_and(|n| n == "v1"))?;
    v1.pointer("/schema/openAPIV3Schema/properties/spec")?.as_object()
}

/// Strips a node, and returns the names of the members below it that had a default.
fn strip(node: &mut Node) -> BTreeSet<String> {
    let mut defaulted = BTreeSet::new();
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
    node.remove("description");
    node.remove("default");
    if node.get("pattern").is_some_and(|p| p == HEADER_VALUE) {
        node.remove("pattern");
    }
    keep_rules(node, &defaulted);
    defaulted
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
