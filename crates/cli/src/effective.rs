//! `llmisvc explain`: every effective value of a service, and who says it.

use std::fmt::Write as _;

use llmisvc_core::explain::{Explained, explain};
use llmisvc_core::node::Node;
use llmisvc_core::pass::Finding;
use llmisvc_core::tree;
use serde_json::{Value, json};

use crate::input::Document;
use crate::offline::Offline;
use crate::render::{in_namespace, passed};

/// A service with its effective spec.
#[derive(Debug)]
pub struct Report {
    /// `namespace/name`.
    pub service: String,
    /// Its spec; why there is none where it can't be put together.
    pub explained: Result<Explained, Vec<Finding>>,
    /// What is wrong with a spec that there is.
    pub findings: Vec<Finding>,
}

/// Explains a service, alone or with what is wrong with it.
pub fn of(document: &Document, offline: &Offline, namespace: &str) -> Report {
    let service = in_namespace(&document.value, namespace);
    let text = |key: &str| tree::text(&service, &["metadata", key]).to_owned();
    let (explained, fault) = passed(&service, offline, |inputs, decision| {
        (explain(inputs, decision), decision.outcome.as_ref().err().cloned())
    });
    Report {
        service: format!("{}/{}", text("namespace"), text("name")),
        explained: explained.map_err(|fault| fault.findings),
        findings: fault.map(|fault| fault.findings).unwrap_or_default(),
    }
}

/// The comment begins here where the value leaves room for it.
const COLUMN: usize = 60;

/// The spec, or what stands at a path in it, as YAML with the origin of each value in a comment. None when nothing
/// stands there.
pub fn yaml(explained: &Explained, path: &str) -> Option<String> {
    let only = at(&explained.spec, path)?;
    let root = Node::Map([("spec".to_owned(), only)].into(), 0);
    let mut text = String::new();
    Writer { explained, text: &mut text }.members(&root, 0);
    Some(text)
}

/// The same as a list of path, value and origin.
pub fn json(explained: &Explained, path: &str) -> Option<Value> {
    let mut fields = Vec::new();
    flatten(explained, "spec", &at(&explained.spec, path)?, &mut fields);
    Some(Value::Array(fields))
}

/// The tree with nothing but what lies on the way to the path and below it.
fn at(spec: &Node, path: &str) -> Option<Node> {
    let path = path.strip_prefix("spec").unwrap_or(path);
    let steps: Vec<&str> =
        path.split(['.', '[']).map(|s| s.trim_end_matches(']')).filter(|s| !s.is_empty()).collect();
    only(spec, &steps)
}

fn only(node: &Node, steps: &[&str]) -> Option<Node> {
    let Some((step, rest)) = steps.split_first() else { return Some(node.clone()) };
    let below = only(node.at(step)?, rest)?;
    match node {
        Node::Map(_, layer) => Some(Node::Map([((*step).to_owned(), below)].into(), *layer)),
        Node::List(_, layer) => Some(Node::List(vec![below], *layer)),
        Node::Leaf(..) => None,
    }
}

fn flatten(explained: &Explained, path: &str, node: &Node, fields: &mut Vec<Value>) {
    match node {
        Node::Map(map, _) if !map.is_empty() => {
            for (key, value) in map {
                flatten(explained, &member(path, key), value, fields);
            }
        }
        Node::List(items, _) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                flatten(explained, &format!("{path}[{}]", name(at, item)), item, fields);
            }
        }
        leaf => {
            let from = explained.origin(leaf.layer()).to_string();
            fields.push(json!({"path": path, "value": leaf.value(), "from": from}));
        }
    }
}

fn member(path: &str, key: &str) -> String {
    if key.contains(['.', '/']) { format!("{path}[{key}]") } else { format!("{path}.{key}") }
}

fn name(at: usize, item: &Node) -> String {
    match item.at("name") {
        Some(Node::Leaf(Value::String(name), _)) => name.clone(),
        _ => at.to_string(),
    }
}

struct Writer<'a> {
    explained: &'a Explained,
    text: &'a mut String,
}

impl Writer<'_> {
    fn members(&mut self, node: &Node, indent: usize) {
        match node {
            Node::Map(map, _) => {
                for (key, value) in map {
                    self.entry(&format!("{}{}:", " ".repeat(indent), scalar(&json!(key))), value, indent + 2);
                }
            }
            Node::List(items, _) => {
                for item in items {
                    self.item(item, indent);
                }
            }
            Node::Leaf(..) => {}
        }
    }

    /// What follows `key:`.
    fn entry(&mut self, head: &str, value: &Node, indent: usize) {
        if is_nested(value) {
            let _ = writeln!(self.text, "{head}");
            self.members(value, indent);
        } else {
            self.line(&format!("{head} {}", scalar(&value.value())), value);
        }
    }

    /// An element: its first member stands beside the dash.
    fn item(&mut self, item: &Node, indent: usize) {
        let dash = format!("{}- ", " ".repeat(indent));
        if !is_nested(item) {
            return self.line(&format!("{dash}{}", scalar(&item.value())), item);
        }
        let from = self.text.len();
        self.members(item, indent + 2);
        self.text.replace_range(from..from + dash.len(), &dash);
    }

    fn line(&mut self, text: &str, value: &Node) {
        let _ = writeln!(self.text, "{text:<COLUMN$}  # {}", self.explained.origin(value.layer()));
    }
}

fn is_nested(node: &Node) -> bool {
    match node {
        Node::Map(map, _) => !map.is_empty(),
        Node::List(items, _) => !items.is_empty(),
        Node::Leaf(..) => false,
    }
}

/// A scalar on one line: plain where YAML takes it so, else as JSON has it.
fn scalar(value: &Value) -> String {
    let plain = serde_yaml_ng::to_string(value).unwrap_or_default();
    let plain = plain.trim_end();
    if plain.contains('\n') || plain.starts_with(['|', '>']) { value.to_string() } else { plain.to_owned() }
}
