//! Which services depend on what: built from the keys of their last pass, absent ones among them.

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_core::facts::{Key, Ref};

/// Keys to services and back.
#[derive(Debug, Default)]
pub struct Index {
    dependents: BTreeMap<Key, BTreeSet<Ref>>,
    keys: BTreeMap<Ref, BTreeSet<Key>>,
}

impl Index {
    /// Notes a dependency before its answer is read, so that no change is missed in between.
    pub fn add(&mut self, service: &Ref, key: &Key) {
        self.dependents.entry(key.clone()).or_default().insert(service.clone());
        self.keys.entry(service.clone()).or_default().insert(key.clone());
    }

    /// Replaces the dependencies of a service; gives the keys that nobody depends on any more.
    pub fn set(&mut self, service: &Ref, keys: &BTreeSet<Key>) -> Vec<Key> {
        let old = self.keys.insert(service.clone(), keys.clone()).unwrap_or_default();
        if keys.is_empty() {
            self.keys.remove(service);
        }
        for key in keys.difference(&old) {
            self.dependents.entry(key.clone()).or_default().insert(service.clone());
        }
        old.difference(keys).filter(|key| self.drop_dependent(key, service)).cloned().collect()
    }

    fn drop_dependent(&mut self, key: &Key, service: &Ref) -> bool {
        let Some(services) = self.dependents.get_mut(key) else { return true };
        services.remove(service);
        let unused = services.is_empty();
        if unused {
            self.dependents.remove(key);
        }
        unused
    }

    /// The services that depend on a key.
    pub fn dependents(&self, key: &Key) -> Vec<Ref> {
        self.dependents.get(key).into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::Config(Ref::new("ns", name))
    }

    #[test]
    fn a_key_without_dependents_is_given_back_once() {
        let (a, b) = (Ref::new("ns", "a"), Ref::new("ns", "b"));
        let mut index = Index::default();
        index.set(&a, &BTreeSet::from([key("x"), key("y")]));
        index.set(&b, &BTreeSet::from([key("x")]));
        assert_eq!(index.set(&a, &BTreeSet::new()), [key("y")]);
        assert_eq!(index.dependents(&key("x")), std::slice::from_ref(&b));
        assert_eq!(index.set(&b, &BTreeSet::new()), [key("x")]);
        assert!(index.dependents(&key("x")).is_empty());
    }

    #[test]
    fn a_dependency_counts_from_before_its_answer_is_read() {
        let a = Ref::new("ns", "a");
        let mut index = Index::default();
        index.add(&a, &key("x"));
        assert_eq!(index.dependents(&key("x")), [a]);
    }
}
