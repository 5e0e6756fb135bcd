//! What a schema says about one value: bounds, lengths, patterns, enums.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::Regex;
use serde_json::Value;

/// Something that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// In the words of the API server.
    pub message: String,
    /// Whether CEL rules are left out until it is right.
    pub blocks: bool,
}

impl Broken {
    /// Something about the value alone.
    pub const fn value(message: String) -> Self {
        Self { message, blocks: false }
    }

    /// Something that CEL rules count on.
    pub const fn blocking(message: String) -> Self {
        Self { message, blocks: true }
    }
}

/// What the value breaks.
pub fn broken(schema: &Value, value: &Value) -> Vec<Broken> {
    let of_kind = match value {
        Value::Number(number) => of_number(schema, number.as_f64().unwrap_or_default()),
        Value::String(text) => of_text(schema, text),
        Value::Array(items) => of_count(schema, ["minItems", "maxItems"], items.len(), "items"),
        Value::Object(map) => of_count(schema, ["minProperties", "maxProperties"], map.len(), "properties"),
        _ => Vec::new(),
    };
    of_kind.into_iter().chain(of_enum(schema, value)).collect()
}

fn of_number(schema: &Value, number: f64) -> Vec<Broken> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = bound("minimum").filter(|least| number < *least);
    let most = bound("maximum").filter(|most| number > *most);
    let least = least.map(|least| format!("should be greater than or equal to {least}"));
    let most = most.map(|most| format!("should be less than or equal to {most}"));
    let wide = schema.get("format").is_some_and(|f| f == "int32")
        && !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    let wide = wide.then(|| "Checked value must be of type integer with format int32".to_owned());
    least.into_iter().chain(most).chain(wide).map(Broken::value).collect()
}

fn of_text(schema: &Value, text: &str) -> Vec<Broken> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let length = text.chars().count() as u64;
    let short = bound("minLength").filter(|least| length < *least);
    let long = bound("maxLength").filter(|most| length > *most);
    let pattern = schema.get("pattern").and_then(Value::as_str).filter(|pattern| !matches(pattern, text));
    let short = short.map(|least| Broken::value(format!("should be at least {least} chars long")));
    let long = long.map(|most| Broken::blocking(format!("Too long: may not be more than {most} bytes")));
    let pattern = pattern.map(|pattern| Broken::value(format!("should match '{pattern}'")));
    short.into_iter().chain(long).chain(pattern).collect()
}

fn of_count(schema: &Value, [least, most]: [&str; 2], count: usize, what: &str) -> Vec<Broken> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let count = count as u64;
    let few = bound(least).filter(|least| count < *least);
    let many = bound(most).filter(|most| count > *most);
    let few = few.map(|least| Broken::value(format!("should have at least {least} {what}")));
    let many =
        many.map(|most| Broken::blocking(format!("Too many: {count}: must have at most {most} items")));
    few.into_iter().chain(many).collect()
}

fn of_enum(schema: &Value, value: &Value) -> Option<Broken> {
    let values = schema.get("enum").and_then(Value::as_array).filter(|values| !values.contains(value))?;
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    let message = format!("Unsupported value: {value}: supported values: {}", values.join(", "));
    Some(Broken::blocking(message))
}

/// A pattern of a checked-in schema parses; one that does not would hold nothing back.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<BTreeMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = || Regex::new(pattern).map(Arc::new).ok();
    let known = compiled.get(pattern).cloned().or_else(fresh);
    if let Some(regex) = &known {
        compiled.insert(pattern.to_owned(), Arc::clone(regex));
    }
    known.is_none_or(|regex| regex.is_match(text))
}
