//! URLs of a route through its parents (`reference/router.md §13.3`).

use serde_json::Value;

use super::path::{BasePath, base_paths};
use super::url::{Origin, Url, concrete, url};
use super::view::View;
use super::ways::Route;
use crate::facts::{Key, Ref};
use crate::tree;
use crate::validate::routing::{GATEWAY_GROUP, gateway_of};

/// URLs of a route through all its parents.
pub(super) fn urls(view: &View<'_>, route: &Route<'_>) -> Vec<Url> {
    let Some(spec) = route.spec else { return Vec::new() };
    let paths = base_paths(spec, &view.input.settings.model_header);
    let parents = tree::list(spec, &["parentRefs"]).iter();
    parents.flat_map(|parent| through(view, route, parent, &paths)).collect()
}

fn through(view: &View<'_>, route: &Route<'_>, parent: &Value, paths: &[BasePath]) -> Vec<Url> {
    let Some(at) = gateway_of(parent, &route.at.namespace) else {
        return in_mesh(view, route, parent, paths);
    };
    let Some(gateway) = view.look(&Key::Gateway(at.clone())).found() else { return Vec::new() };
    let service = view.look(&Key::GatewayService(at.clone())).found();
    let origin = Origin { group: GATEWAY_GROUP, kind: "Gateway", at: at.clone() };
    let mut urls = Vec::new();
    for (listener, scheme) in listeners(gateway, parent) {
        let port = tree::get(listener, &["port"]).and_then(Value::as_i64).unwrap_or_default();
        let external = external_hosts(view, route, gateway, listener).into_iter();
        for host in external.chain(service.and_then(|s| internal_host(view, s, listener))) {
            urls.extend(paths.iter().map(|path| url(scheme, &host, port, path, &origin)));
        }
    }
    urls
}

/// A Service that is the parent (of a mesh) is reached at the port that the route is for.
fn in_mesh(view: &View<'_>, route: &Route<'_>, parent: &Value, paths: &[BasePath]) -> Vec<Url> {
    let text = |key: &str| tree::text(parent, &[key]);
    let port = tree::get(parent, &["port"]).and_then(Value::as_i64);
    let is_service = text("kind") == "Service" && parent.get("group").is_some_and(|group| group == "");
    let Some(port) = port.filter(|_| is_service) else { return Vec::new() };
    let namespace = Some(text("namespace")).filter(|n| !n.is_empty()).unwrap_or(&route.at.namespace);
    let origin = Origin { group: "", kind: "Service", at: Ref::new(namespace, text("name")) };
    let host = format!("{}.{namespace}.svc.{}", text("name"), view.input.cluster.domain);
    let paths = paths.iter().filter(|path| !path.by_model);
    paths.map(|path| url("http", &host, port, path, &origin)).collect()
}

/// Listeners that a parent means and that carry HTTP, with their schemes.
pub(super) fn listeners<'a>(
    gateway: &'a Value,
    parent: &'a Value,
) -> impl Iterator<Item = (&'a Value, &'static str)> {
    let meant = tree::list(gateway, &["spec", "listeners"]).iter().filter(|l| is_meant(parent, l));
    meant.filter_map(|listener| Some((listener, scheme(listener)?)))
}

/// `sectionName` and `port` of a parent choose among the listeners.
fn is_meant(parent: &Value, listener: &Value) -> bool {
    let section = tree::text(parent, &["sectionName"]);
    let port = tree::get(parent, &["port"]).filter(|p| !p.is_null());
    (section.is_empty() || section == tree::text(listener, &["name"]))
        && port.is_none_or(|port| listener.get("port") == Some(port))
}

fn scheme(listener: &Value) -> Option<&'static str> {
    match tree::text(listener, &["protocol"]) {
        "HTTP" => Some("http"),
        "HTTPS" | "TLS" => Some("https"),
        _ => None,
    }
}

/// Names of the route, else of the listener, else the Gateway's addresses; none while it has no address.
fn external_hosts(view: &View<'_>, route: &Route<'_>, gateway: &Value, listener: &Value) -> Vec<String> {
    let addresses = tree::list(gateway, &["status", "addresses"]).iter().map(|a| tree::text(a, &["value"]));
    let addresses: Vec<String> = addresses.filter(|a| !a.is_empty()).map(str::to_owned).collect();
    if addresses.is_empty() {
        return addresses;
    }
    let named = route.spec.map(|spec| tree::list(spec, &["hostnames"])).unwrap_or_default().iter();
    let named: Vec<String> = named.filter_map(|h| concrete(view, h.as_str().unwrap_or_default())).collect();
    let listener = concrete(view, tree::text(listener, &["hostname"]));
    match (named.is_empty(), listener) {
        (false, _) => named,
        (true, Some(hostname)) => vec![hostname],
        (true, None) => addresses,
    }
}

/// Name of the Service behind the Gateway, where it has the listener's port.
fn internal_host(view: &View<'_>, service: &Value, listener: &Value) -> Option<String> {
    let ports = tree::list(service, &["spec", "ports"]);
    let serves = ports.is_empty() || ports.iter().any(|p| p.get("port") == listener.get("port"));
    let (name, namespace) =
        (tree::text(service, &["metadata", "name"]), tree::text(service, &["metadata", "namespace"]));
    serves.then(|| format!("{name}.{namespace}.svc.{}", view.input.cluster.domain))
}
