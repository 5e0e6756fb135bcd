//! Functions that templates can call: three of our own, and the bridges that the rewritten tree calls.

use gotmpl::{Result, Template, TemplateError, Value};
use serde_json::{Map, Value as Json, json};

use super::error::no_field;
use super::quantity;
use super::view::{Ask, ask, text};
use crate::{names, tree};

/// Field access, over handles and maps: base, then field names.
pub(super) const GET: &str = "__get";
/// A nil pointer becomes nil, so that the engine takes it for false.
pub(super) const NORM: &str = "__norm";
/// The printed text.
pub(super) const PRINT: &str = "__print";
/// What stands behind a pointer; structs as text.
pub(super) const PLAIN: &str = "__plain";
/// What stands behind a pointer, but for nil.
pub(super) const DEREF: &str = "__deref";
/// Nil becomes the empty string: what `index` gives for a missing key.
pub(super) const ZERO: &str = "__zero";

/// Functions that a template may name.
pub(super) const KNOWN: [&str; 21] = [
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "ChildName",
    "shutdownTimeout",
    "kvTransferConfig",
];

/// Registers them all.
pub(super) fn register(template: Template) -> Template {
    template
        .func(GET, get)
        .func(NORM, norm)
        .func(PRINT, |args| one(args).map(|v| Value::String(text(v).into())))
        .func(PLAIN, |args| plain(one(args)?))
        .func(DEREF, deref)
        .func(ZERO, |args| {
            one(args).map(|v| if *v == Value::Nil { Value::String("".into()) } else { v.clone() })
        })
        .func("call", |_| Err(fail("call of something that is not a function")))
        .func("ChildName", child_name)
        .func("shutdownTimeout", shutdown_timeout)
        .func("kvTransferConfig", kv_transfer_config)
}

fn fail(message: impl Into<String>) -> TemplateError {
    TemplateError::Exec(message.into())
}

fn one(args: &[Value]) -> Result<&Value> {
    args.first().ok_or_else(|| fail("wrong number of args: want 1 got 0"))
}

fn get(args: &[Value]) -> Result<Value> {
    let (base, names) = args.split_first().ok_or_else(|| fail("no value to take a field of"))?;
    names.iter().filter_map(Value::as_str).try_fold(base.clone(), |value, name| field(&value, name))
}

fn field(value: &Value, name: &str) -> Result<Value> {
    match (ask(value, Ask::Field(name)), value) {
        (Some(answer), _) => answer,
        (None, Value::Map(map)) => {
            map.get(name).cloned().ok_or_else(|| TemplateError::MissingKey { key: name.to_owned() })
        }
        (None, Value::Nil) => Err(fail(format!("nil pointer evaluating nil.{name}"))),
        (None, other) => Err(no_field(other.type_name(), name)),
    }
}

fn norm(args: &[Value]) -> Result<Value> {
    let value = one(args)?;
    match ask(value, Ask::IsNil).transpose()? {
        Some(Value::Bool(true)) => Ok(Value::Nil),
        _ => Ok(value.clone()),
    }
}

fn plain(value: &Value) -> Result<Value> {
    match value {
        Value::List(_) | Value::Map(_) => Ok(Value::String(text(value).into())),
        other => ask(other, Ask::Plain).unwrap_or_else(|| Ok(other.clone())),
    }
}

fn deref(args: &[Value]) -> Result<Value> {
    let value = one(args)?;
    match ask(value, Ask::Deref).transpose()? {
        None | Some(Value::Nil) => Ok(value.clone()),
        Some(behind) => Ok(behind),
    }
}

fn child_name(args: &[Value]) -> Result<Value> {
    match args {
        [Value::String(parent), Value::String(suffix)] => {
            Ok(Value::String(names::child(parent, suffix).into()))
        }
        [_, _] => Err(fail("ChildName: wants two strings, the parent and the suffix")),
        _ => Err(fail(format!("wrong number of args for ChildName: want 2 got {}", args.len()))),
    }
}

/// `reference/workloads.md §5.3`: what is left for vLLM of the grace period after `preStop`.
fn shutdown_timeout(args: &[Value]) -> Result<Value> {
    let [pod, Value::Int(pre_stop)] = args else {
        return Err(fail("shutdownTimeout: wants a pod spec or nil, and the seconds of preStop"));
    };
    let pod = document(pod, "shutdownTimeout")?;
    let grace = pod.get("terminationGracePeriodSeconds");
    let grace = grace.and_then(|g| g.as_i64().or_else(|| g.as_str()?.parse().ok())).unwrap_or(60);
    Ok(Value::Int((grace - pre_stop - grace.min(5)).max(0)))
}

/// `reference/workloads.md §11.2`: one backslash before each quote, since the text stands inside a quoted shell
/// assignment.
fn kv_transfer_config(args: &[Value]) -> Result<Value> {
    let spec = document(one(args)?, "kvTransferConfig")?;
    if spec.is_null() {
        return Ok(Value::String("".into()));
    }
    let text = kv_document(&spec)?.to_string().replace('"', "\\\"");
    Ok(Value::String(format!("--kv-transfer-config '{text}'").into()))
}

pub(super) fn kv_document(spec: &Json) -> Result<Json> {
    let cpu = spec.get("cpu").map(super::scalar::string).unwrap_or_default();
    let bytes = quantity::value(&cpu).and_then(|b| i64::try_from(b).ok());
    let bytes = bytes.ok_or_else(|| fail(format!("kvTransferConfig: cpu {cpu:?} is not a quantity")))?;
    // Keys in alphabetical order, as the reference has them.
    let mut extra = Map::new();
    extra.insert("cpu_bytes_to_use".to_owned(), bytes.into());
    if let Some(policy) = spec.get("evictionPolicy").filter(|p| p.as_str() != Some("")) {
        extra.insert("eviction_policy".to_owned(), policy.clone());
    }
    let tiers = kv_tiers(spec);
    if !tiers.is_empty() {
        extra.insert("secondary_tiers".to_owned(), tiers.into());
    }
    extra.insert("spec_name".to_owned(), "TieringOffloadingSpec".into());
    Ok(
        json!({"kv_connector": "OffloadingConnector", "kv_connector_extra_config": extra, "kv_role": "kv_both"}),
    )
}

/// One tier for each secondary store that has a file system; the number is that of the store.
fn kv_tiers(spec: &Json) -> Vec<Json> {
    let stores = tree::list(spec, &["secondary"]).iter().enumerate();
    let stores = stores.filter(|(_, store)| store.get("fileSystem").is_some_and(|f| !f.is_null()));
    stores.map(|(i, _)| json!({"root_dir": format!("/mnt/kv-cache-{i}"), "type": "fs"})).collect()
}

/// The JSON behind a handle, null for nil.
fn document(value: &Value, function: &str) -> Result<Json> {
    match (value, ask(value, Ask::Json).transpose()?) {
        (Value::Nil, _) => Ok(Json::Null),
        (_, Some(Value::String(text))) => serde_json::from_str(&text).map_err(|e| fail(e.to_string())),
        (other, _) => Err(fail(format!("{function}: wrong type {} of argument", other.type_name()))),
    }
}
