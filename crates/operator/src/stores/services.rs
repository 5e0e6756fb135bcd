//! The services, as compact text.

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_core::facts::Ref;
use serde_json::Value;

use super::bag::{Stamp, stamp};
use super::raw::Raw;

#[derive(Debug)]
struct Entry {
    revision: u64,
    /// Of all but status and resourceVersion: our own status writes cause no work.
    stamp: Stamp,
    json: Box<str>,
}

/// Every service by place.
#[derive(Debug, Default)]
pub struct Services {
    entries: BTreeMap<Ref, Entry>,
}

impl Services {
    /// Takes a service in; gives its place when something changed that is not its status.
    pub fn put(&mut self, raw: &Raw) -> Option<Ref> {
        let Some(place) = raw.place() else {
            tracing::warn!("skipped a service without a name");
            return None;
        };
        let entry = Entry {
            revision: raw.revision(),
            stamp: stamp(&raw.value, false),
            json: raw.value.to_string().into(),
        };
        let known = self.entries.get(&place);
        if known.is_some_and(|k| k.revision > entry.revision) {
            return None;
        }
        let changed = known.is_none_or(|k| k.stamp != entry.stamp);
        self.entries.insert(place.clone(), entry);
        changed.then_some(place)
    }

    /// Forgets a service.
    pub fn remove(&mut self, place: &Ref) -> bool {
        self.entries.remove(place).is_some()
    }

    /// What a complete list did not show.
    pub fn unlisted(&self, listed: &BTreeSet<Ref>) -> BTreeSet<Ref> {
        self.entries.keys().filter(|place| !listed.contains(place)).cloned().collect()
    }

    /// Takes in the answer to a write; says whether it brings more than the status. A service that the watch has shown
    /// to be gone stays gone: its children would be made again and again; none then.
    pub fn refresh(&mut self, raw: &Raw) -> Option<bool> {
        let known = raw.place().is_some_and(|place| self.entries.contains_key(&place));
        known.then(|| self.put(raw).is_some())
    }

    /// A service and the stamp of all but its status.
    pub fn get(&self, place: &Ref) -> Option<(Value, Stamp)> {
        let entry = self.entries.get(place)?;
        Some((serde_json::from_str(&entry.json).ok()?, entry.stamp))
    }

    /// The places of the services of a namespace.
    pub fn places_in(&self, namespace: &str) -> Vec<Ref> {
        let from = self.entries.range(Ref::new(namespace, "")..);
        from.map(|(place, _)| place).take_while(|place| place.namespace == namespace).cloned().collect()
    }

    /// The places of all services.
    pub fn places(&self) -> Vec<Ref> {
        self.entries.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(revision: &str, model: &str, ready: bool) -> Raw {
        Raw::new(json!({
            "metadata": {"name": "m", "namespace": "ns", "resourceVersion": revision},
            "spec": {"model": model},
            "status": {"ready": ready},
        }))
    }

    #[test]
    fn a_status_write_of_our_own_causes_no_work() {
        let mut services = Services::default();
        assert!(services.put(&service("1", "a", false)).is_some());
        assert!(services.put(&service("2", "a", true)).is_none());
        assert_eq!(services.get(&Ref::new("ns", "m")).unwrap().0["status"]["ready"], true);
    }

    #[test]
    fn the_late_answer_to_a_write_does_not_bring_a_deleted_service_back() {
        let mut services = Services::default();
        services.put(&service("5", "a", false));
        services.refresh(&service("6", "a", true));
        assert_eq!(services.get(&Ref::new("ns", "m")).unwrap().0["status"]["ready"], true);
        services.remove(&Ref::new("ns", "m"));
        services.refresh(&service("7", "a", false));
        assert!(services.get(&Ref::new("ns", "m")).is_none());
    }

    #[test]
    fn an_older_revision_is_not_taken() {
        let mut services = Services::default();
        services.put(&service("5", "a", true));
        assert!(services.put(&service("4", "b", false)).is_none());
        assert_eq!(services.get(&Ref::new("ns", "m")).unwrap().0["spec"]["model"], "a");
    }
}
