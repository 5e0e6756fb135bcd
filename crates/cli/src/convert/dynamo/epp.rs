//! An endpoint picker of Dynamo: its configuration with the plugins that ours knows.

use llmisvc_core::tree;
use serde_json::{Map, Value, json};

use super::super::Loss;
use super::super::common::source::Source;
use super::component::Component;

const INSTEAD: &str = "the operator makes the picker's pods: see router.scheduler.template";

/// `router.scheduler` of the service.
pub fn take(component: Component, lost: &mut Vec<Loss>) -> Value {
    let mut source = component.source;
    let mut scheduler = Map::new();
    if let Some(replicas) = source.number("replicas").filter(|replicas| *replicas > 1) {
        scheduler.insert("replicas".to_owned(), json!(replicas));
    }
    if let Some(config) = config(source.part("eppConfig"), lost) {
        scheduler.insert("config".to_owned(), config);
    }
    for field in source.fields() {
        source.lose(&field, INSTEAD, lost);
    }
    Value::Object(scheduler)
}

fn config(mut source: Source, lost: &mut Vec<Loss>) -> Option<Value> {
    if let Some(reference) = source.take("configMapRef") {
        let why = "is used as it is: replace Dynamo's plugins in the ConfigMap, dyn-prefill-scorer and dyn-decode-scorer by prefix-cache-scorer, label-filter by prefill-filter and decode-filter";
        lost.push(Loss::new(source.at("configMapRef"), why));
        return Some(json!({"ref": reference}));
    }
    let place = source.at("config");
    let mut inline = source.take("config")?;
    source.finish(lost);
    plugins(&mut inline, &place, lost);
    for (field, usual) in
        [("apiVersion", "inference.networking.x-k8s.io/v1alpha1"), ("kind", "EndpointPickerConfig")]
    {
        let slot = tree::entry(&mut inline, field);
        if slot.is_null() {
            *slot = json!(usual);
        }
    }
    Some(json!({"inline": inline}))
}

/// What takes a plugin's place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Instead {
    Itself,
    Nothing,
    Another(&'static str),
}

/// Replaces Dynamo's plugins, and leaves out those without a counterpart.
fn plugins(config: &mut Value, place: &str, lost: &mut Vec<Loss>) {
    let mut renamed: Vec<(String, Instead)> = Vec::new();
    tree::array(config, "plugins").retain_mut(|plugin| {
        let instead = counterpart(plugin);
        let name = ["name", "type"].map(|field| tree::text(plugin, &[field]).to_owned());
        let name = name.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let is_first = !renamed.iter().any(|(_, other)| *other == instead);
        match instead {
            Instead::Itself => return true,
            Instead::Another(other) => *plugin = json!({"type": other}),
            Instead::Nothing => {
                let why = "a plugin of Dynamo without a counterpart";
                lost.push(Loss::new(format!("{place}.plugins[{name}]"), why));
            }
        }
        renamed.push((name, instead));
        is_first && instead != Instead::Nothing
    });
    for profile in tree::array(config, "schedulingProfiles") {
        references(tree::array(profile, "plugins"), &renamed);
    }
}

/// A filter by label is one of the two roles.
fn counterpart(plugin: &Value) -> Instead {
    let parameters = plugin.get("parameters").map(Value::to_string).unwrap_or_default();
    match tree::text(plugin, &["type"]) {
        "dyn-prefill-scorer" | "dyn-decode-scorer" => Instead::Another("prefix-cache-scorer"),
        "label-filter" if parameters.contains("prefill") => Instead::Another("prefill-filter"),
        "label-filter" if parameters.contains("decode") => Instead::Another("decode-filter"),
        "label-filter" => Instead::Nothing,
        known if known.starts_with("dyn-") => Instead::Nothing,
        _ => Instead::Itself,
    }
}

fn references(listed: &mut Vec<Value>, renamed: &[(String, Instead)]) {
    listed.retain_mut(|listed| {
        let named = tree::text(listed, &["pluginRef"]);
        match renamed.iter().find(|(name, _)| name == named) {
            Some((_, Instead::Another(other))) => *tree::entry(listed, "pluginRef") = json!(other),
            Some((_, Instead::Nothing)) => return false,
            _ => {}
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use super::super::component::Role;
    use super::*;

    fn taken(source: Value) -> (Value, Vec<String>) {
        let mut lost = Vec::new();
        let component =
            Component { name: "e".to_owned(), role: Role::Picker, source: Source::new(source, "e") };
        (take(component, &mut lost), lost.into_iter().map(|loss| loss.path).collect())
    }

    #[test]
    fn plugins_of_dynamo_are_replaced() {
        let source = json!({"replicas": 2, "podTemplate": {"spec": {"nodeName": "n"}}, "eppConfig": {"config": {
            "plugins": [
                {"type": "label-filter", "name": "p", "parameters": {"label": "role", "validValues": ["prefill"]}},
                {"type": "label-filter", "name": "d", "parameters": {"label": "role", "validValues": ["decode"]}},
                {"type": "dyn-prefill-scorer"}, {"type": "dyn-decode-scorer", "name": "k"}, {"type": "dyn-other"},
                {"type": "max-score-picker"}],
            "schedulingProfiles": [
                {"name": "prefill", "plugins": [{"pluginRef": "p"}, {"pluginRef": "dyn-prefill-scorer", "weight": 2}]},
                {"name": "decode", "plugins": [{"pluginRef": "d"}, {"pluginRef": "k"}, {"pluginRef": "dyn-other"}, {"pluginRef": "max-score-picker"}]}],
        }}});
        let inline = json!({
            "apiVersion": "inference.networking.x-k8s.io/v1alpha1", "kind": "EndpointPickerConfig",
            "plugins": [{"type": "prefill-filter"}, {"type": "decode-filter"}, {"type": "prefix-cache-scorer"}, {"type": "max-score-picker"}],
            "schedulingProfiles": [
                {"name": "prefill", "plugins": [{"pluginRef": "prefill-filter"}, {"pluginRef": "prefix-cache-scorer", "weight": 2}]},
                {"name": "decode", "plugins": [{"pluginRef": "decode-filter"}, {"pluginRef": "prefix-cache-scorer"}, {"pluginRef": "max-score-picker"}]}],
        });
        let lost = ["e.eppConfig.config.plugins[dyn-other]", "e.podTemplate"].map(str::to_owned).to_vec();
        assert_eq!(taken(source), (json!({"replicas": 2, "config": {"inline": inline}}), lost));
    }

    #[test]
    fn a_config_map_stays_and_is_told() {
        let source = json!({"eppConfig": {"configMapRef": {"name": "n", "key": "k"}}});
        let scheduler = json!({"config": {"ref": {"name": "n", "key": "k"}}});
        assert_eq!(taken(source), (scheduler, vec!["e.eppConfig.configMapRef".to_owned()]));
    }
}
