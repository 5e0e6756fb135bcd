//! `llmisvc presets plan`: what changes when services move to the presets of another release.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use llmisvc_api::v1alpha2::{AppliedConfig, ConfigSource, KIND};
use llmisvc_core::object::Object;
use llmisvc_core::plan::{changed_fields, changes};
use llmisvc_core::resolve::{PRESET_VERSION, UNPIN};
use llmisvc_core::{Decision, tree};
use llmisvc_kinds::Kind;
use serde::Serialize;
use serde_json::{Value, json};

use crate::input::Document;
use crate::offline::Offline;
use crate::render::{in_namespace, one, usable};

/// What moving one service means.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Namespace and name.
    pub service: String,
    /// Presets that others take the place of.
    pub presets: Vec<Replaced>,
    /// Children that differ.
    pub children: Vec<Child>,
    /// Workloads whose pods restart.
    pub restarts: Vec<String>,
    /// Why it can't be said, or why the service could not move.
    pub findings: Vec<String>,
}

/// A preset in place of another; empty where there is none.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// As it is.
    pub from: String,
    /// As it would be.
    pub to: String,
}

/// A child that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Child {
    /// Kind and name.
    pub object: String,
    /// Paths of the fields; values stay out of it, since they may be secret. None when it comes or goes as a whole.
    pub fields: Vec<String>,
}

/// Every service among the documents, moved to the presets of the release `to` (or `latest`). One without pins is
/// taken to be of the release `from`, where that is given.
pub fn plan(
    documents: &[Document],
    offline: &Offline,
    namespace: &str,
    to: &str,
    from: Option<&str>,
) -> Vec<Move> {
    let services = documents.iter().filter(|d| tree::text(&d.value, &["kind"]) == KIND);
    services.map(|document| planned(document, offline, namespace, to, from)).collect()
}

fn planned(document: &Document, offline: &Offline, namespace: &str, to: &str, from: Option<&str>) -> Move {
    let named = in_namespace(&document.value, namespace);
    let text = |key: &str| tree::text(&named, &["metadata", key]);
    let name = format!("{}/{}", text("namespace"), text("name"));
    let service = match usable(document) {
        Ok(object) => in_namespace(&object, namespace),
        Err(line) => return Move { service: name, findings: vec![line], ..Move::default() },
    };
    let pinned = tree::get(&service, &["status", "annotations"]).is_some();
    let before = match from {
        Some(release) if !pinned => at(&service, release),
        _ => service.clone(),
    };
    Move { service: name, ..compare(&one(&before, offline), &one(&at(&service, to), offline)) }
}

/// The service as it asks for the presets of a release.
fn at(service: &Value, release: &str) -> Value {
    let mut service = service.clone();
    let annotations = tree::object(tree::entry(&mut service, "metadata"), "annotations");
    annotations.remove(UNPIN);
    annotations.insert(PRESET_VERSION.to_owned(), json!(release));
    service
}

fn compare(before: &Decision, after: &Decision) -> Move {
    let findings = [("now", before), ("then", after)].into_iter().flat_map(|(when, decision)| {
        let fault = decision.outcome.as_ref().err().into_iter();
        fault.flat_map(|fault| &fault.findings).map(move |finding| format!("{when}: {finding}"))
    });
    let mut moved = Move { findings: findings.collect(), ..Move::default() };
    if !before.applied_configs.is_empty() && !after.applied_configs.is_empty() {
        moved.presets = replaced(&before.applied_configs, &after.applied_configs);
    }
    if let (Ok(before), Ok(after)) = (&before.outcome, &after.outcome) {
        let (before, after) = (slots(&before.objects), slots(&after.objects));
        moved.children = children(&before, &after);
        moved.restarts = restarts(&before, &after);
    }
    moved
}

fn replaced(before: &[AppliedConfig], after: &[AppliedConfig]) -> Vec<Replaced> {
    let presets = |configs: &[AppliedConfig]| -> BTreeMap<String, String> {
        let presets = configs.iter().filter(|c| c.source == ConfigSource::Preset);
        presets.map(|c| (suffix(&c.name).to_owned(), c.to_string())).collect()
    };
    let (before, after) = (presets(before), presets(after));
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |presets: &BTreeMap<String, String>, key: &String| presets.get(key).cloned().unwrap_or_default();
    let pairs = all.into_iter().map(|key| Replaced { from: of(&before, key), to: of(&after, key) });
    pairs.filter(|pair| pair.from != pair.to).collect()
}

/// What a preset is for, without the release in its name.
fn suffix(name: &str) -> &str {
    name.find("config-llm-").and_then(|at| name.get(at..)).unwrap_or(name)
}

type Slots<'a> = BTreeMap<(Kind, &'a str), &'a Object>;

fn slots(objects: &[Object]) -> Slots<'_> {
    objects.iter().map(|object| ((object.kind, object.name.as_str()), object)).collect()
}

fn children(before: &Slots<'_>, after: &Slots<'_>) -> Vec<Child> {
    let all: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let differs = all.into_iter().filter_map(|slot| {
        let object = format!("{} {}", slot.0.served().kind, slot.1);
        match (before.get(&slot), after.get(&slot)) {
            (Some(before), Some(after)) => {
                let fields = changed_fields(&before.body, &after.body);
                (!fields.is_empty()).then_some(Child { object, fields })
            }
            _ => Some(Child { object, fields: Vec::new() }),
        }
    });
    differs.collect()
}

fn restarts(before: &Slots<'_>, after: &Slots<'_>) -> Vec<String> {
    let both = before.iter().filter_map(|(slot, object)| Some((slot, object, after.get(slot)?)));
    let restart = both.filter(|(_, before, after)| !changes(&before.body, &after.body).is_empty());
    restart.map(|(slot, ..)| format!("{} {}", slot.0.served().kind, slot.1)).collect()
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.presets.is_empty() && self.children.is_empty() && self.findings.is_empty() {
            return writeln!(f, "{}: nothing changes", self.service);
        }
        writeln!(f, "{}", self.service)?;
        for Replaced { from, to } in &self.presets {
            let or_none = |name: &str| if name.is_empty() { "none".to_owned() } else { name.to_owned() };
            writeln!(f, "  preset {} -> {}", or_none(from), or_none(to))?;
        }
        for Child { object, fields } in &self.children {
            let fields = if fields.is_empty() { "comes or goes".to_owned() } else { fields.join(", ") };
            writeln!(f, "  {object}: {fields}")?;
        }
        match self.restarts.as_slice() {
            [] if self.findings.is_empty() => writeln!(f, "  no pod restarts"),
            [] => Ok(()),
            workloads => writeln!(f, "  pods restart: {}", workloads.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests;
