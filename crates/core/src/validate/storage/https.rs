//! Headers of downloads over HTTP (`reference/workloads.md §9.9`). The initializer takes those for a host from the
//! variable `<host>-headers`. Which host a Secret is for stands in its data, which nobody here reads: a header must
//! not go to another one, so either the service itself names the Secret, or an annotation of the Secret says the host.

use serde_json::{Value, json};

use super::{Fetch, Problem, Site};
use crate::facts::{Answer, Key, Ref};
use crate::tree;

const HOST_KEY: &str = "https-host";
const HEADERS_KEY: &str = "headers";
const HOST_ANNOTATION: &str = "serving.kserve.io/https-host";

/// The variables for the hosts that are downloaded from.
pub(super) fn headers(site: &mut Site<'_, '_>, fetches: &[Fetch], account: &Answer) -> Vec<Value> {
    let Some(host) = fetches.iter().find_map(|fetch| host(&fetch.uri)) else { return Vec::new() };
    let annotation = site.ctx.inputs.settings.credentials.secret_annotation.as_str();
    let named = site.ctx.id.annotations.get(annotation).filter(|_| !annotation.is_empty());
    let candidates: Vec<&str> = match named {
        Some(secret) => vec![secret],
        None => listed(account),
    };
    let secret = candidates.into_iter().find(|secret| is_for(site, secret, host, named.is_some()));
    secret.and_then(|secret| variable(site, host, secret)).into_iter().collect()
}

fn listed(account: &Answer) -> Vec<&str> {
    let object = account.found().unwrap_or(&Value::Null);
    tree::list(object, &["secrets"]).iter().map(|secret| tree::text(secret, &["name"])).collect()
}

/// Host and port of an HTTP URI.
fn host(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"))?;
    rest.split(['/', '?', '#']).next()?.rsplit('@').next()
}

fn is_for(site: &Site<'_, '_>, secret: &str, host: &str, named: bool) -> bool {
    let key = Key::Secret(Ref::new(&site.ctx.id.namespace, secret));
    let Some(secret) = site.ctx.inputs.seen.get(&key).found() else { return false };
    let keys = tree::list(secret, &["keys"]);
    let has = |key: &str| keys.iter().any(|k| k.as_str() == Some(key));
    let annotated = tree::text(secret, &["metadata", "annotations", HOST_ANNOTATION]);
    let is_host = if annotated.is_empty() { named } else { annotated == host };
    has(HOST_KEY) && has(HEADERS_KEY) && is_host
}

/// Not every host can stand in the name of a variable.
fn variable(site: &mut Site<'_, '_>, host: &str, secret: &str) -> Option<Value> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !host.chars().all(valid) || host.starts_with(|c: char| c.is_ascii_digit()) {
        let problem = Problem::HeadersHost { host: host.to_owned(), secret: secret.to_owned() };
        site.warn_at("spec.model.uri".to_owned(), &problem);
        return None;
    }
    let reference = json!({"name": secret, "key": HEADERS_KEY});
    Some(json!({"name": format!("{host}-headers"), "valueFrom": {"secretKeyRef": reference}}))
}
