//! Helm templates in values: `env`, `ports` and URIs may hold some (`reference/llm-d.md §3.2`).

use regex::{Captures, Regex};
use serde_json::Value;

use crate::convert::keys::scalar;

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
}
