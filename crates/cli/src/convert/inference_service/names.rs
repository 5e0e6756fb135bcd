//! `{{.Name}}` and its like in a runtime, which KServe fills from the metadata of the InferenceService.

use std::sync::LazyLock;

use llmisvc_core::tree;
use regex::{Captures, Regex};
use serde_json::Value;

static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\{\{\s*\.(Name|Namespace|Labels|Annotations)(?:\.([\w.-]+))?\s*\}\}")
        .expect("it is a pattern")
});

/// Fills every string of the tree; what the service does not have stays as it is.
pub fn fill(tree: &mut Value, service: &Value) {
    match tree {
        Value::String(text) => *text = filled(text, service),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, service)),
        Value::Object(map) => map.values_mut().for_each(|value| fill(value, service)),
        _ => {}
    }
}

fn filled(text: &str, service: &Value) -> String {
    let value = |found: &Captures<'_>| {
        let field = found.get(1).map_or("", |field| field.as_str()).to_lowercase();
        let key = found.get(2).map(|key| key.as_str());
        let path: Vec<&str> = ["metadata", &field].into_iter().chain(key).collect();
        match tree::text(service, &path) {
            "" => found.get(0).map_or("", |whole| whole.as_str()).to_owned(),
            value => value.to_owned(),
        }
    };
    FIELD.replace_all(text, value).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_fills_the_fields() {
        let service = json!({"metadata": {"name": "n", "labels": {"a-b": "l"}}});
        let mut tree = json!({"args": ["--x={{.Name}}", "{{ .Labels.a-b }}{{.Namespace}}"], "n": 1});
        fill(&mut tree, &service);
        assert_eq!(tree, json!({"args": ["--x=n", "l{{.Namespace}}"], "n": 1}));
    }
}
