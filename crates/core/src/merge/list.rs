//! Lists: merged by key where the shape names one, else replaced as a whole.

use serde_json::Value;

use super::{merge as merge_nodes, normalize};
use crate::node::{LayerId, Node};
use crate::shape::Shape;

/// Merges two lists. An empty list asks for nothing; to empty a list, set it to null.
pub fn merge(
    base: Vec<Node>,
    layer: LayerId,
    over: Vec<Node>,
    over_layer: LayerId,
    shape: Option<&Shape>,
) -> Node {
    if over.is_empty() {
        return Node::List(base, layer);
    }
    let keys = shape.map_or(&[][..], Shape::list_key);
    if keys.is_empty() {
        return Node::List(over.into_iter().map(normalize).collect(), over_layer);
    }
    Node::List(keyed(base, over, keys, shape.and_then(Shape::element)), layer)
}

/// Elements of the base keep their place; new ones follow in their own order (edge C-8).
fn keyed(mut base: Vec<Node>, over: Vec<Node>, keys: &[String], element: Option<&Shape>) -> Vec<Node> {
    for item in over {
        let at = identity(&item, keys)
            .and_then(|id| base.iter().position(|b| identity(b, keys).as_ref() == Some(&id)));
        match at.and_then(|i| base.get_mut(i)) {
            Some(slot) => {
                let below = std::mem::replace(slot, Node::empty(0));
                *slot = merge_nodes(below, item, element);
            }
            None => base.push(normalize(item)),
        }
    }
    base
}

/// What identifies a list element. A port without a protocol is a TCP port (edge C-9).
fn identity(node: &Node, keys: &[String]) -> Option<Vec<Value>> {
    let Node::Map(fields, _) = node else { return None };
    keys.iter()
        .map(|key| match fields.get(key) {
            Some(Node::Leaf(value, _)) => Some(value.clone()),
            None if key == "protocol" => Some(Value::from("TCP")),
            _ => None,
        })
        .collect()
}
