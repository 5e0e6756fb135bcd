//! Configs, who depends on them and who uses them.

use std::collections::BTreeSet;
use std::sync::Arc;

use llmisvc_core::config::Claims;
use llmisvc_core::facts::{Answer, Key, Ref};
use serde_json::Value;

use super::raw::Raw;
use super::{Stores, lock};

impl Stores {
    /// Its own turn comes on every change; the services look again when its spec changed, and the configs that it
    /// shadows when it is new.
    pub(super) fn put_config(&self, raw: Raw) -> BTreeSet<Ref> {
        let Some(place) = raw.place() else { return BTreeSet::new() };
        let known = lock(&self.configs).has(&place);
        let changed = lock(&self.configs).put(raw);
        let due = if known { BTreeSet::from([place]) } else { lock(&self.usage).rivals(&place) };
        self.configs_due.add_all(due);
        self.config_shown.send_replace(());
        changed.map_or_else(BTreeSet::new, |place| self.config_dependents(&place))
    }

    /// Notes what a service claims of configs.
    pub(super) fn claim(&self, service: &Raw) {
        let Some(place) = service.place() else { return };
        let claims = Claims::of(&service.value, &self.view().cluster);
        self.configs_due.add_all(lock(&self.usage).put(place, service.revision(), claims));
    }

    /// A config as it was seen last.
    pub fn config(&self, place: &Ref) -> Option<Arc<Value>> {
        match lock(&self.configs).answer(place).0 {
            Answer::Found(config) => Some(config),
            _ => None,
        }
    }

    /// The places of all configs.
    pub fn config_places(&self) -> BTreeSet<Ref> {
        lock(&self.configs).places()
    }

    /// Returns once the watch has shown a config at each of these places.
    pub async fn have_configs(&self, places: &BTreeSet<Ref>) {
        let all = |(): &()| places.is_subset(&self.config_places());
        let waited = self.config_shown.subscribe().wait_for(all).await.map(drop);
        waited.expect("the sender lives as long as the stores");
    }

    /// The services that use a config.
    pub fn users(&self, config: &Ref) -> BTreeSet<Ref> {
        let configs = lock(&self.configs);
        lock(&self.usage).users(config, |place| configs.has(place))
    }

    /// Takes in the answer to a write of a config.
    pub fn refresh_config(&self, answer: Value) {
        lock(&self.configs).refresh(Raw::new(answer));
    }

    /// Who uses a config, and who was told which names there are.
    pub(super) fn config_dependents(&self, place: &Ref) -> BTreeSet<Ref> {
        let names = self.dependents(&Key::ConfigNames(place.namespace.clone()));
        self.dependents(&Key::Config(place.clone())).into_iter().chain(names).collect()
    }
}
