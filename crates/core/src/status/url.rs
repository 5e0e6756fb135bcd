//! URLs of a service (`reference/router.md §13.3` to `§13.6`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::path::{BasePath, base_paths};
use super::view::{Route, View};
use crate::facts::{Key, Ref};
use crate::tree;
use crate::validate::routing::gateway_of;

/// One way to reach the service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Url {
    /// The URL.
    pub(super) text: String,
    /// Scheme.
    pub(super) scheme: &'static str,
    /// Host without brackets.
    pub(super) host: String,
    /// Path, beginning with a slash.
    pub(super) path: String,
    /// Only the model's name in a header leads here.
    pub(super) by_model: bool,
    /// The Gateway.
    pub(super) origin: Ref,
}

impl Url {
    /// The host means nothing outside the cluster or its network.
    pub(super) fn is_internal(&self, domain: &str) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => is_internal_address(address),
            Err(_) => {
                self.is_cluster_local(domain)
                    || self.host == "localhost"
                    || [".local", ".localhost", ".internal"].iter().any(|suffix| self.host.ends_with(suffix))
            }
        }
    }

    /// The host is a name of the cluster's own DNS.
    pub(super) fn is_cluster_local(&self, domain: &str) -> bool {
        self.host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    }

    /// The path is `prefix` or below it (edge 40: `/ml/llama` is no prefix of `/ml/llama2`).
    fn is_below(&self, prefix: &str) -> bool {
        self.path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn is_internal_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

/// URLs of all routes through all their Gateways, sorted by text.
pub(super) fn discover(view: &View<'_>) -> Vec<Url> {
    let mut urls = BTreeSet::new();
    for route in &view.routes {
        let Some(spec) = route.spec else { continue };
        let paths = base_paths(spec, &view.input.settings.model_header);
        for parent in tree::list(spec, &["parentRefs"]) {
            urls.extend(through(view, route, parent, &paths));
        }
    }
    urls.into_iter().collect()
}

/// The URL that clients should take (`§13.6`, step 3). The preferred scheme counts among external ones, too.
pub(super) fn primary<'a>(view: &View<'_>, urls: &'a [Url]) -> Option<&'a Url> {
    let domain = &view.input.cluster.domain;
    let external: Vec<&Url> = urls.iter().filter(|u| !u.is_internal(domain)).collect();
    let candidates = if external.is_empty() { urls.iter().collect() } else { external };
    let prefix = format!("/{}/{}", view.namespace, view.name);
    let below: Vec<&Url> = candidates.iter().copied().filter(|u| u.is_below(&prefix)).collect();
    let chosen = if below.is_empty() { candidates } else { below };
    let preferred = chosen.iter().copied().find(|u| u.scheme == view.input.settings.url_scheme);
    preferred.or(chosen.first().copied())
}

fn through(view: &View<'_>, route: &Route<'_>, parent: &Value, paths: &[BasePath]) -> Vec<Url> {
    let Some(at) = gateway_of(parent, &route.at.namespace) else { return Vec::new() };
    let Some(gateway) = view.look(&Key::Gateway(at.clone())).found() else { return Vec::new() };
    let service = view.look(&Key::GatewayService(at.clone())).found();
    let listeners = tree::list(gateway, &["spec", "listeners"]).iter().filter(|l| is_meant(parent, l));
    let mut urls = Vec::new();
    for (listener, scheme) in listeners.filter_map(|l| Some((l, scheme(l)?))) {
        let port = tree::get(listener, &["port"]).and_then(Value::as_i64).unwrap_or_default();
        let external = external_hosts(view, route, gateway, listener).into_iter();
        for host in external.chain(service.and_then(|s| internal_host(view, s, listener))) {
            urls.extend(paths.iter().map(|path| url(scheme, &host, port, path, &at)));
        }
    }
    urls
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

/// A host that can be called: `*.example.com` becomes `inference.example.com` (edge 40).
fn concrete(view: &View<'_>, hostname: &str) -> Option<String> {
    match hostname.strip_prefix("*.") {
        Some(rest) => Some(format!("{}.{rest}", view.input.settings.wildcard_hostname)),
        None => Some(hostname.to_owned()).filter(|h| !h.is_empty() && h != "*"),
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

fn url(scheme: &'static str, host: &str, port: i64, path: &BasePath, origin: &Ref) -> Url {
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = match (scheme, port) {
        ("http", 80) | ("https", 443) | (_, 0) => String::new(),
        (_, port) => format!(":{port}"),
    };
    Url {
        text: format!("{scheme}://{bracketed}{port}{}", path.path),
        scheme,
        host: host.to_owned(),
        path: path.path.clone(),
        by_model: path.by_model,
        origin: origin.clone(),
    }
}
