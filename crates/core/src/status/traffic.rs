//! `GroupReady`, `GroupDegraded` and `status.router.group` (`reference/router.md §12.5`). Neither condition has a part in
//! `Ready`.

use llmisvc_api::conditions::{kind, reason};
use serde_json::{Value, json};

use super::condition::{Judgement, conditions_of};
use super::gateways::former;
use super::view::View;
use crate::traffic::{Member, Traffic};
use crate::tree;

/// What the status tells of one member.
struct Entry {
    name: String,
    stopped: bool,
    value: Value,
}

/// It holds for every member, and says how requests split.
pub(super) fn ready(view: &View<'_>) -> Option<Judgement> {
    let Some(traffic) = traffic(view) else { return undecided(view, kind::GROUP_READY) };
    let total: i64 = traffic.listed.iter().map(|listed| listed.weight).sum();
    let shares = traffic.listed.iter().map(|listed| format!("{} {}/{total}", listed.name, listed.weight));
    let mut parts = vec![format!("shares: {}", shares.collect::<Vec<_>>().join(", "))];
    let is_listed = |entry: &Entry| traffic.listed.iter().any(|listed| listed.name == entry.name);
    let others = entries(view, traffic).into_iter().filter(|entry| !is_listed(entry));
    parts.extend(others.map(|entry| match entry.stopped {
        true => format!("{} is stopped", entry.name),
        false => format!("{} gets no requests until it is ready", entry.name),
    }));
    Some(Judgement { message: parts.join("; "), ..Judgement::yes() })
}

/// There while members serve other models: those form a group of their own, since a request names its model.
pub(super) fn degraded(view: &View<'_>) -> Option<Judgement> {
    let Some(traffic) = traffic(view) else { return undecided(view, kind::GROUP_DEGRADED) };
    let differs = |m: &&Member| m.models != traffic.models && !m.stopped && !m.deleting;
    let others = traffic.members.members.iter().filter(differs);
    let others: Vec<String> = others.map(|m| format!("{} ({})", m.name, m.models.join("+"))).collect();
    if others.is_empty() {
        let known = traffic.members.unknown.is_empty();
        return if known { None } else { told(view, kind::GROUP_DEGRADED) };
    }
    let message = format!(
        "not all members of group {} serve {}: {} share no requests with this service; give them the same model name \
         and adapters, or another group",
        traffic.group,
        traffic.models.join("+"),
        others.join(", ")
    );
    Some(Judgement { reason: reason::MEMBER_DIVERGENCE.to_owned(), message, ..Judgement::yes() })
}

/// Members that serve the same models, with their declared weights, also while they are stopped (edge 32).
pub(super) fn group(view: &View<'_>) -> Value {
    let Some(traffic) = traffic(view) else { return undecided_group(view) };
    let members: Vec<Value> = entries(view, traffic).into_iter().map(|entry| entry.value).collect();
    json!({"name": traffic.group, "members": members})
}

fn traffic<'a>(view: &View<'a>) -> Option<&'a Traffic> {
    view.valid.filter(|_| !view.stopped)?.routing.traffic.as_ref()
}

/// Matching members by name; of those that nobody knows yet, what the former status told.
fn entries(view: &View<'_>, traffic: &Traffic) -> Vec<Entry> {
    let peers = traffic.members.members.iter().filter(|m| m.name != view.name && !m.deleting);
    let peers = peers.filter(|m| m.models == traffic.models);
    let mut entries: Vec<Entry> = peers.map(entry).collect();
    let me = Member {
        name: view.name.to_owned(),
        weight: traffic.weight,
        backend: traffic.backend.clone(),
        ..Member::default()
    };
    entries.push(entry(&me));
    let unknown = |name: &str| name != view.name && traffic.members.unknown.contains(name);
    let former = tree::list(view.input.service, &["status", "router", "group", "members"]).iter();
    entries.extend(former.filter(|m| unknown(tree::text(m, &["name"]))).map(|value| Entry {
        name: tree::text(value, &["name"]).to_owned(),
        stopped: tree::get(value, &["stopped"]).and_then(Value::as_bool).unwrap_or_default(),
        value: value.clone(),
    }));
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn entry(member: &Member) -> Entry {
    let Member { name, weight, stopped, backend, .. } = member;
    let mut value = json!({"name": name, "weight": weight, "backendRef": backend.reference()});
    if *stopped {
        *tree::entry(&mut value, "stopped") = json!(true);
    }
    Entry { name: name.clone(), stopped: *stopped, value }
}

/// While nothing is decided, what was said of the group stays.
fn undecided(view: &View<'_>, kind: &str) -> Option<Judgement> {
    if view.stopped || view.valid.is_some() { None } else { told(view, kind) }
}

fn told(view: &View<'_>, kind: &str) -> Option<Judgement> {
    let told = conditions_of(view.input.service).iter().any(|condition| condition.kind == kind);
    told.then(|| former(view, kind))
}

fn undecided_group(view: &View<'_>) -> Value {
    let former =
        || tree::get(view.input.service, &["status", "router", "group"]).cloned().unwrap_or_default();
    if view.stopped || view.valid.is_some() { Value::Null } else { former() }
}
