//! Helm templates in values: `env`, `ports` and URIs may hold some (`reference/llm-d.md §3.2`).

use regex::{Captures, Regex};
use serde_json::Value;

use crate::convert::Loss;
use crate::convert::common::source::{scalar, walk};

/// What Helm knows and a service does not.
const HELM: [&str; 5] = ["{{ .Release.", "{{ .Values.", "{{ .Chart.", "{{ include ", "{{ template "];

/// The values with every `{{ .Values.path }}` replaced that leads to a scalar. Others stay as they are, and so does what
/// only a release knows.
pub fn filled(values: &Value) -> Value {
    let pattern =
        Regex::new(r"\{\{-?\s*\.Values\.([A-Za-z0-9_.]+)(\s*\|\s*quote)?\s*-?\}\}").expect("is a pattern");
    replaced(values, &|text| {
        pattern
            .replace_all(text, |found: &Captures<'_>| {
                look_up(values, &found[1]).unwrap_or(found[0].to_owned())
            })
            .into()
    })
}

/// The leaves that hold a template which only a release can fill in. They are carried over as they stand.
pub fn unfilled(values: &Value) -> Vec<Loss> {
    let mut lost = Vec::new();
    walk(values, "", &mut |path, leaf| {
        let text = leaf.as_str().unwrap_or_default();
        if HELM.iter().any(|start| text.contains(start)) {
            lost.push(Loss::new(
                path,
                "only a release can fill in this template; write the value in the service",
            ));
        }
    });
    lost
}

fn look_up(values: &Value, path: &str) -> Option<String> {
    scalar(path.split('.').try_fold(values, |at, key| at.get(key))?)
}

fn replaced(value: &Value, replace: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(replace(text)),
        Value::Array(items) => items.iter().map(|item| replaced(item, replace)).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), replaced(v, replace))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_values_say_is_filled_in() {
        let values = json!({"a": {"b": "x"}, "c": ["hf://{{ .Values.a.b }}", "{{ .Values.no }}", "{{ .Release.Name }}"]});
        assert_eq!(filled(&values)["c"], json!(["hf://x", "{{ .Values.no }}", "{{ .Release.Name }}"]));
    }

    #[test]
    fn what_only_a_release_knows_is_told() {
        let values = json!({"env": [{"name": "A", "value": "x{{ .Release.Name }}"}, {"name": "B", "value": "{{ .Spec }}"}]});
        let why = "only a release can fill in this template; write the value in the service";
        assert_eq!(unfilled(&values), [Loss::new("env[A].value", why)]);
    }
}
