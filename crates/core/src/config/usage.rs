//! What a service uses: a function of the service as the watch shows it, so that it is known before the first pass.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::facts::{Cluster, Ref};
use crate::resolve::{aliases, implicit, lookup, preset_names};
use crate::tree;

/// The configs that a service holds on to. Each claim is a list of places in the order of the lookup, and the first
/// that exists is used; so a config that is shadowed by one in the service's namespace is not (edge E-41).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(Vec<Vec<Ref>>);

impl Claims {
    /// What was merged the last time, every name in `spec.baseRefs`, every pinned preset; and as long as nothing has
    /// been merged, the presets that the spec asks for by itself. A service that is deleted claims nothing: it needs
    /// no config to go.
    pub fn of(service: &Value, cluster: &Cluster) -> Self {
        if tree::get(service, &["metadata", "deletionTimestamp"]).is_some() {
            return Self::default();
        }
        let applied = applied(service);
        let known: BTreeSet<&str> = applied.iter().map(|config| config.name.as_str()).collect();
        let named = names(service, cluster, applied.is_empty());
        let named =
            named.into_iter().filter(|names| !names.first().is_some_and(|n| known.contains(n.as_str())));
        let named: Vec<Vec<Ref>> = named.map(|names| lookup(service, cluster, &names)).collect();
        Self(applied.iter().map(|config| vec![config.clone()]).chain(named).collect())
    }

    /// Whether the config is used. `exists` says which configs there are.
    pub fn uses(&self, config: &Ref, exists: impl Fn(&Ref) -> bool) -> bool {
        let here = self.0.iter().filter(|claim| claim.contains(config));
        here.into_iter().any(|claim| claim.iter().find(|place| exists(place)) == Some(config))
    }

    /// Every place where a claim looks.
    pub fn places(&self) -> BTreeSet<&Ref> {
        self.0.iter().flatten().collect()
    }

    /// The places of those claims that look at `config`, too: whether these are used depends on whether it exists.
    pub fn rivals(&self, config: &Ref) -> BTreeSet<&Ref> {
        self.0.iter().filter(|claim| claim.contains(config)).flatten().collect()
    }
}

fn applied(service: &Value) -> Vec<Ref> {
    let list = tree::list(service, &["status", "appliedConfigs"]).iter();
    list.map(|c| Ref::new(tree::text(c, &["namespace"]), tree::text(c, &["name"]))).collect()
}

/// Names that are looked for one after the other, for each base ref, pin and preset.
fn names(service: &Value, cluster: &Cluster, unmerged: bool) -> Vec<Vec<String>> {
    let refs = tree::list(service, &["spec", "baseRefs"]).iter().map(|r| tree::text(r, &["name"]));
    let refs = refs.filter(|name| !name.is_empty()).map(|name| aliases(cluster, name));
    let pins: BTreeMap<String, String> = tree::strings(service, &["status", "annotations"]);
    let pins = pins.into_values().filter(|name| !name.is_empty()).map(|name| vec![name]);
    let spec = service.get("spec").filter(|_| unmerged);
    let presets = spec.map(implicit).unwrap_or_default().into_iter();
    let presets = presets.map(|preset| preset_names(service, cluster, preset));
    refs.chain(pins).chain(presets).collect()
}
