//! A tree from which fields are taken one by one, so that what nobody takes becomes a loss.

use llmisvc_core::tree;
use serde_json::Value;

use crate::convert::Loss;

/// A part of the input, and where it stands.
#[derive(Debug, Clone)]
pub struct Source {
    rest: Value,
    at: String,
}

impl Source {
    /// A part of the input at this path; the top of a document has an empty one.
    pub fn new(rest: Value, at: impl Into<String>) -> Self {
        Self { rest, at: at.into() }
    }

    /// Where a field stands in the input.
    pub fn at(&self, path: &str) -> String {
        join(&self.at, path)
    }

    /// Where this part stands.
    pub fn place(&self) -> &str {
        &self.at
    }

    /// Removes the field at a dotted path. Null is as good as absent.
    pub fn take(&mut self, path: &str) -> Option<Value> {
        let (parents, last) = path.rsplit_once('.').map_or((None, path), |(p, last)| (Some(p), last));
        let mut steps = parents.into_iter().flat_map(|parents| parents.split('.'));
        let parent = steps.try_fold(&mut self.rest, |at, step| at.get_mut(step));
        parent?.as_object_mut()?.remove(last).filter(|value| !value.is_null())
    }

    /// The same as text; numbers and booleans as they are written. What has no text stays, and so is told at the end.
    pub fn text(&mut self, path: &str) -> Option<String> {
        let text = self.peek(path).and_then(scalar)?;
        self.take(path);
        Some(text)
    }

    /// The same as a number; anything else stays.
    pub fn number(&mut self, path: &str) -> Option<i64> {
        let number = scalar(self.peek(path)?)?.parse().ok()?;
        self.take(path);
        Some(number)
    }

    /// The same as a list; anything else stays.
    pub fn list(&mut self, path: &str) -> Vec<Value> {
        let is_list = self.peek(path).is_some_and(Value::is_array);
        match self.take_if(path, is_list) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    /// The same as a part of its own; an empty one when absent, or when something else stands there and stays.
    #[must_use]
    pub fn part(&mut self, path: &str) -> Self {
        let at = self.at(path);
        let is_map = self.peek(path).is_some_and(Value::is_object);
        Self::new(self.take_if(path, is_map).unwrap_or_default(), at)
    }

    fn take_if(&mut self, path: &str, condition: bool) -> Option<Value> {
        if condition { self.take(path) } else { None }
    }

    /// The elements of a list as parts, named by their `name` or number.
    pub fn parts(&mut self, path: &str) -> Vec<Self> {
        let at = self.at(path);
        let part = |(number, item): (usize, Value)| {
            let step = step(number, &item);
            Self::new(item, format!("{at}[{step}]"))
        };
        self.list(path).into_iter().enumerate().map(part).collect()
    }

    /// Everything that is left, at once.
    pub fn everything(&mut self) -> Value {
        std::mem::take(&mut self.rest)
    }

    /// All of it, to change it.
    pub fn whole(&mut self) -> &mut Value {
        &mut self.rest
    }

    /// What stands at a dotted path, and stays.
    pub fn peek(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.rest, |at, step| at.get(step)).filter(|found| !found.is_null())
    }

    /// The names of the fields that are left, and in which something is left.
    pub fn fields(&self) -> Vec<String> {
        let fields = self.rest.as_object().into_iter().flatten();
        fields.filter(|(_, value)| says(value)).map(|(key, _)| key.clone()).collect()
    }

    /// Takes a field that has no counterpart.
    pub fn lose(&mut self, path: &str, why: &str, lost: &mut Vec<Loss>) {
        if self.take(path).is_some() {
            lost.push(Loss::new(self.at(path), why));
        }
    }

    /// The paths of all leaves that nobody has taken.
    pub fn left(&self) -> Vec<String> {
        let mut paths = Vec::new();
        leaves(&self.rest, &self.at, &mut paths);
        paths
    }

    /// Whatever nobody has taken, leaf by leaf.
    pub fn finish(self, lost: &mut Vec<Loss>) {
        lost.extend(self.left().into_iter().map(|path| Loss::new(path, "not known to this conversion")));
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

fn says(value: &Value) -> bool {
    let mut found = Vec::new();
    leaves(value, "", &mut found);
    !found.is_empty()
}

fn step(number: usize, item: &Value) -> String {
    let name = tree::text(item, &["name"]);
    if name.is_empty() { number.to_string() } else { name.to_owned() }
}

fn join(path: &str, next: &str) -> String {
    match (path, next) {
        ("", next) => next.to_owned(),
        (path, next) if next.starts_with('[') => format!("{path}{next}"),
        (path, next) => format!("{path}.{next}"),
    }
}

/// The paths of all leaves; what is null, or an empty map or list, says nothing.
pub fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    walk(value, path, &mut |path, _| found.push(path.to_owned()));
}

/// Shows every leaf with its path.
pub fn walk(value: &Value, path: &str, show: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, &join(path, key), show)),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                walk(item, &format!("{path}[{}]", step(number, item)), show);
            }
        }
        Value::Null => {}
        leaf => show(path, leaf),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_takes_is_lost() {
        let mut source =
            Source::new(json!({"a": {"b": 1, "c": [{"name": "x", "d": true}]}, "e": null}), "top");
        assert_eq!(source.number("a.b"), Some(1));
        assert_eq!(source.take("a.b"), None);
        let mut lost = Vec::new();
        source.finish(&mut lost);
        let expected = ["top.a.c[x].d", "top.a.c[x].name"];
        assert_eq!(lost, expected.map(|path| Loss::new(path, "not known to this conversion")));
    }

    #[test]
    fn what_is_of_another_type_stays() {
        let mut source = Source::new(json!({"a": [1], "b": "x", "c": 2}), "s");
        assert_eq!((source.text("a"), source.number("b"), source.list("c")), (None, None, vec![]));
        assert_eq!(source.part("c").fields(), Vec::<String>::new());
        let mut lost = Vec::new();
        source.finish(&mut lost);
        assert_eq!(lost.into_iter().map(|loss| loss.path).collect::<Vec<_>>(), ["s.a[0]", "s.b", "s.c"]);
    }

    #[test]
    fn a_part_knows_where_it_stands() {
        let mut source = Source::new(json!({"list": [{"name": "x"}, {"y": 1}]}), "");
        let places = source.parts("list").iter().map(|part| part.at("z")).collect::<Vec<_>>();
        assert_eq!(places, ["list[x].z", "list[1].z"]);
        assert_eq!(source.part("none").place(), "none");
    }
}
