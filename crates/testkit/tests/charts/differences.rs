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

fn differences(defaults: &Objects, rendered: &Objects) -> Result<String> {
    let (defaults, rendered) = (without_schemas(defaults), without_schemas(rendered));
    let mut lines: Vec<String> =
        defaults.keys().filter(|it| !rendered.contains_key(*it)).map(|name| format!("- {name}")).collect();
    for (name, object) in &rendered {
        match defaults.get(name) {
            Some(before) => compare(name, before, object, &mut lines),
            None => lines.push(format!("+ {name}\n{}", serde_yaml_ng::to_string(object)?)),
        }
    }
    Ok(lines.join("\n") + "\n")
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

/// A line for each leaf that is not the same; `null` where there is none.
fn compare(place: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                compare(&format!("{place} {name}"), &before[name], &after[name], lines);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{place} {index}"), old, new, lines);
            }
        }
        _ if before == after => {}
        _ => lines.push(format!("{place}: {before} -> {after}")),
    }
}
