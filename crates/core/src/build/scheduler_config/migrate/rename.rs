//! Plugins, parameters and the document itself under their newer names.

use serde_json::{Value, json};

use super::{API_VERSION, OLDER_API_VERSION, plugins};
use crate::tree;

/// A plugin type under its newer name, and whatever refers to it by the older one.
pub fn plugin(document: &mut Value, older: &str, newer: &str) {
    let mut found = false;
    for plugin in plugins(document).iter_mut().filter(|p| super::is_type(p, older)) {
        *tree::entry(plugin, "type") = json!(newer);
        found = true;
    }
    if found {
        for plugin in plugins(document) {
            replace(plugin, "name", older, newer);
        }
        refer(document, older, newer);
    }
}

/// Every `pluginRef`, in profiles, data layer and flow control.
fn refer(value: &mut Value, older: &str, newer: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                match member {
                    Value::String(name) if key == "pluginRef" && name == older => newer.clone_into(name),
                    member => refer(member, older, newer),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, older, newer)),
        _ => {}
    }
}

fn replace(value: &mut Value, key: &str, older: &str, newer: &str) {
    if tree::text(value, &[key]) == older {
        *tree::entry(value, key) = json!(newer);
    }
}

/// A parameter that no plugin reads any more.
pub fn drop_parameter(document: &mut Value, parameter: &str) {
    for plugin in plugins(document) {
        let removed = plugin.get_mut("parameters").and_then(|p| p.as_object_mut()?.remove(parameter));
        if removed.is_some() {
            super::tidy(plugin);
        }
    }
}

/// The group that configurations are in since 0.9.
pub fn api_version(document: &mut Value) {
    replace(document, "apiVersion", OLDER_API_VERSION, API_VERSION);
}
