//! Golden cases of `tests/charts`: values, and what they change.

use std::collections::BTreeSet;

use anyhow::Result;
use llmisvc_testkit::{documents, golden, paths};
use serde_json::{Value, json};

use crate::{Objects, charts};

/// Only what differs from the default values is compared: the rest is the test above.
#[test]
fn values_change_what_they_say_and_nothing_else() -> Result<()> {
    let defaults = charts("models", &json!({}))?;
    golden::run(&paths::repository().join("tests/charts"), |case| {
        let rendered = case.input().and_then(|text| charts("models", &documents::parse(&text)?[0]));
        rendered.and_then(|it| differences(&defaults, &it)).map_err(|error| format!("{error:#}"))
    })
}

/// A list of what is absent, added and changed, as YAML.
fn differences(defaults: &Objects, rendered: &Objects) -> Result<String> {
    let (defaults, rendered) = (without_schemas(defaults), without_schemas(rendered));
    let names: BTreeSet<&String> = defaults.keys().chain(rendered.keys()).collect();
    let entry = |name: &String| match (defaults.get(name), rendered.get(name)) {
        (Some(before), Some(after)) => changed(name, before, after),
        (Some(_), None) => Some(json!({"absent": name})),
        (None, added) => added.map(|it| json!({"added": it})),
    };
    Ok(serde_yaml_ng::to_string(&names.into_iter().filter_map(entry).collect::<Vec<_>>())?)
}

fn changed(name: &str, before: &Value, after: &Value) -> Option<Value> {
    let fields = golden::between(before, after).join("\n");
    (!fields.is_empty()).then(|| json!({"changed": name, "fields": fields}))
}

/// Of the versions of a definition, the name alone.
fn without_schemas(objects: &Objects) -> Objects {
    let mut objects = objects.clone();
    for object in objects.values_mut() {
        for version in
            object.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten()
        {
            *version = version["name"].take();
        }
    }
    objects
}
