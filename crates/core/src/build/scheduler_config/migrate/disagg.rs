//! Prefill and decode: a handler decides through deciders since 0.7.

use serde_json::{Value, json};

use super::{is_type, plugins};
use crate::tree;

/// The handler of both profiles.
pub const HANDLER: &str = "disagg-profile-handler";
const ALWAYS: &str = "always-disagg-pd-decider";
const BY_PREFIX: &str = "prefix-based-pd-decider";
/// The threshold counts characters, the decider tokens.
const CHARACTERS_PER_TOKEN: f64 = 4.0;

/// Handlers that say `deciderPluginName` or `threshold` say `deciders.prefill` instead.
pub fn deciders(document: &mut Value) {
    let needed: Vec<Value> = plugins(document).iter().filter_map(decider).collect();
    for plugin in needed {
        insert(document, plugin);
    }
    let named: Vec<(String, String)> = plugins(document).iter().map(type_and_name).collect();
    for handler in plugins(document).iter_mut().filter(|p| is_old(p)) {
        let decider = decider(handler).map(|d| tree::text(&d, &["type"]).to_owned());
        let parameters = tree::object(handler, "parameters");
        let given = parameters.remove("deciderPluginName").and_then(|n| n.as_str().map(str::to_owned));
        parameters.remove("threshold");
        let of_type = decider.and_then(|of| named.iter().find(|(kind, _)| *kind == of));
        let name = given.or_else(|| of_type.map(|(_, name)| name.clone()));
        parameters.insert("deciders".to_owned(), json!({"prefill": name}));
    }
}

fn is_old(plugin: &Value) -> bool {
    let parameter = |name: &str| tree::get(plugin, &["parameters", name]);
    let old = parameter("deciderPluginName").and_then(Value::as_str).is_some() || threshold(plugin).is_some();
    is_type(plugin, HANDLER) && parameter("deciders").is_none() && old
}

fn threshold(handler: &Value) -> Option<f64> {
    tree::get(handler, &["parameters", "threshold"])?.as_f64()
}

/// The decider that a handler's threshold comes to.
fn decider(handler: &Value) -> Option<Value> {
    let has_name = !tree::text(handler, &["parameters", "deciderPluginName"]).is_empty();
    let threshold = threshold(handler).filter(|_| is_old(handler) && !has_name)?;
    if threshold == 0.0 {
        return Some(json!({"type": ALWAYS}));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a count of tokens")]
    let tokens = (threshold / CHARACTERS_PER_TOKEN).ceil().max(1.0) as i64;
    Some(json!({"type": BY_PREFIX, "parameters": {"nonCachedTokens": tokens}}))
}

/// Before the first handler, which looks it up, unless there is one.
fn insert(document: &mut Value, decider: Value) {
    let plugins = plugins(document);
    if plugins.iter().any(|p| is_type(p, tree::text(&decider, &["type"]))) {
        return;
    }
    let at = plugins.iter().position(|p| is_type(p, HANDLER)).unwrap_or(plugins.len());
    plugins.insert(at, decider);
}

fn type_and_name(plugin: &Value) -> (String, String) {
    (tree::text(plugin, &["type"]).to_owned(), super::name_of(plugin).to_owned())
}
