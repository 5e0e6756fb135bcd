//! Every template of a config tried by itself, so that all that fails is said at once.

use serde_json::Value;

use super::{Scope, TemplateError, data, engine};
use gotmpl::Value as Data;

/// What fails when the strings and keys of `spec` are rendered over the scope.
pub fn failures(spec: &Value, config: &str, scope: &Scope<'_>) -> Vec<TemplateError> {
    let mut trial = Trial { config, data: data(scope, scope.spec), failed: Vec::new() };
    trial.value(spec, "spec");
    trial.failed
}

struct Trial<'a> {
    config: &'a str,
    data: Data,
    failed: Vec<TemplateError>,
}

impl Trial<'_> {
    fn value(&mut self, value: &Value, path: &str) {
        match value {
            Value::String(text) => self.text(text, path),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let label =
                        item.get("name").and_then(Value::as_str).map_or(index.to_string(), str::to_owned);
                    self.value(item, &format!("{path}[{label}]"));
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    let path = format!("{path}.{key}");
                    self.text(key, &path);
                    self.value(value, &path);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, path: &str) {
        let failure = text.contains("{{").then(|| engine::execute(text, &self.data)).and_then(Result::err);
        let named = |failure| TemplateError::new(failure, path, Some(self.config.to_owned()));
        self.failed.extend(failure.map(named));
    }
}
