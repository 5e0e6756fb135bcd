//! What each service claims of configs, as of its newest version that was seen: known before the first pass.

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_core::config::Claims;
use llmisvc_core::facts::Ref;

#[derive(Debug)]
struct Entry {
    revision: u64,
    claims: Claims,
}

/// Claims by service.
#[derive(Debug, Default)]
pub struct Usage {
    entries: BTreeMap<Ref, Entry>,
}

impl Usage {
    /// Takes in the claims of a version of a service; gives the configs whose use may have changed.
    pub fn put(&mut self, service: Ref, revision: u64, claims: Claims) -> BTreeSet<Ref> {
        let known = self.entries.get(&service);
        if known.is_some_and(|k| k.revision > revision) {
            return BTreeSet::new();
        }
        let before = known.map(|k| k.claims.clone()).unwrap_or_default();
        let changed = if before == claims { BTreeSet::new() } else { places([&before, &claims]) };
        self.entries.insert(service, Entry { revision, claims });
        changed
    }

    /// Forgets a service; gives the configs that it claimed.
    pub fn remove(&mut self, service: &Ref) -> BTreeSet<Ref> {
        self.entries.remove(service).map(|entry| places([&entry.claims])).unwrap_or_default()
    }

    /// The services that use a config. `exists` says which configs there are.
    pub fn users(&self, config: &Ref, exists: impl Fn(&Ref) -> bool) -> BTreeSet<Ref> {
        let users = self.entries.iter().filter(|(_, entry)| entry.claims.uses(config, &exists));
        users.map(|(service, _)| service.clone()).collect()
    }

    /// The configs whose use depends on whether this one exists, itself among them.
    pub fn rivals(&self, config: &Ref) -> BTreeSet<Ref> {
        let rivals = self.entries.values().flat_map(|entry| entry.claims.rivals(config));
        rivals.chain([config]).cloned().collect()
    }
}

fn places<const N: usize>(claims: [&Claims; N]) -> BTreeSet<Ref> {
    claims.into_iter().flat_map(Claims::places).cloned().collect()
}
