//! Which services of a namespace publish the same model name.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use llmisvc_core::facts::{Answer, Ref};
use llmisvc_core::namesakes::Published;
use serde_json::json;

use super::bag::{ABSENT, Stamp};

#[derive(Debug)]
struct Entry {
    revision: u64,
    published: Published,
}

/// What services publish, and by whom each name is published; a name contains its namespace.
#[derive(Debug, Default)]
pub struct Namesakes {
    entries: BTreeMap<Ref, Entry>,
    by_name: BTreeMap<String, BTreeSet<Ref>>,
}

impl Namesakes {
    /// Takes in what a version of a service publishes; gives the services that may have other namesakes now.
    pub fn put(&mut self, service: &Ref, revision: u64, published: Published) -> BTreeSet<Ref> {
        let known = self.entries.get(service);
        if known.is_some_and(|known| known.revision > revision) {
            return BTreeSet::new();
        }
        let same = known.map_or(published == Published::default(), |known| known.published == published);
        let mut touched = if same { BTreeSet::new() } else { self.remove(service) };
        if !same {
            for name in &published.names {
                self.by_name.entry(name.clone()).or_default().insert(service.clone());
            }
            touched.extend(self.sharing(&published));
        }
        self.entries.insert(service.clone(), Entry { revision, published });
        touched
    }

    /// Forgets a service; gives those that may have other namesakes now.
    pub fn remove(&mut self, service: &Ref) -> BTreeSet<Ref> {
        let Some(Entry { published, .. }) = self.entries.remove(service) else { return BTreeSet::new() };
        let touched = self.sharing(&published);
        for name in &published.names {
            if let Some(services) = self.by_name.get_mut(name) {
                services.remove(service);
                if services.is_empty() {
                    self.by_name.remove(name);
                }
            }
        }
        touched
    }

    fn sharing(&self, published: &Published) -> BTreeSet<Ref> {
        published.names.iter().filter_map(|name| self.by_name.get(name)).flatten().cloned().collect()
    }

    /// Names of the others that publish one of this service's names on their own; absent when there are none.
    pub fn answer(&self, service: &Ref) -> (Answer, Stamp) {
        let Some(own) = self.entries.get(service).map(|entry| &entry.published) else {
            return (Answer::Absent, ABSENT);
        };
        let apart = |other: &Ref| {
            other != service && self.entries.get(other).is_some_and(|it| !it.published.shares_with(own))
        };
        let names: Vec<String> =
            self.sharing(own).into_iter().filter(apart).map(|other| other.name).collect();
        if names.is_empty() {
            return (Answer::Absent, ABSENT);
        }
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        (Answer::Found(Arc::new(json!(names))), hasher.finish() | 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn m(name: &str) -> Ref {
        Ref::new("ns", name)
    }

    fn publishing(names: &[&str], group: Option<&str>) -> Published {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Published { names, group: group.map(str::to_owned) }
    }

    fn others(namesakes: &Namesakes, of: &str) -> Vec<String> {
        let (answer, stamp) = namesakes.answer(&m(of));
        assert_eq!(answer == Answer::Absent, stamp == ABSENT);
        answer.found().map(|names| serde_json::from_value(names.clone()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn who_comes_changes_its_name_or_goes_concerns_its_namesakes_and_no_others() {
        let mut namesakes = Namesakes::default();
        assert_eq!(namesakes.put(&m("a"), 1, publishing(&["x"], None)), [m("a")].into());
        assert_eq!(namesakes.put(&m("c"), 1, publishing(&["z"], None)), [m("c")].into());
        assert_eq!(namesakes.put(&m("b"), 1, publishing(&["x", "y"], None)), [m("a"), m("b")].into());
        assert_eq!((others(&namesakes, "a"), others(&namesakes, "c")), (vec!["b".to_owned()], Vec::new()));
        assert_eq!(namesakes.put(&m("b"), 2, publishing(&["x", "y"], None)), BTreeSet::new());
        assert_eq!(namesakes.put(&m("b"), 3, publishing(&["z"], None)), [m("a"), m("b"), m("c")].into());
        assert_eq!(others(&namesakes, "a"), [""; 0]);
        assert_eq!(namesakes.put(&m("b"), 2, publishing(&["x"], None)), BTreeSet::new(), "an older version");
        assert_eq!(namesakes.remove(&m("b")), [m("b"), m("c")].into());
        assert_eq!(others(&namesakes, "c"), [""; 0]);
    }

    #[test]
    fn members_of_a_group_are_no_namesakes() {
        let mut namesakes = Namesakes::default();
        namesakes.put(&m("a"), 1, publishing(&["x"], Some("g")));
        namesakes.put(&m("b"), 1, publishing(&["x"], Some("g")));
        assert_eq!(others(&namesakes, "a"), [""; 0]);
        assert_eq!(namesakes.put(&m("b"), 2, publishing(&["x"], None)), [m("a"), m("b")].into());
        assert_eq!(others(&namesakes, "a"), ["b"]);
    }
}
