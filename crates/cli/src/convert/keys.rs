//! Values from which keys are taken one by one, so that what nobody takes can be listed.

use llmisvc_core::tree;
use serde_json::Value;

use super::Loss;

/// A tree of values and where it stands in the input.
#[derive(Debug)]
pub struct Keys {
    root: Value,
    prefix: String,
}

impl Keys {
    /// Values at this place; the top has an empty one.
    pub fn new(root: Value, prefix: impl Into<String>) -> Self {
        Self { root, prefix: prefix.into() }
    }

    /// The value at a dotted path, which is gone then. Null is as good as nothing, as in Helm.
    pub fn take(&mut self, path: &str) -> Option<Value> {
        let mut steps: Vec<&str> = path.split('.').collect();
        let last = steps.pop()?;
        let parent = steps.into_iter().try_fold(&mut self.root, |at, step| at.get_mut(step))?;
        parent.as_object_mut()?.remove(last).filter(|found| !found.is_null())
    }

    /// The same as text; numbers and booleans as they are written.
    pub fn text(&mut self, path: &str) -> Option<String> {
        self.take(path).as_ref().and_then(scalar).filter(|text| !text.is_empty())
    }

    /// The same as a positive number; zero is as good as nothing.
    pub fn number(&mut self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok().filter(|number| *number > 0)
    }

    /// The same as a list.
    pub fn list(&mut self, path: &str) -> Vec<Value> {
        match self.take(path) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    /// Whether a switch is on; `default` when nobody says.
    pub fn is_on(&mut self, path: &str, default: bool) -> bool {
        self.text(path).map_or(default, |text| text == "true")
    }

    /// What stands at the path, and stays.
    pub fn peek(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.root, |at, step| at.get(step)).filter(|found| !found.is_null())
    }

    /// Puts back what was taken.
    pub fn back(&mut self, key: &str, value: Value) {
        put(&mut self.root, &[key], value);
    }

    /// Everything that nobody has taken, as it stands.
    pub fn rest(self) -> Value {
        self.root
    }

    /// Where a path stands in the input.
    pub fn at(&self, path: &str) -> String {
        join(&self.prefix, path)
    }

    /// Everything that nobody has taken, leaf by leaf, with the reason that `why` knows for a path.
    pub fn lost(self, why: impl Fn(&str) -> String) -> Vec<Loss> {
        let mut paths = Vec::new();
        leaves(&self.root, &self.prefix, &mut paths);
        paths.into_iter().map(|path| Loss::new(path.clone(), why(&path))).collect()
    }
}

/// A string, number or boolean as text.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn join(prefix: &str, path: &str) -> String {
    match (prefix, path) {
        ("", path) => path.to_owned(),
        (prefix, path) if path.starts_with('[') => format!("{prefix}{path}"),
        (prefix, path) => format!("{prefix}.{path}"),
    }
}

/// The paths of all leaves below a value; empty maps and lists say nothing and are none.
pub fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    walk(value, path, &mut |path, _| found.push(path.to_owned()));
}

/// Shows every leaf below a value with its path.
pub fn walk(value: &Value, path: &str, show: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, &join(path, key), show)),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let name = tree::text(item, &["name"]);
                let step = if name.is_empty() { at.to_string() } else { name.to_owned() };
                walk(item, &format!("{path}[{step}]"), show);
            }
        }
        Value::Null => {}
        leaf => show(path, leaf),
    }
}

/// Takes away what is equal to the default.
pub fn prune(values: &mut Value, defaults: &Value) {
    let Some(map) = values.as_object_mut() else { return };
    map.retain(|key, value| {
        let Some(default) = defaults.get(key) else { return true };
        prune(value, default);
        value != default && !(value.as_object().is_some_and(serde_json::Map::is_empty) && default.is_object())
    });
}

/// Puts a value at a path; what is empty is not put.
pub fn put(into: &mut Value, path: &[&str], value: Value) {
    let is_empty = match &value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if !is_empty {
        *path.iter().fold(into, |at, key| tree::entry(at, key)) = value;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_takes_is_lost() {
        let mut keys = Keys::new(json!({"a": {"b": 1, "c": [{"name": "x", "d": true}]}, "e": null}), "top");
        assert_eq!(keys.number("a.b"), Some(1));
        assert_eq!(keys.take("e"), None);
        let lost = keys.lost(|path| format!("no {path}"));
        let expected = ["top.a.c[x].d", "top.a.c[x].name"].map(|p| Loss::new(p, format!("no {p}")));
        assert_eq!(lost, expected);
    }

    #[test]
    fn defaults_say_nothing() {
        let mut values = json!({"a": {"b": 1, "c": 2}, "d": {"e": 3}, "f": [1]});
        prune(&mut values, &json!({"a": {"b": 1, "c": 3}, "d": {"e": 3}, "f": [1]}));
        assert_eq!(values, json!({"a": {"c": 2}}));
    }

    #[test]
    fn nothing_empty_is_put() {
        let mut value = json!({});
        put(&mut value, &["a", "b"], json!([]));
        put(&mut value, &["a", "c"], json!(false));
        assert_eq!(value, json!({"a": {"c": false}}));
    }
}
