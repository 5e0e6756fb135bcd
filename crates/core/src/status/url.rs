//! URLs of a service (`reference/router.md §13.3` to `§13.6`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::path::BasePath;
use super::view::View;
use super::ways::Route;
use super::{ingress, parent_url};
use crate::facts::Ref;
use crate::tree;

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
    /// What it leads through.
    pub(super) origin: Origin,
}

/// The object that a URL leads through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// API group.
    pub(super) group: &'static str,
    /// Kind.
    pub(super) kind: &'static str,
    /// The object.
    pub(super) at: Ref,
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

/// URLs of all routes through all their parents, and of all Ingresses, sorted by text, each once. One that answers
/// without the model's name in a header comes before the same one with it.
pub(super) fn discover(view: &View<'_>) -> Vec<Url> {
    let routes = view.routes.iter().filter(|route| !route.further);
    let routes = routes.flat_map(|route| parent_url::urls(view, route));
    let ingresses = view.ingresses.iter().flat_map(|ingress| ingress::urls(view, ingress));
    let mut urls: Vec<Url> = routes.chain(ingresses).collect::<BTreeSet<Url>>().into_iter().collect();
    urls.dedup_by(|next, first| next.text == first.text);
    urls
}

/// Nothing but the workload Service leads to the service: it has no Ingress, and no route, or none with a Gateway.
pub(super) fn is_direct(view: &View<'_>, urls: &[Url]) -> bool {
    let in_mesh = |route: &Route<'_>| {
        let has_parents = route.spec.is_some_and(|spec| !tree::list(spec, &["parentRefs"]).is_empty());
        has_parents && route.gateways().is_empty()
    };
    urls.is_empty() && view.ingresses.is_empty() && view.routes.iter().all(in_mesh)
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

/// A host that can be called: `*.example.com` becomes `inference.example.com` (edge 40).
pub(super) fn concrete(view: &View<'_>, hostname: &str) -> Option<String> {
    match hostname.strip_prefix("*.") {
        Some(rest) => Some(format!("{}.{rest}", view.input.settings.wildcard_hostname)),
        None => Some(hostname.to_owned()).filter(|h| !h.is_empty() && h != "*"),
    }
}

pub(super) fn url(scheme: &'static str, host: &str, port: i64, path: &BasePath, origin: &Origin) -> Url {
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
