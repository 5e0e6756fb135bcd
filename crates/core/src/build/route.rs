//! HTTPRoutes (`reference/router.md §6.1`, `§7.3`).
//!
//! Everything that leads to the model leads to its LoRA adapters too, by header and by publisher path (edge 26). What
//! does not fit into one HTTPRoute goes on in further ones.

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::labels::{self, Component};
use crate::names;
use crate::object::Object;
use crate::traffic;
use crate::tree;
use crate::valid::{Route, ValidService};
use crate::validate::routing::has_header;

/// Rules that a route may have.
const RULES: usize = 16;
/// Matches that a rule may have.
const MATCHES: usize = 64;
/// Matches that the rules of a route may have together.
const ALL_MATCHES: usize = 128;

/// The managed routes from the gateways to pool and Service; one, unless there are many adapters.
pub fn routes(svc: &ValidService, route: &Route) -> Vec<Object> {
    let (own, further) = rules(svc, route);
    let mut routes = split(own);
    if !further.is_empty() {
        routes.extend(split(further));
    }
    routes.into_iter().enumerate().map(|(index, rules)| object(svc, route, index, rules)).collect()
}

fn object(svc: &ValidService, route: &Route, index: usize, rules: Vec<Value>) -> Object {
    let mut labels = labels::base(&svc.id.name, Component::Router);
    let name = names::route_part(&svc.id.name, index);
    let mut spec = route.spec.clone();
    if !rules.is_empty() {
        *tree::entry(&mut spec, "rules") = Value::Array(rules);
    }
    if let Some(traffic) = &svc.routing.traffic {
        labels.insert(labels::ROUTING_GROUP.to_owned(), traffic.group.clone());
        let place = (svc.id.namespace.as_str(), svc.id.name.as_str());
        traffic::rules::share(tree::array(&mut spec, "rules"), place, traffic);
    }
    Object::new(Kind::HTTPRoute, &svc.id.namespace, &name, labels, json!({"spec": spec}))
}

/// The rules of the spec, in their order, and those that adapters need besides.
fn rules(svc: &ValidService, route: &Route) -> (Vec<Value>, Vec<Value>) {
    let own = tree::list(&route.spec, &["rules"]);
    let (mut rules, mut further) = (Vec::new(), Vec::new());
    if svc.adapters.is_empty() {
        return (own.to_vec(), further);
    }
    for rule in own {
        let mut by_header = with_adapters(svc, rule, route.model_header.as_deref()).into_iter();
        rules.extend(by_header.next());
        further.extend(by_header);
    }
    for index in 0..svc.adapters.len() {
        further.extend(own.iter().filter_map(|rule| publisher_rule(svc, rule, index)));
    }
    (rules, further)
}

/// A rule with a copy of each match on the model's header for each adapter, as several rules where one would
/// have too many matches.
fn with_adapters(svc: &ValidService, rule: &Value, header: Option<&str>) -> Vec<Value> {
    let Some(header) = header else { return vec![rule.clone()] };
    let own = tree::list(rule, &["matches"]);
    let by_model = own.iter().filter(|m| has_header(m, header));
    let copies = by_model.flat_map(|m| svc.adapters.iter().map(move |adapter| (m, adapter)));
    let copies = copies.map(|(m, adapter)| for_adapter(m, header, &svc.id.namespace, adapter));
    let all: Vec<Value> = own.iter().cloned().chain(copies).collect();
    if all.len() <= MATCHES {
        return vec![with_matches(rule, &all, "")];
    }
    let suffix = |index: usize| if index > 0 { format!("-{}", index + 1) } else { String::new() };
    all.chunks(MATCHES)
        .enumerate()
        .map(|(index, matches)| with_matches(rule, matches, &suffix(index)))
        .collect()
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

/// The rule for an adapter's publisher path, where the rule has the model's. It stands by itself, since a rule that
/// replaces a prefix may have one match only.
fn publisher_rule(svc: &ValidService, rule: &Value, index: usize) -> Option<Value> {
    let path = |model: &str| format!("/publishers/{}/models/{model}", svc.id.namespace);
    let (from, to) = (path(&svc.model), path(svc.adapters.get(index)?));
    let matches = tree::list(rule, &["matches"]).iter().filter_map(|m| with_prefix(m, &from, &to));
    let matches: Vec<Value> = matches.collect();
    (!matches.is_empty()).then(|| with_matches(rule, &matches, &format!("-lora-{}", index + 1)))
}

fn with_prefix(rule_match: &Value, from: &str, to: &str) -> Option<Value> {
    let rest = tree::text(rule_match, &["path", "value"]).strip_prefix(from)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let mut copy = rule_match.clone();
    *tree::entry(tree::entry(&mut copy, "path"), "value") = json!(format!("{to}{rest}"));
    Some(copy)
}

fn with_matches(rule: &Value, matches: &[Value], suffix: &str) -> Value {
    let mut rule = rule.clone();
    if !matches.is_empty() {
        *tree::entry(&mut rule, "matches") = json!(matches);
    }
    let name = tree::text(&rule, &["name"]).to_owned();
    if !name.is_empty() && !suffix.is_empty() {
        *tree::entry(&mut rule, "name") = json!(format!("{name}{suffix}"));
    }
    rule
}

/// Puts rules into as few routes as their limits allow, in their order; at least one.
fn split(rules: Vec<Value>) -> Vec<Vec<Value>> {
    let mut routes: Vec<Vec<Value>> = vec![Vec::new()];
    let mut matches = 0;
    for rule in rules {
        // No matches are one: everything.
        let more = tree::list(&rule, &["matches"]).len().max(1);
        let count = routes.last().map_or(0, Vec::len);
        let is_full = count >= RULES || matches + more > ALL_MATCHES;
        if is_full && count > 0 {
            routes.push(Vec::new());
            matches = 0;
        }
        matches += more;
        if let Some(last) = routes.last_mut() {
            last.push(rule);
        }
    }
    routes
}
