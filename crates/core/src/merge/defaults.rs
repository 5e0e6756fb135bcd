//! Values that the peer's CRDs stored as defaults (`reference/api.md §2.13`, `§5.5`).
//!
//! Objects that were stored under those CRDs carry them although nobody wrote them, so they must not override
//! what a lower layer says on purpose (edge C-6).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::node::Node;

/// True when `value` at a field called `key` may be nothing but an old default; `filled_in` says so of what it stands
/// in.
pub fn stored(key: &str, value: &Node, filled_in: bool) -> bool {
    match value {
        Node::Leaf(..) if key == "failureMode" && !filled_in => false,
        Node::Leaf(leaf, _) => scalar(key, leaf),
        Node::List(..) if key == "rules" => {
            value.value() == json!([{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}])
        }
        _ => false,
    }
}

/// True unless nobody but a user can have written the reference to an endpoint picker: old CRDs filled in its kind
/// whenever they filled in its failure mode.
pub fn is_filled_in(map: &BTreeMap<String, Node>) -> bool {
    map.contains_key("kind")
}

/// A value of an upper layer that was taken for an old default, so that another one came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdone {
    /// Where it stands, from `spec`.
    pub path: String,
    /// What it says.
    pub said: Value,
    /// What came out.
    pub kept: Value,
}

/// The values of `own`, the topmost layer, that gave way in `merged`.
pub fn outdone(own: &Value, merged: &Node) -> Vec<Outdone> {
    let mut found = Vec::new();
    compare("spec", own, merged, &mut found);
    found
}

fn compare(path: &str, own: &Value, merged: &Node, found: &mut Vec<Outdone>) {
    let (Value::Object(own), Node::Map(merged, _)) = (own, merged) else { return };
    for (key, said) in own {
        let path = format!("{path}.{key}");
        match merged.get(key) {
            Some(Node::Leaf(kept, _)) if kept != said && scalar(key, said) => {
                found.push(Outdone { path, said: said.clone(), kept: kept.clone() });
            }
            Some(below) => compare(&path, said, below, found),
            None => {}
        }
    }
}

fn scalar(key: &str, value: &Value) -> bool {
    let default = match key {
        "minReplicas" => json!(1),
        "variantCost" => json!("10.0"),
        "behavior" => json!("static"),
        "evictionPolicy" => json!("lru"),
        "appProtocol" => json!("http"),
        "failureMode" => json!("FailClose"),
        "protocol" => json!("TCP"),
        // Zero values that the peer's webhook injected.
        "maxReplicas" | "failureThreshold" => json!(0),
        "cpu" | "size" => json!("0"),
        _ => return false,
    };
    *value == default
}
