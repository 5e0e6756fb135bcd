//! Values that the peer's CRDs stored as defaults (`reference/api.md §2.13`, `§5.5`).
//!
//! Objects that were stored under those CRDs carry them although nobody wrote them, so they must not override
//! what a lower layer says on purpose (edge C-6).

use serde_json::{Value, json};

use crate::node::Node;

/// True when `value` at a field called `key` may be nothing but an old default.
pub fn stored(key: &str, value: &Node) -> bool {
    match value {
        Node::Leaf(leaf, _) => scalar(key, leaf),
        Node::List(..) if key == "rules" => {
            value.value() == json!([{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}])
        }
        _ => false,
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
