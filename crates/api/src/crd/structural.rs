//! From what schemars makes of the types to the structural schemas that the API server takes.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Members of a schema that say something to readers only, or that would store a default.
const DROPPED: &[&str] = &["$schema", "$defs", "title", "default"];

/// The structural schema of a type, with descriptions; nothing is nullable yet.
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(node) = schema.as_object_mut() {
        simplify(node);
    }
    schema
}

/// Takes the descriptions away.
pub fn undescribed(node: &mut Map<String, Value>) {
    node.remove("description");
    each_child(node, &mut undescribed);
}

/// Calls `f` with the schema of every property, item and map value below `node`.
pub fn each_child(node: &mut Map<String, Value>, f: &mut dyn FnMut(&mut Map<String, Value>)) {
    let mut visit = |child: &mut Value| {
        if let Value::Object(child) = child {
            f(child);
        }
    };
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(&mut visit);
    }
    for key in ["items", "additionalProperties"] {
        node.get_mut(key).into_iter().for_each(&mut visit);
    }
}

fn simplify(node: &mut Map<String, Value>) {
    let kept = key_defaults(node);
    node.retain(|key, _| !DROPPED.contains(&key.as_str()));
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(variants)) = node.remove(key) {
            merge_variants(node, variants);
        }
    }
    if let Some(Value::Array(types)) = node.get("type") {
        let kind = types.iter().find(|t| *t != "null").cloned();
        node.extend(kind.map(|kind| ("type".to_owned(), kind)));
    }
    if let Some(Value::Array(values)) = node.get_mut("enum") {
        values.retain(|v| !v.is_null());
    }
    each_child(node, &mut simplify);
    for (name, default) in kept {
        let property = node.get_mut("items").and_then(|i| i.pointer_mut(&format!("/properties/{name}")));
        if let Some(property) = property.and_then(Value::as_object_mut) {
            property.insert("default".to_owned(), default);
        }
    }
}

/// The defaults of a list's keys, by name: the only ones that are stored, since every item has to have its keys.
fn key_defaults(list: &Map<String, Value>) -> Vec<(String, Value)> {
    let keys = list.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
    let properties = list.get("items").and_then(|items| items.get("properties"));
    let default = |name: &str| Some((name.to_owned(), properties?.get(name)?.get("default")?.clone()));
    keys.filter_map(|key| default(key.as_str()?)).collect()
}

/// `Option<T>` is one variant beside null; a unit enum with documented variants is one constant each.
fn merge_variants(node: &mut Map<String, Value>, variants: Vec<Value>) {
    let mut values = Vec::new();
    for variant in variants {
        let Value::Object(mut variant) = variant else { continue };
        if variant.get("type") == Some(&json!("null")) {
            continue;
        }
        match (variant.remove("const"), variant.remove("enum")) {
            (Some(value), _) => values.push(value),
            (None, Some(Value::Array(more))) => values.extend(more),
            _ => {}
        }
        simplify(&mut variant);
        node.extend(variant);
    }
    if !values.is_empty() {
        node.insert("enum".to_owned(), Value::Array(values));
    }
}

/// Lets null stand for every member that may be absent: it resets what a lower layer set (edge C-5).
pub fn let_null_reset(node: &mut Map<String, Value>) {
    let_null_reset_below(node, false);
}

fn let_null_reset_below(node: &mut Map<String, Value>, in_list: bool) {
    let required: Vec<Value> = node.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        let optional = properties.iter_mut().filter(|(name, _)| !required.contains(&json!(name)));
        for property in optional.filter_map(|(_, p)| p.as_object_mut()).filter(|p| !p.contains_key("default"))
        {
            set_nullable(property, in_list);
        }
    }
    if let Some(Value::Object(values)) = node.get_mut("additionalProperties") {
        set_nullable(values, in_list);
    }
    let in_list = in_list || node.get("type").is_some_and(|t| t == "array");
    each_child(node, &mut |child| let_null_reset_below(child, in_list));
}

/// The API server holds null against an enum, even where the enum names it, but no CEL rule. List items are not
/// merged member by member, so there an enum stays one.
fn set_nullable(node: &mut Map<String, Value>, in_list: bool) {
    if let Some(values) = node.get("enum").filter(|_| !in_list) {
        let rule =
            json!({"rule": format!("self in {values}"), "message": format!("supported values: {values}")});
        node.insert("x-kubernetes-validations".to_owned(), json!([rule]));
        node.remove("enum");
    }
    if !node.contains_key("enum") {
        node.insert("nullable".to_owned(), Value::Bool(true));
    }
}
