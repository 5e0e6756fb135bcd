//! `model.criticality` and that of adapters, which are annotations in v1alpha2 (`reference/api.md §6.2`).
//!
//! The peer keys those of adapters by their place in the list. So that they survive another order (edge 44), they
//! are written by name, too.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::kept::{remove_annotation, set_annotation};
use crate::v1alpha1::CRITICALITIES;

/// Annotation with the model's.
pub const MODEL: &str = "internal.serving.kserve.io/model-criticality";
/// Annotation with those of adapters: a JSON object from index to value.
pub const LORA: &str = "internal.serving.kserve.io/lora-criticalities";
/// The same by adapter name.
pub const LORA_BY_NAME: &str = "serving.kserve.io/lora-criticalities";

const FIELD: &str = "criticality";
const ADAPTERS: &str = "/spec/model/lora/adapters";

type Texts = BTreeMap<String, String>;

/// From fields to annotations. Annotations stay where there is no field.
pub fn to_annotations(object: &mut Value) {
    let model = object.pointer_mut("/spec/model").and_then(Value::as_object_mut);
    if let Some(text) = model.and_then(|model| text_of(&model.remove(FIELD)?)) {
        set_annotation(object, MODEL, text);
    }
    let names = names(object);
    let (mut by_index, mut by_name) = (Texts::new(), Texts::new());
    for (index, adapter) in adapters(object) {
        let Some(text) = adapter.get(FIELD).and_then(text_of) else { continue };
        adapter.remove(FIELD);
        by_index.insert(index.to_string(), text.clone());
        by_name.extend(names.get(&index).map(|name| (name.clone(), text)));
    }
    for (key, texts) in [(LORA, by_index), (LORA_BY_NAME, by_name)] {
        if !texts.is_empty() {
            set_annotation(object, key, serde_json::json!(texts).to_string());
        }
    }
}

/// From annotations to fields. What the schema of the field refuses is not shown.
pub fn to_fields(object: &mut Value) {
    let known = |text: &String| CRITICALITIES.contains(&text.as_str());
    let model = remove_annotation(object, MODEL).as_ref().and_then(text_of).filter(known);
    if let (Some(text), Some(Value::Object(model))) = (model, object.pointer_mut("/spec/model")) {
        model.insert(FIELD.to_owned(), Value::String(text));
    }
    let mut read = |key| remove_annotation(object, key).and_then(|text| texts(&text));
    let (by_index, by_name) = (read(LORA).unwrap_or_default(), read(LORA_BY_NAME));
    let by_name = by_name.filter(|names| is_part(names, &by_index));
    let names = names(object);
    for (index, adapter) in adapters(object) {
        let text = match (&by_name, names.get(&index)) {
            (Some(by_name), Some(name)) => by_name.get(name),
            _ => by_index.get(&index.to_string()),
        };
        if let Some(text) = text.filter(|text| known(text)) {
            adapter.insert(FIELD.to_owned(), Value::String(text.clone()));
        }
    }
}

/// The criticalities that the annotations of a service give, of its model and by name of its adapters, as far as v1alpha1
/// knows them.
pub fn of(service: &Value) -> (Option<String>, BTreeMap<String, String>) {
    let mut older = service.clone();
    to_fields(&mut older);
    let text = |object: &Value| object.get(FIELD).and_then(text_of);
    let model = older.pointer("/spec/model").and_then(text);
    let list = older.pointer(ADAPTERS).and_then(Value::as_array).into_iter().flatten();
    let named = list.filter_map(|adapter| Some((adapter.get("name").and_then(text_of)?, text(adapter)?)));
    (model, named.collect())
}

/// Whether the values by name are among those by index: else somebody who knows only indices wrote after us.
fn is_part(by_name: &Texts, by_index: &Texts) -> bool {
    let mut rest: Vec<&String> = by_index.values().collect();
    by_name.values().all(|value| {
        let at = rest.iter().position(|other| *other == value);
        at.map(|at| rest.swap_remove(at)).is_some()
    })
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn texts(annotation: &Value) -> Option<Texts> {
    serde_json::from_str(annotation.as_str()?).ok()
}

/// The adapters that are objects, with their places in the list.
fn adapters(object: &mut Value) -> Vec<(usize, &mut Map<String, Value>)> {
    let list = object.pointer_mut(ADAPTERS).and_then(Value::as_array_mut);
    let all = list.into_iter().flatten().enumerate();
    all.filter_map(|(index, adapter)| Some((index, adapter.as_object_mut()?))).collect()
}

/// Names of adapters by index, as far as only one adapter has it.
fn names(object: &mut Value) -> BTreeMap<usize, String> {
    let named =
        |(index, adapter): (usize, &mut Map<String, Value>)| Some((index, text_of(adapter.get("name")?)?));
    let all: BTreeMap<_, _> = adapters(object).into_iter().filter_map(named).collect();
    let is_unique = |name: &String| all.values().filter(|other| *other == name).count() == 1;
    all.clone().into_iter().filter(|(_, name)| is_unique(name)).collect()
}
