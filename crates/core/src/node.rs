//! A tree that remembers, for each value, which layer it came from.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Index into the list of layers; the service itself is the last one.
pub type LayerId = usize;

/// A value with its provenance.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Null, boolean, number or string.
    Leaf(Value, LayerId),
    /// List, with the layer that created it.
    List(Vec<Node>, LayerId),
    /// Object, with the layer that created it.
    Map(BTreeMap<String, Node>, LayerId),
}

impl Node {
    /// A whole tree from one layer.
    pub fn of(value: &Value, layer: LayerId) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(|v| Self::of(v, layer)).collect(), layer),
            Value::Object(map) => {
                Self::Map(map.iter().map(|(k, v)| (k.clone(), Self::of(v, layer))).collect(), layer)
            }
            leaf => Self::Leaf(leaf.clone(), layer),
        }
    }

    /// An empty object.
    pub fn empty(layer: LayerId) -> Self {
        Self::Map(BTreeMap::new(), layer)
    }

    /// The plain tree.
    pub fn value(&self) -> Value {
        match self {
            Self::Leaf(value, _) => value.clone(),
            Self::List(items, _) => Value::Array(items.iter().map(Self::value).collect()),
            Self::Map(map, _) => {
                Value::Object(map.iter().map(|(k, v)| (k.clone(), v.value())).collect::<Map<_, _>>())
            }
        }
    }

    /// The layer that this value came from.
    pub fn layer(&self) -> LayerId {
        match self {
            Self::Leaf(_, layer) | Self::List(_, layer) | Self::Map(_, layer) => *layer,
        }
    }

    /// The node at a field path such as `spec.template.containers[0].image`, or its nearest ancestor; a list
    /// element may also be named, as in `containers[main]`.
    pub fn nearest(&self, path: &str) -> &Self {
        steps(path).try_fold(self, |node, step| node.step(step).ok_or(node)).unwrap_or_else(|last| last)
    }

    /// The node at a field path, exactly there.
    pub fn at(&self, path: &str) -> Option<&Self> {
        steps(path).try_fold(self, Self::step)
    }

    fn step(&self, step: &str) -> Option<&Self> {
        match self {
            Self::Map(map, _) => map.get(step),
            Self::List(items, _) => match step.parse::<usize>() {
                Ok(index) => items.get(index),
                Err(_) => items.iter().find(|i| i.is_named(step)),
            },
            Self::Leaf(..) => None,
        }
    }

    fn is_named(&self, name: &str) -> bool {
        matches!(self, Self::Map(map, _) if matches!(map.get("name"), Some(Self::Leaf(Value::String(n), _)) if n == name))
    }
}

/// What stands in brackets is one step, dots and all: annotations have such keys.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('[').enumerate().flat_map(|(at, part)| {
        let (key, rest) = if at > 0 { part.split_once(']').unwrap_or((part, "")) } else { ("", part) };
        std::iter::once(key).chain(rest.split('.'))
    });
    parts.filter(|step| !step.is_empty())
}
