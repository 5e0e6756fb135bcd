//! Paths under which a route serves the API (`reference/router.md §13.4`).

use serde_json::Value;

use crate::tree;
use crate::validate::routing::has_header;

/// A path under which a route serves the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BasePath {
    /// The path.
    pub(super) path: String,
    /// Only the model's name in a header leads here.
    pub(super) by_model: bool,
}

/// What a match asks for besides its path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bucket {
    Path,
    Publisher,
    Model,
}

/// The shortest path of each bucket (`§13.4`). A path that also serves without the header is not by model.
pub(super) fn base_paths(spec: &Value, header: &str) -> Vec<BasePath> {
    let mut paths: Vec<BasePath> = Vec::new();
    for bucket in [Bucket::Path, Bucket::Publisher, Bucket::Model] {
        let Some(path) = shortest(spec, header, bucket) else { continue };
        if paths.iter().all(|p| p.path != path) {
            paths.push(BasePath { path, by_model: bucket == Bucket::Model });
        }
    }
    if paths.is_empty() {
        paths.push(BasePath { path: "/".to_owned(), by_model: false });
    }
    paths
}

/// Rules that lead to a Service come first: they take everything below their path.
fn shortest(spec: &Value, header: &str, bucket: Bucket) -> Option<String> {
    let best = |to_service: bool| {
        let rules = tree::list(spec, &["rules"]).iter().filter(|rule| leads_to_service(rule) == to_service);
        let matches = rules.flat_map(|rule| tree::list(rule, &["matches"]));
        let paths = matches.filter(|m| bucket_of(m, header) == Some(bucket)).map(path);
        paths.min_by_key(|path| (path.matches('/').count(), path.len(), *path))
    };
    best(true).or_else(|| best(false)).map(str::to_owned)
}

fn path(rule_match: &Value) -> &str {
    let value = tree::text(rule_match, &["path", "value"]);
    if value.is_empty() { "/" } else { value }
}

fn leads_to_service(rule: &Value) -> bool {
    tree::list(rule, &["backendRefs"]).iter().any(|b| matches!(tree::text(b, &["kind"]), "" | "Service"))
}

fn bucket_of(rule_match: &Value, header: &str) -> Option<Bucket> {
    match tree::list(rule_match, &["headers"]).is_empty() {
        true if path(rule_match).starts_with("/publishers/") => Some(Bucket::Publisher),
        true => Some(Bucket::Path),
        false if !header.is_empty() && has_header(rule_match, header) => Some(Bucket::Model),
        false => None,
    }
}
