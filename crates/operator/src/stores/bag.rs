//! Objects of others that we read whole: configs, Gateways, the Services behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use llmisvc_core::facts::{Answer, Ref};
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::raw::{Raw, revision};

/// What tells two versions of an answer apart.
pub type Stamp = u64;

/// The stamp of an answer that is not an object.
pub const ABSENT: Stamp = 0;

/// An object and its stamp.
#[derive(Clone, Debug)]
pub struct Held {
    value: Arc<Value>,
    stamp: Stamp,
}

/// Objects by place.
#[derive(Debug, Default)]
pub struct Bag {
    objects: BTreeMap<Ref, Held>,
    /// Whether more than the spec counts.
    whole: bool,
}

impl Bag {
    /// One in which only a change of the spec is a change: not a finalizer, a deletion that waits, or a status.
    pub fn of_specs() -> Self {
        Self::default()
    }

    /// One in which every change counts.
    pub fn with_status() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Takes an object in; gives its place when it changed. One that is older than what is there is not taken.
    pub fn put(&mut self, raw: Raw) -> Option<Ref> {
        let place = raw.place()?;
        if self.objects.get(&place).is_some_and(|held| revision(&held.value) > raw.revision()) {
            return None;
        }
        let stamp = if self.whole {
            stamp(&raw.value, true)
        } else {
            stamp(&json!({"spec": raw.value.get("spec")}), false)
        };
        let changed = self.objects.get(&place).is_none_or(|held| held.stamp != stamp);
        self.objects.insert(place.clone(), Held { value: Arc::new(raw.value), stamp });
        changed.then_some(place)
    }

    /// Takes in the answer to a write; what the watch has shown to be gone stays gone.
    pub fn refresh(&mut self, raw: Raw) {
        if raw.place().is_some_and(|place| self.has(&place)) {
            self.put(raw);
        }
    }

    /// Whether there is an object.
    pub fn has(&self, place: &Ref) -> bool {
        self.objects.contains_key(place)
    }

    /// The places of all objects.
    pub fn places(&self) -> BTreeSet<Ref> {
        self.objects.keys().cloned().collect()
    }

    /// Forgets an object.
    pub fn remove(&mut self, place: &Ref) -> bool {
        self.objects.remove(place).is_some()
    }

    /// What a complete list did not show.
    pub fn unlisted(&self, listed: &BTreeSet<Ref>) -> BTreeSet<Ref> {
        self.objects.keys().filter(|place| !listed.contains(place)).cloned().collect()
    }

    /// The answer for a place.
    pub fn answer(&self, place: &Ref) -> (Answer, Stamp) {
        answer(self.objects.get(place))
    }

    /// The answer for the first object in `namespace` whose label has this value.
    pub fn labelled(&self, namespace: &str, label: &str, value: &str) -> (Answer, Stamp) {
        let from = Ref::new(namespace, "");
        let mut here = self.objects.range(from..).take_while(|(place, _)| place.namespace == namespace);
        let found = here.find(|(_, o)| tree::text(&o.value, &["metadata", "labels", label]) == value);
        answer(found.map(|(_, held)| held))
    }

    /// The names in a namespace, as a list.
    pub fn names(&self, namespace: &str) -> (Answer, Stamp) {
        let from = Ref::new(namespace, "");
        let here = self.objects.range(from..).take_while(|(place, _)| place.namespace == namespace);
        let names = json!(here.map(|(place, _)| place.name.as_str()).collect::<Vec<_>>());
        let mut hasher = DefaultHasher::new();
        names.to_string().hash(&mut hasher);
        (Answer::Found(Arc::new(names)), hasher.finish() | 1)
    }

    /// A label of the object at a place.
    pub fn label(&self, place: &Ref, label: &str) -> Option<String> {
        let held = self.objects.get(place)?;
        tree::get(&held.value, &["metadata", "labels", label])?.as_str().map(str::to_owned)
    }
}

fn answer(held: Option<&Held>) -> (Answer, Stamp) {
    held.map_or((Answer::Absent, ABSENT), |h| (Answer::Found(Arc::clone(&h.value)), h.stamp))
}

/// A hash of what counts about an object: never its resourceVersion, its status only when asked for.
pub fn stamp(value: &Value, status_counts: bool) -> Stamp {
    let metadata = value.get("metadata").and_then(Value::as_object).into_iter().flatten();
    let mut hasher = DefaultHasher::new();
    for (key, part) in metadata.filter(|(key, _)| *key != "resourceVersion") {
        (key, part.to_string()).hash(&mut hasher);
    }
    let rest = value.as_object().into_iter().flatten();
    for (key, part) in rest.filter(|(key, _)| *key != "metadata" && (status_counts || *key != "status")) {
        (key, part.to_string()).hash(&mut hasher);
    }
    hasher.finish() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(version: &str, model: &str, status: &str) -> Raw {
        Raw::new(json!({
            "metadata": {"name": "c", "namespace": "ns", "resourceVersion": version},
            "spec": {"model": model},
            "status": status,
        }))
    }

    #[test]
    fn a_status_change_of_a_config_is_no_change() {
        // G-4
        let mut bag = Bag::of_specs();
        assert!(bag.put(config("1", "a", "x")).is_some());
        assert!(bag.put(config("2", "a", "y")).is_none());
        let mut held = config("3", "a", "y");
        held.value["metadata"]["finalizers"] = json!(["x/y"]);
        assert!(bag.put(held).is_none());
        assert!(bag.put(config("4", "b", "y")).is_some());
    }

    #[test]
    fn an_answer_counts_before_the_watch_shows_it_and_brings_nothing_back() {
        let mut bag = Bag::of_specs();
        let place = Ref::new("ns", "c");
        let version =
            |bag: &Bag| bag.answer(&place).0.found().map(|c| c["metadata"]["resourceVersion"].clone());
        bag.put(config("1", "a", "x"));
        bag.refresh(config("3", "a", "y"));
        bag.put(config("2", "a", "x"));
        assert_eq!(version(&bag), Some(json!("3")));
        bag.remove(&place);
        bag.refresh(config("4", "a", "z"));
        assert_eq!(version(&bag), None);
    }

    #[test]
    fn a_status_change_of_a_gateway_counts() {
        let mut bag = Bag::with_status();
        assert!(bag.put(config("1", "a", "x")).is_some());
        assert!(bag.put(config("2", "a", "x")).is_none());
        assert!(bag.put(config("3", "a", "y")).is_some());
    }

    #[test]
    fn an_object_is_found_by_a_label_in_its_namespace_only() {
        let mut bag = Bag::with_status();
        let labels = json!({"gw": "g"});
        bag.put(Raw::new(json!({"metadata": {"name": "s", "namespace": "b", "labels": labels}})));
        assert!(bag.labelled("b", "gw", "g").0.found().is_some());
        assert!(bag.labelled("a", "gw", "g").0.found().is_none());
        assert!(bag.labelled("b", "gw", "h").0.found().is_none());
    }
}
