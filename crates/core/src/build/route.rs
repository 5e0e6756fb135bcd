//! HTTPRoute (`reference/router.md §6.1`, `§7.3`).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::labels::{self, Component};
use crate::names;
use crate::object::Object;
use crate::traffic;
use crate::tree;
use crate::valid::{Route, ValidService};
use crate::validate::routing::has_header;

/// Matches that a rule may have.
const MATCHES: usize = 64;

/// The managed route from the gateways to pool and Service.
pub fn route(svc: &ValidService, route: &Route) -> Object {
    let mut labels = labels::base(&svc.id.name, Component::Router);
    let name = names::route(&svc.id.name);
    let mut spec = route.spec.clone();
    if let Some(header) = route.model_header.as_deref().filter(|_| !svc.adapters.is_empty()) {
        let rules = tree::array(&mut spec, "rules");
        *rules = rules.iter().flat_map(|rule| with_adapters(svc, rule, header)).collect();
    }
    if let Some(traffic) = &svc.routing.traffic {
        labels.insert(labels::ROUTING_GROUP.to_owned(), traffic.group.clone());
        let place = (svc.id.namespace.as_str(), svc.id.name.as_str());
        traffic::rules::share(tree::array(&mut spec, "rules"), place, traffic);
    }
    Object::new(Kind::HTTPRoute, &svc.id.namespace, &name, labels, json!({"spec": spec}))
}

/// A rule with a copy of each match on the model's header for each adapter, as several rules where one would
/// have too many matches (edge 26).
fn with_adapters(svc: &ValidService, rule: &Value, header: &str) -> Vec<Value> {
    let own = tree::list(rule, &["matches"]);
    let by_model = own.iter().filter(|m| has_header(m, header));
    let copies = by_model.flat_map(|m| svc.adapters.iter().map(move |adapter| (m, adapter)));
    let copies = copies.map(|(m, adapter)| for_adapter(m, header, &svc.id.namespace, adapter));
    let all: Vec<Value> = own.iter().cloned().chain(copies).collect();
    if all.len() <= MATCHES {
        return vec![with_matches(rule, &all, 0)];
    }
    all.chunks(MATCHES).enumerate().map(|(index, matches)| with_matches(rule, matches, index)).collect()
}

fn for_adapter(rule_match: &Value, header: &str, namespace: &str, adapter: &str) -> Value {
    let mut copy = rule_match.clone();
    for condition in tree::array(&mut copy, "headers") {
        if tree::text(condition, &["name"]).eq_ignore_ascii_case(header) {
            *tree::entry(condition, "value") = json!(format!("publishers/{namespace}/models/{adapter}"));
        }
    }
    copy
}

fn with_matches(rule: &Value, matches: &[Value], index: usize) -> Value {
    let mut rule = rule.clone();
    if !matches.is_empty() {
        *tree::entry(&mut rule, "matches") = json!(matches);
    }
    let name = tree::text(&rule, &["name"]).to_owned();
    if index > 0 && !name.is_empty() {
        *tree::entry(&mut rule, "name") = json!(format!("{name}-{}", index + 1));
    }
    rule
}
