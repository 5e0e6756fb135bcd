//! The revision that an endpoint picker admits, as part of its configuration.

use serde_json::{Value, json};

use super::Revision;
use crate::build::scheduler_config::{self, Version, parse};
use crate::labels::KV_REVISION;
use crate::tree;

/// Which pods a picker admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It does not look at the label.
    Everyone,
    /// Those with this label; none: those without any.
    Only(Revision),
}

impl Admitted {
    /// Pods with this label.
    pub const fn labelled(revision: String) -> Self {
        Self::Only(Some(revision))
    }
}

/// Name of our filter among the plugins.
const NAME: &str = "kv-revision";
/// The picker has it under this name since 0.9.
const TYPE: &str = "label-selector-filter";
const SINCE: Version = Version(0, 9);
const REFERENCE: &str = "  - {pluginRef: kv-revision}\n";

/// The configuration is a generated one for prefill and decode, and the picker knows the filter.
pub fn is_possible(picker: &Value) -> bool {
    let mark = tree::text(picker, &["metadata", "annotations", scheduler_config::MARK]);
    let version = tree::strings(picker, &["spec", "template", "metadata", "annotations"]);
    Version::of(&version) >= SINCE && mark.starts_with("default+prefill")
}

/// What a picker's Deployment admits.
pub fn of(picker: &Value) -> Admitted {
    text_of(picker).map_or(Admitted::Everyone, |text| read(&text))
}

/// Has a picker's Deployment admit these pods.
pub fn admit(picker: &mut Value, admitted: &Admitted) {
    let Some(before) = text_of(picker).filter(|text| read(text) != *admitted) else { return };
    let after = write(&before, admitted);
    put_text(picker, &before, &after);
}

/// Takes over the live text where it says the same, so that nothing is replaced for its looks.
pub fn keep_text(picker: &mut Value, live: &Value) {
    let (Some(text), Some(kept)) = (text_of(picker), text_of(live)) else { return };
    if text != kept && parse(&text) == parse(&kept) {
        put_text(picker, &text, &kept);
    }
}

fn text_of(picker: &Value) -> Option<String> {
    let containers = tree::list(picker, &["spec", "template", "spec", "containers"]);
    let (_, text) = scheduler_config::pair(tree::list(tree::named(containers, "main")?, &["args"]))?;
    Some(text)
}

fn put_text(picker: &mut Value, before: &str, after: &str) {
    let pod = ["spec", "template", "spec"].iter().fold(picker, |at, key| tree::entry(at, key));
    let Some(main) = tree::named_mut(tree::array(pod, "containers"), "main") else { return };
    for arg in tree::array(main, "args") {
        let flag = arg.as_str().and_then(|word| word.strip_suffix(before)).map(str::to_owned);
        if let Some(flag) = flag.filter(|flag| flag.is_empty() || flag.ends_with('=')) {
            *arg = json!(flag + after);
        }
    }
}

/// What a configuration admits.
pub fn read(text: &str) -> Admitted {
    let document = parse(text).unwrap_or_default();
    let Some(plugin) = tree::named(tree::list(&document, &["plugins"]), NAME) else {
        return Admitted::Everyone;
    };
    let label = tree::text(plugin, &["parameters", "matchLabels", KV_REVISION]);
    Admitted::Only(Some(label.to_owned()).filter(|label| !label.is_empty()))
}

/// The configuration with our filter as it shall be, in both profiles, behind the one for the role. Lines that do
/// not change stay as they are, where the text is written the way we write it.
pub fn write(text: &str, admitted: &Admitted) -> String {
    let Some(document) = parse(text) else { return text.to_owned() };
    let wanted = edited(document, admitted);
    let lines = edited_lines(text, admitted);
    if parse(&lines).as_ref() == Some(&wanted) {
        return lines;
    }
    serde_yaml_ng::to_string(&wanted).unwrap_or_else(|_| text.to_owned())
}

/// The configuration without our filter.
pub fn without(text: &str) -> String {
    if read(text) == Admitted::Everyone { text.to_owned() } else { write(text, &Admitted::Everyone) }
}

fn edited(mut document: Value, admitted: &Admitted) -> Value {
    let plugins = tree::array(&mut document, "plugins");
    plugins.retain(|plugin| tree::text(plugin, &["name"]) != NAME);
    let Admitted::Only(revision) = admitted else {
        for profile in tree::array(&mut document, "schedulingProfiles") {
            tree::array(profile, "plugins").retain(|plugin| tree::text(plugin, &["pluginRef"]) != NAME);
        }
        return document;
    };
    let at = plugins.iter().position(|plugin| tree::text(plugin, &["type"]) == "decode-filter");
    let plugin = json!({"type": TYPE, "name": NAME, "parameters": selector(revision.as_deref())});
    plugins.insert(at.map_or(plugins.len(), |at| at + 1), plugin);
    for profile in tree::array(&mut document, "schedulingProfiles") {
        let plugins = tree::array(profile, "plugins");
        plugins.retain(|plugin| tree::text(plugin, &["pluginRef"]) != NAME);
        let at = plugins.iter().position(|plugin| tree::text(plugin, &["pluginRef"]).ends_with("-filter"));
        plugins.insert(at.map_or(0, |at| at + 1), json!({"pluginRef": NAME}));
    }
    document
}

fn selector(revision: Option<&str>) -> Value {
    match revision {
        Some(label) => json!({"matchLabels": {KV_REVISION: label}}),
        None => json!({"matchExpressions": [{"key": KV_REVISION, "operator": "DoesNotExist"}]}),
    }
}

fn edited_lines(text: &str, admitted: &Admitted) -> String {
    let bare = text.replace(&block(&read(text)), "").replace(REFERENCE, "");
    if *admitted == Admitted::Everyone {
        return bare;
    }
    let plugin = "- type: decode-filter\n";
    let mut lines = bare.replacen(plugin, &format!("{plugin}{}", block(admitted)), 1);
    for role in ["prefill", "decode"] {
        let line = format!("  - {{pluginRef: {role}-filter}}\n");
        lines = lines.replacen(&line, &format!("{line}{REFERENCE}"), 1);
    }
    lines
}

fn block(admitted: &Admitted) -> String {
    let head = format!("- type: {TYPE}\n  name: {NAME}\n  parameters:\n");
    match admitted {
        // No text is empty, so that nothing is replaced.
        Admitted::Everyone => "\0".to_owned(),
        Admitted::Only(Some(label)) => format!("{head}    matchLabels:\n      {KV_REVISION}: \"{label}\"\n"),
        Admitted::Only(None) => {
            format!("{head}    matchExpressions:\n    - {{key: {KV_REVISION}, operator: DoesNotExist}}\n")
        }
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
