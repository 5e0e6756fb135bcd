//! IngressReady, and the URLs of Ingresses.

use llmisvc_api::conditions::{kind, reason};
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::condition::Judgement;
use super::gateways::former;
use super::path::BasePath;
use super::url::{Origin, Url, concrete, url};
use super::view::{Sight, View};
use super::ways::Ingress;
use crate::names;
use crate::tree;

/// None when the service has no Ingress.
pub(super) fn judge(view: &View<'_>) -> Option<Judgement> {
    if view.ingresses.is_empty() {
        return None;
    }
    let all = |of: fn(&Ingress<'_>) -> Option<String>| view.ingresses.iter().find_map(of);
    Some(if let Some(missing) = all(missing) {
        Judgement::no(reason::REFS_INVALID, missing)
    } else if let Some(unready) = all(unready) {
        Judgement::no(reason::INGRESS_NOT_READY, unready)
    } else if let Some(unreadable) = all(unreadable) {
        Judgement::unknown(reason::INGRESS_FETCH_ERROR, unreadable)
    } else if view.ingresses.iter().any(|ingress| matches!(ingress.sight, Sight::Unasked)) {
        former(view, kind::INGRESS_READY)
    } else {
        Judgement::yes()
    })
}

fn missing(ingress: &Ingress<'_>) -> Option<String> {
    let at = &ingress.at;
    (matches!(ingress.sight, Sight::Absent) && !ingress.managed)
        .then(|| format!("Ingress {at} not found; create it or correct spec.router.ingress.refs"))
}

fn unready(ingress: &Ingress<'_>) -> Option<String> {
    let at = &ingress.at;
    match ingress.sight {
        Sight::Found(body) if addresses(body).is_empty() => {
            Some(format!("Ingress {at} has no address yet; is a controller running for {}?", class(body)))
        }
        Sight::Absent if ingress.managed => Some(format!("Ingress {at} has not been created yet")),
        _ => None,
    }
}

fn class(body: &Value) -> String {
    match tree::text(body, &["spec", "ingressClassName"]) {
        "" => "the default IngressClass".to_owned(),
        class => format!("IngressClass {class}"),
    }
}

fn unreadable(ingress: &Ingress<'_>) -> Option<String> {
    match ingress.sight {
        Sight::Unreadable(why) => Some(format!("Ingress {} could not be read: {why}", ingress.at)),
        _ => None,
    }
}

/// Where the controller of an Ingress listens.
fn addresses(body: &Value) -> Vec<String> {
    let points = tree::list(body, &["status", "loadBalancer", "ingress"]).iter();
    let address = |point: &Value| {
        let known = ["hostname", "ip"].map(|key| tree::text(point, &[key]).to_owned());
        known.into_iter().find(|address| !address.is_empty())
    };
    points.filter_map(address).collect()
}

/// URLs of an Ingress; none while it has no address.
pub(super) fn urls(view: &View<'_>, ingress: &Ingress<'_>) -> Vec<Url> {
    let Some(body) = ingress.sight.found() else { return Vec::new() };
    let addresses = addresses(body);
    if addresses.is_empty() {
        return Vec::new();
    }
    let origin = Origin { group: Kind::Ingress.served().group, kind: "Ingress", at: ingress.at.clone() };
    let mut urls = Vec::new();
    for rule in rules(body) {
        let host = tree::text(rule, &["host"]);
        let scheme = scheme(view, ingress, body, host);
        let path = BasePath { path: path(view, rule), by_model: false };
        let hosts = concrete(view, host).map_or_else(|| addresses.clone(), |host| vec![host]);
        urls.extend(hosts.iter().map(|host| url(scheme, host, 0, &path, &origin)));
    }
    urls
}

/// Without rules everything goes to the default backend.
fn rules(body: &Value) -> &[Value] {
    static EVERYTHING: &[Value] = &[Value::Null];
    let rules = tree::list(body, &["spec", "rules"]);
    let has_default = tree::get(body, &["spec", "defaultBackend"]).is_some_and(Value::is_object);
    if rules.is_empty() && has_default { EVERYTHING } else { rules }
}

/// HTTPS where the Ingress has a certificate for the host; for ours, what the settings prefer.
fn scheme(view: &View<'_>, ingress: &Ingress<'_>, body: &Value, host: &str) -> &'static str {
    let covers = |tls: &Value| {
        let hosts = tree::list(tls, &["hosts"]);
        hosts.is_empty() || hosts.iter().any(|covered| covered == host)
    };
    let has_certificate = tree::list(body, &["spec", "tls"]).iter().any(covers);
    let is_preferred = ingress.managed && view.input.settings.url_scheme == "https";
    if has_certificate || is_preferred { "https" } else { "http" }
}

/// The shortest path of a rule that leads to the workload Service, or of any where the Ingress leads elsewhere first.
fn path(view: &View<'_>, rule: &Value) -> String {
    let service = names::workload_service(view.name);
    let all = tree::list(rule, &["http", "paths"]);
    let leads = |path: &&Value| tree::text(path, &["backend", "service", "name"]) == service;
    let clean = |path: &Value| without_pattern(tree::text(path, &["path"]));
    let best = |paths: Vec<String>| paths.into_iter().min_by_key(|path| (path.len(), path.clone()));
    let ours = best(all.iter().filter(leads).map(clean).collect());
    ours.or_else(|| best(all.iter().map(clean).collect())).unwrap_or_else(|| "/".to_owned())
}

/// What stands before the first character of a regular expression: `/ml/llama(/|$)(.*)` is `/ml/llama`.
fn without_pattern(path: &str) -> String {
    let plain = path.split(['(', '[', '*', '^', '$', '?']).next().unwrap_or_default();
    match plain.trim_end_matches('/') {
        "" => "/".to_owned(),
        plain => plain.to_owned(),
    }
}
