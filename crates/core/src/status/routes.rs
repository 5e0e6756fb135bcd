//! HTTPRoutesReady (`reference/router.md §13.1`, `§13.8`).

use std::collections::BTreeSet;

use llmisvc_api::conditions::{kind, reason};
use serde_json::Value;

use super::condition::Judgement;
use super::gateways::{former, is_missing, is_stale, missing};
use super::view::{Sight, View};
use super::ways::Route;
use crate::facts::Ref;
use crate::tree;
use crate::validate::routing::GATEWAY_GROUP;

/// None when the service has no route.
pub(super) fn judge(view: &View<'_>) -> Option<Judgement> {
    if view.routes.is_empty() {
        return None;
    }
    let invalid = each_once(view.routes.iter().flat_map(|r| invalid(view, r)));
    let unready: Vec<String> = view.routes.iter().filter_map(unready).collect();
    let unreadable: Vec<String> = view.routes.iter().filter_map(unreadable).collect();
    Some(match () {
        () if !invalid.is_empty() => Judgement::no(reason::REFS_INVALID, invalid.join("; ")),
        () if !unready.is_empty() => Judgement::no(reason::HTTP_ROUTES_NOT_READY, unready.join("; ")),
        () if !unreadable.is_empty() => {
            Judgement::unknown(reason::HTTP_ROUTE_FETCH_ERROR, unreadable.join("; "))
        }
        () if view.routes.iter().any(|r| matches!(r.sight, Sight::Unasked)) => {
            former(view, kind::HTTP_ROUTES_READY)
        }
        () => Judgement::yes(),
    })
}

/// Several routes of a service may miss the same Gateway.
fn each_once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

/// A route, or a Gateway of it, that is not there.
fn invalid(view: &View<'_>, route: &Route<'_>) -> Vec<String> {
    let at = &route.at;
    if matches!(route.sight, Sight::Absent) && !route.managed {
        return vec![format!("HTTPRoute {at} not found; create it or correct spec.router.route.http.refs")];
    }
    if route.spec.is_some_and(|spec| tree::list(spec, &["parentRefs"]).is_empty()) {
        return vec![format!("HTTPRoute {at} has no parentRefs; name a Gateway there")];
    }
    route.gateways().iter().filter(|g| is_missing(view, g)).map(|g| missing(view, g)).collect()
}

fn unreadable(route: &Route<'_>) -> Option<String> {
    match route.sight {
        Sight::Unreadable(why) => Some(format!("HTTPRoute {} could not be read: {why}", route.at)),
        _ => None,
    }
}

fn unready(route: &Route<'_>) -> Option<String> {
    match route.sight {
        Sight::Found(body) => problem(&route.at, body).map(|why| format!("HTTPRoute {}: {why}", route.at)),
        Sight::Absent if route.managed => Some(format!("HTTPRoute {} has not been created yet", route.at)),
        _ => None,
    }
}

/// The first parent of the spec that has not taken the route. Status of parents that are no longer in the spec
/// is left out (edge 34).
fn problem(at: &Ref, body: &Value) -> Option<String> {
    let generation = tree::get(body, &["metadata", "generation"]).and_then(Value::as_i64);
    let parents = tree::list(body, &["spec", "parentRefs"]).iter();
    parents.map(|parent| (parent, answers(at, body, parent))).find_map(|(parent, answers)| {
        let who = format!("{} {}", or(parent, "kind", "Gateway"), Identity::of(parent, &at.namespace).path());
        if answers.is_empty() {
            return Some(format!("waiting for {who} to accept it"));
        }
        answers.iter().find_map(|answer| bad_condition(answer, generation)).map(|why| format!("{who}: {why}"))
    })
}

/// Entries of the status for a parent that carry Accepted; those of policy controllers do not.
fn answers<'a>(at: &Ref, body: &'a Value, parent: &Value) -> Vec<&'a Value> {
    let wanted = Identity::of(parent, &at.namespace);
    let all = tree::list(body, &["status", "parents"]).iter();
    let of_parent =
        all.filter(|a| a.get("parentRef").is_some_and(|p| Identity::of(p, &at.namespace) == wanted));
    of_parent.filter(|a| condition(a, "Accepted").is_some()).collect()
}

fn bad_condition(answer: &Value, generation: Option<i64>) -> Option<String> {
    ["Accepted", "ResolvedRefs"].into_iter().find_map(|kind| match condition(answer, kind) {
        None => Some(format!("{kind} is missing (ConditionMissing)")),
        Some(c) if is_stale(c, generation) => Some(format!("{kind} is of an older generation")),
        Some(c) if tree::text(c, &["status"]) != "True" => Some(describe(kind, c)),
        Some(_) => None,
    })
}

pub(super) fn condition<'a>(answer: &'a Value, kind: &str) -> Option<&'a Value> {
    tree::list(answer, &["conditions"]).iter().find(|c| tree::text(c, &["type"]) == kind)
}

/// `Accepted=False (reason NoMatchingParent, message …)`.
pub(super) fn describe(kind: &str, condition: &Value) -> String {
    let text = |key: &str| tree::text(condition, &[key]);
    format!("{kind}={} (reason {}, message {})", text("status"), text("reason"), text("message"))
}

/// A parent, with the defaults of the Gateway API filled in.
#[derive(PartialEq)]
struct Identity<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    section: &'a str,
    port: i64,
}

impl<'a> Identity<'a> {
    fn of(parent: &'a Value, namespace: &'a str) -> Self {
        Self {
            group: or(parent, "group", GATEWAY_GROUP),
            kind: or(parent, "kind", "Gateway"),
            namespace: or(parent, "namespace", namespace),
            name: or(parent, "name", ""),
            section: or(parent, "sectionName", ""),
            port: tree::get(parent, &["port"]).and_then(Value::as_i64).unwrap_or_default(),
        }
    }

    fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

fn or<'a>(value: &'a Value, key: &str, default: &'a str) -> &'a str {
    tree::get(value, &[key]).and_then(Value::as_str).unwrap_or(default)
}
