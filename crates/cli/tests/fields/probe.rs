//! A spec with one more leaf, and the same spec with everything but that leaf.

use llmisvc_core::shape::{Kind, Shape};
use serde_json::{Value, json};

use crate::walk::{Leaf, Step};

/// A number of its own for each probe, and the init container that there is, if any.
pub type At = (usize, Option<&'static str>);

/// Two specs that differ in one leaf.
#[derive(Debug)]
pub struct Probe {
    /// With the leaf.
    pub with: Value,
    /// Without it.
    pub without: Value,
}

impl Probe {
    /// Of a leaf with this value. What tells elements of lists apart is set, for each number to something else;
    /// where the leaf is just that, the list is left out.
    pub fn new(leaf: &Leaf, at: At, given: Option<Value>) -> Self {
        let value = given.unwrap_or_else(|| of_kind(leaf.shape, at));
        let with = grow(&leaf.steps, at, Some(&value));
        let cut = if is_key(leaf) { leaf.steps.len().saturating_sub(2) } else { leaf.steps.len() };
        let without = leaf.steps.get(..cut).unwrap_or_default();
        let without = grow(without, at, None);
        Self { with: with.unwrap_or_default(), without: without.unwrap_or_else(|| json!({})) }
    }
}

fn is_key(leaf: &Leaf) -> bool {
    let [.., Step::Item(list), Step::Field(name, _)] = leaf.steps.as_slice() else { return false };
    list.list_key().iter().any(|key| key == name) || list.list_key().is_empty() && is_only(list)
}

/// A list of references by one name: without it nothing is said.
fn is_only(list: &Shape) -> bool {
    list.element().is_some_and(|element| element.fields().len() == 1)
}

/// The tree with `end` at the end of the way; none where there is nothing at all to hold.
fn grow(steps: &[Step], at: At, end: Option<&Value>) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else { return end.cloned() };
    let below = grow(rest, at, end);
    match (step, rest.first()) {
        (Step::Field(name, _), Some(Step::Item(list))) => {
            let item = grow(rest.get(1..).unwrap_or_default(), at, end).unwrap_or_else(|| json!({}));
            Some(json!({*name: [keyed(name, list, at, item)]}))
        }
        // The last step without its value: the object above it stays.
        (Step::Field(name, _), _) => Some(below.map_or_else(|| json!({}), |below| json!({*name: below}))),
        (Step::Item(_), _) => below,
    }
}

/// An element that can be told apart from others.
fn keyed(field: &str, list: &Shape, at: At, mut item: Value) -> Value {
    let Some(map) = item.as_object_mut() else { return item };
    for key in list.list_key() {
        let shape = list.element().and_then(|element| element.field(key));
        let value = shape.map_or(Value::Null, |shape| key_value(field, key, shape, at));
        map.entry(key.clone()).or_insert(value);
    }
    item
}

/// A container is one that there is; everything else is new.
fn key_value(field: &str, key: &str, shape: &Shape, at: At) -> Value {
    match (field, key) {
        ("containers", _) => json!("main"),
        ("initContainers", _) if at.1.is_some() => json!(at.1),
        (_, "protocol") => json!("UDP"),
        (_, "mountPath" | "devicePath") => json!(format!("/probe-{}", at.0)),
        _ => of_kind(shape, at),
    }
}

/// A value that is nobody's default.
fn of_kind(shape: &Shape, at: At) -> Value {
    let name = || format!("probe-{}", at.0);
    let element = || shape.element().map_or(Value::Null, |element| of_kind(element, at));
    match shape.kind() {
        Kind::String => json!(name()),
        Kind::Bool => json!(true),
        Kind::Int | Kind::Uint | Kind::IntOrString | Kind::Float => json!(7000 + at.0),
        Kind::Quantity => json!((7000 + at.0).to_string()),
        Kind::Url => json!(format!("hf://probe/{}", name())),
        Kind::Raw | Kind::Struct => json!({name(): name()}),
        Kind::Time => json!("2030-01-01T00:00:00Z"),
        Kind::Duration => json!("77s"),
        Kind::Bytes => json!("cHJvYmU="),
        Kind::List => json!([element()]),
        Kind::Map => json!({name(): element()}),
    }
}
