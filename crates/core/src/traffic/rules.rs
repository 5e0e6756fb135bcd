//! The shared rules of a route (`reference/router.md §12.4`).

use serde_json::{Value, json};

use super::{Backend, Listed, Members, Traffic};
use crate::names;
use crate::tree;

/// Lists all members in the rules that the service shares with them, each on its own kind of backend: pools where the
/// rule leads to the service's pool, Services where it leads to its Service (edge 31).
pub fn share(rules: &mut [Value], place: (&str, &str), traffic: &Traffic) {
    for rule in rules.iter_mut().filter(|rule| !is_private(rule, place)) {
        let own = tree::list(rule, &["backendRefs"]).iter();
        let own = own.filter(|r| is_own(&Backend::named(r), place.1, traffic)).cloned().next();
        if let Some(own) = own {
            let refs: Vec<Value> = traffic.listed.iter().map(|member| reference(&own, member)).collect();
            *tree::entry(rule, "backendRefs") = json!(refs);
        }
    }
}

/// Rules below `/namespace/name` belong to one service.
fn is_private(rule: &Value, (namespace, name): (&str, &str)) -> bool {
    let own = format!("/{namespace}/{name}");
    let mut paths = tree::list(rule, &["matches"]).iter().map(|m| tree::text(m, &["path", "value"]));
    paths.any(|path| path.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn is_own(backend: &Backend, name: &str, traffic: &Traffic) -> bool {
    backend.is(&traffic.backend) || backend.is(&Backend::service(name))
}

/// The service's own reference, with the member's backend and weight.
fn reference(own: &Value, member: &Listed) -> Value {
    let service = || Backend::service(&member.name);
    let backend = if is_for_pools(own) { member.backend.clone() } else { service() };
    let mut reference = own.clone();
    *tree::entry(&mut reference, "kind") = json!(backend.kind);
    *tree::entry(&mut reference, "name") = json!(backend.name);
    *tree::entry(&mut reference, "weight") = json!(member.weight);
    if own.get("group").is_some() {
        *tree::entry(&mut reference, "group") = json!(backend.group);
    }
    reference
}

/// It leads to a pool, or to what takes its place without a scheduler: that one names the core group, which a reference
/// that always led to the Service leaves out. So the rules of all members are the same, whoever has a pool.
fn is_for_pools(own: &Value) -> bool {
    own.get("group").is_some()
}

/// What the shared rules of a live route list, as far as it can be told whose it is: by the names of what we make, and
/// by the backends that the service's status tells.
pub fn listed(route: &Value, service: &Value, members: &Members) -> Vec<Listed> {
    let place = (tree::text(service, &["metadata", "namespace"]), tree::text(service, &["metadata", "name"]));
    let rules = tree::list(route, &["spec", "rules"]).iter().filter(|rule| !is_private(rule, place));
    let refs: Vec<&Value> = rules.flat_map(|rule| tree::list(rule, &["backendRefs"])).collect();
    let told = told(service);
    let owner = |backend: &Backend| owner(backend, place.1, members, &told);
    let mut listed: Vec<Listed> = Vec::new();
    for reference in refs {
        let backend = Backend::named(reference);
        let Some(name) = owner(&backend) else { continue };
        let weight = tree::get(reference, &["weight"]).and_then(Value::as_i64).unwrap_or(1);
        match listed.iter_mut().find(|l| l.name == name) {
            // A pool says more than the Service behind it.
            Some(known) if known.backend.kind == "Service" => known.backend = backend,
            Some(_) => {}
            None => listed.push(Listed { name, weight, backend }),
        }
    }
    listed
}

/// Backends by member, from the status of the service.
fn told(service: &Value) -> Vec<(String, Backend)> {
    let members = tree::list(service, &["status", "router", "group", "members"]).iter();
    let named = |m: &Value| {
        let backend = Backend::named(m.get("backendRef")?);
        Some((tree::text(m, &["name"]).to_owned(), backend))
    };
    members.filter_map(named).collect()
}

fn owner(backend: &Backend, me: &str, members: &Members, told: &[(String, Backend)]) -> Option<String> {
    let known =
        members.members.iter().map(|m| m.name.as_str()).chain(members.unknown.iter().map(String::as_str));
    let mut all = known.chain([me]);
    let makes = |name: &&str| {
        backend.is(&Backend::service(name)) || backend.is(&Backend::pool("", &names::inference_pool(name)))
    };
    let by_name = all.find(makes).map(str::to_owned);
    let published = || members.members.iter().find(|m| m.backend.is(backend)).map(|m| m.name.clone());
    let by_status = || told.iter().find(|(_, b)| b.is(backend)).map(|(name, _)| name.clone());
    by_name.or_else(published).or_else(by_status)
}
