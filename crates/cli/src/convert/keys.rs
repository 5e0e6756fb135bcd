//! Values of a chart: keys that are taken one by one as Helm reads them, where what is empty says nothing.

use llmisvc_core::tree;
use serde_json::Value;

use super::Loss;
use super::common::source::Source;

/// A tree of values and where it stands in the input.
#[derive(Debug)]
pub struct Keys {
    source: Source,
}

impl Keys {
    /// Values at this place; the top has an empty one.
    pub fn new(root: Value, prefix: impl Into<String>) -> Self {
        Self { source: Source::new(root, prefix) }
    }

    /// The value at a dotted path, which is gone then. Null is as good as nothing, as in Helm.
    pub fn take(&mut self, path: &str) -> Option<Value> {
        self.source.take(path)
    }

    /// The same as text; numbers and booleans as they are written. What has no text stays, and so is told at the end.
    pub fn text(&mut self, path: &str) -> Option<String> {
        self.source.text(path).filter(|text| !text.is_empty())
    }

    /// The same as a positive number; zero is as good as nothing, and anything else stays.
    pub fn number(&mut self, path: &str) -> Option<i64> {
        self.drop_empty(path);
        self.source.number(path).filter(|number| *number > 0)
    }

    /// Text that is empty says nothing, of whatever type the key is.
    fn drop_empty(&mut self, path: &str) {
        if self.peek(path).is_some_and(|value| value == "") {
            self.take(path);
        }
    }

    /// The same as a list; anything else stays.
    pub fn list(&mut self, path: &str) -> Vec<Value> {
        self.source.list(path)
    }

    /// Whether a switch is on; `default` when nobody says, or what is said is no switch and stays.
    pub fn is_on(&mut self, path: &str, default: bool) -> bool {
        self.drop_empty(path);
        let given = match self.peek(path) {
            Some(Value::Bool(is_on)) => Some(*is_on),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        if given.is_some() {
            self.take(path);
        }
        given.unwrap_or(default)
    }

    /// What stands at the path, and stays.
    pub fn peek(&self, path: &str) -> Option<&Value> {
        self.source.peek(path)
    }

    /// Puts back what was taken.
    pub fn back(&mut self, key: &str, value: Value) {
        put(self.source.whole(), &[key], value);
    }

    /// Everything that nobody has taken, as it stands.
    pub fn rest(mut self) -> Value {
        self.source.everything()
    }

    /// Where a path stands in the input.
    pub fn at(&self, path: &str) -> String {
        self.source.at(path)
    }

    /// Everything that nobody has taken, leaf by leaf, with the reason that `why` knows for a path.
    pub fn lost(self, why: impl Fn(&str) -> String) -> Vec<Loss> {
        self.source.left().into_iter().map(|path| Loss::new(path.clone(), why(&path))).collect()
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
    fn what_is_of_another_type_is_lost() {
        let values = json!({"a": {"x": 1}, "b": "many", "c": {"y": 2}, "d": 3, "e": "", "f": ""});
        let mut keys = Keys::new(values, "");
        assert_eq!(
            (keys.text("a"), keys.number("b"), keys.list("c"), keys.is_on("d", true)),
            (None, None, vec![], true)
        );
        assert_eq!((keys.number("e"), keys.is_on("f", false)), (None, false));
        let lost: Vec<String> = keys.lost(str::to_owned).into_iter().map(|loss| loss.path).collect();
        assert_eq!(lost, ["a.x", "b", "c.y", "d"]);
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
