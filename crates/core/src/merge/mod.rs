//! Strategic merge of layers, lowest precedence first (`reference/workloads.md §4`), over raw trees.
//!
//! What differs from the peer, on purpose: setting one member of a one-of replaces the others (C-4); an explicit
//! null resets what a lower layer set, and an explicit `false` or `0` counts (C-5); a value that old CRDs stored
//! as a default does not override a lower layer (C-6); the inline scheduler configuration is one value (C-7);
//! lists keep the order of the base and append what is new (C-8); ports are keyed by number and protocol (C-9).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::node::Node;
use crate::shape::{Kind, Shape};

pub mod defaults;
mod list;
mod oneof;

/// Puts `over` on top of `base`. Both are specs of the shape.
pub fn merge(base: Node, over: Node, shape: Option<&Shape>) -> Node {
    match (base, over) {
        (Node::Map(base, layer), Node::Map(over, _)) => Node::Map(map(base, over, shape), layer),
        (Node::List(base, layer), Node::List(over, over_layer)) => {
            list::merge(base, layer, over, over_layer, shape)
        }
        (base, Node::Leaf(Value::String(text), _)) if text.is_empty() => base,
        (_, over) => over,
    }
}

/// Brings a first layer into the form that merging leaves behind: nulls ask for nothing there.
pub fn normalize(node: Node) -> Node {
    match node {
        Node::Map(map, layer) => Node::Map(
            map.into_iter().filter(|(_, v)| !is_null(v)).map(|(k, v)| (k, normalize(v))).collect(),
            layer,
        ),
        Node::List(items, layer) => Node::List(items.into_iter().map(normalize).collect(), layer),
        leaf @ Node::Leaf(..) => leaf,
    }
}

type Fields = BTreeMap<String, Node>;

fn map(mut base: Fields, over: Fields, shape: Option<&Shape>) -> Fields {
    let structure = shape.is_none_or(|s| s.kind() != Kind::Map);
    if structure {
        oneof::give_way(&mut base, &over);
    }
    let filled_in = structure && defaults::is_filled_in(&over);
    for (key, value) in over {
        let below = base.remove(&key);
        let merged = match below {
            Some(below) if structure && keeps(&key, &value, filled_in) => Some(below),
            Some(below) if !is_null(&value) && key != "inline" => {
                Some(merge(below, value, shape.and_then(|s| s.field(&key).or_else(|| s.element()))))
            }
            _ => (!is_null(&value)).then(|| normalize(value)),
        };
        base.extend(merged.map(|node| (key, node)));
    }
    base
}

/// Whether a lower layer's field stays: typed clients write `containers: null` for an absent list (edge C-20),
/// and stored defaults are nobody's wish.
fn keeps(key: &str, over: &Node, filled_in: bool) -> bool {
    (key == "containers" && is_null(over)) || defaults::stored(key, over, filled_in)
}

fn is_null(node: &Node) -> bool {
    matches!(node, Node::Leaf(Value::Null, _))
}

#[cfg(test)]
mod tests;
