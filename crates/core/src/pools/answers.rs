//! What gateways say about a route and about a pool, for the generation that there is now.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Group;
use crate::facts::Ref;
use crate::tree;
use crate::validate::routing::{gateway_of, parent_gateways};

/// Where a route leads, and what its gateways say about that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    /// Groups of the pool in the backends of the route.
    pub groups: BTreeSet<Group>,
    /// Gateways that the route names.
    pub gateways: BTreeSet<Ref>,
    /// Those that have found every backend.
    pub known: BTreeSet<Ref>,
    /// Those that do not know the kind of the pool.
    pub refused: BTreeSet<Ref>,
    /// Those that have taken the route and found every backend.
    pub settled: BTreeSet<Ref>,
}

impl Lead {
    /// Reads a live HTTPRoute, for the pool of this name.
    pub fn of(route: &Value, namespace: &str, pool: &str) -> Self {
        let spec = tree::get(route, &["spec"]).unwrap_or(&Value::Null);
        let mut lead = Self {
            groups: groups(spec, pool),
            gateways: parent_gateways(spec, namespace),
            ..Self::default()
        };
        let is_ours = has_one_kind(spec);
        let generation = generation(route);
        for answer in tree::list(route, &["status", "parents"]) {
            let gateway = answer.get("parentRef").and_then(|parent| gateway_of(parent, namespace));
            if let Some(gateway) = gateway.filter(|gateway| lead.gateways.contains(gateway)) {
                lead.hear(gateway, answer, generation, is_ours);
            }
        }
        lead
    }

    /// An answer that something is no known kind is about our pool only where there is nothing else that it could be
    /// about (edge 23). Any other reason, a missing backend say, tells nothing about kinds (edge 22).
    fn hear(&mut self, gateway: Ref, answer: &Value, generation: i64, is_ours: bool) {
        let Some(resolved) = current(answer, "ResolvedRefs", generation) else { return };
        match (tree::text(resolved, &["status"]), tree::text(resolved, &["reason"])) {
            ("True", _) => {
                if holds(answer, "Accepted", generation) {
                    self.settled.insert(gateway.clone());
                }
                self.known.insert(gateway);
            }
            ("False", "InvalidKind") if is_ours => {
                self.refused.insert(gateway);
            }
            _ => {}
        }
    }

    /// Every gateway has taken the route.
    pub fn is_settled(&self) -> bool {
        self.settled == self.gateways
    }
}

/// Gateways that have taken a pool.
pub fn accepted(pool: &Value, namespace: &str) -> BTreeSet<Ref> {
    let generation = generation(pool);
    let parents = parents(pool).filter(|parent| holds(parent, "Accepted", generation));
    parents.filter_map(|parent| gateway_of(parent.get("parentRef")?, namespace)).collect()
}

/// Entries of the status of a pool; the older group calls the list `parent`.
pub fn parents(pool: &Value) -> impl Iterator<Item = &Value> {
    ["parents", "parent"].into_iter().flat_map(|list| tree::list(pool, &["status", list]))
}

/// The groups in which an HTTPRoute spec leads to the pool of this name.
pub fn groups(spec: &Value, pool: &str) -> BTreeSet<Group> {
    let named = backends(spec).filter(|b| is_pool(b) && tree::text(b, &["name"]) == pool);
    named.filter_map(|b| Group::named(tree::text(b, &["group"]))).collect()
}

/// Rewrites the group of every backend that is the pool of this name.
pub fn lead_to(spec: &mut Value, pool: &str, group: Group) {
    for rule in tree::array(spec, "rules") {
        let backends = rule.get_mut("backendRefs").and_then(Value::as_array_mut).into_iter().flatten();
        for backend in backends.filter(|b| is_pool(b) && tree::text(b, &["name"]) == pool) {
            *tree::entry(backend, "group") = group.name().into();
        }
    }
}

fn is_pool(backend: &Value) -> bool {
    tree::text(backend, &["kind"]) == "InferencePool"
}

fn backends(spec: &Value) -> impl Iterator<Item = &Value> {
    tree::list(spec, &["rules"]).iter().flat_map(|rule| tree::list(rule, &["backendRefs"]))
}

/// All backends that are no Services, mirrors included, are of one group and kind.
fn has_one_kind(spec: &Value) -> bool {
    let rules = tree::list(spec, &["rules"]).iter();
    let filters = rules.flat_map(|rule| tree::list(rule, &["filters"]));
    let filters = filters.chain(backends(spec).flat_map(|backend| tree::list(backend, &["filters"])));
    let mirrors = filters.filter_map(|filter| tree::get(filter, &["requestMirror", "backendRef"]));
    let kinds = backends(spec).chain(mirrors).map(|b| (tree::text(b, &["group"]), tree::text(b, &["kind"])));
    kinds.filter(|kind| !matches!(kind, ("", "" | "Service"))).collect::<BTreeSet<_>>().len() == 1
}

fn holds(answer: &Value, kind: &str, generation: i64) -> bool {
    current(answer, kind, generation).is_some_and(|c| tree::text(c, &["status"]) == "True")
}

/// A condition that speaks of this generation; one that does not say of which could be about another group.
fn current<'a>(answer: &'a Value, kind: &str, generation: i64) -> Option<&'a Value> {
    let found = tree::list(answer, &["conditions"]).iter().find(|c| tree::text(c, &["type"]) == kind)?;
    let observed = tree::get(found, &["observedGeneration"]).and_then(Value::as_i64).unwrap_or_default();
    (observed >= generation).then_some(found)
}

fn generation(object: &Value) -> i64 {
    tree::get(object, &["metadata", "generation"]).and_then(Value::as_i64).unwrap_or_default()
}
