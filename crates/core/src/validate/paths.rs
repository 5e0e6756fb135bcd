//! Which ways to serve an accelerator is known to work with (`reference/llm-d.md §2.4`).

use serde_json::Value;

use super::Context;
use super::problem::Problem;
use crate::pass::Finding;
use crate::resolve::{self, Plugins};
use crate::{labels, tree};

/// Allows every path.
const ANY: &str = "any";

/// A way to serve that not every accelerator can take: its name, and the field that asks for it.
struct Path {
    name: &'static str,
    field: &'static str,
}

/// A finding for each path that the service takes and its accelerator is not known to work with.
pub fn unsupported(ctx: &Context<'_>) -> Vec<Finding> {
    let list = tree::text(ctx.spec, &["annotations", labels::SUPPORTED_PATHS]);
    let supported: Vec<&str> = list.split_whitespace().collect();
    if supported.is_empty() || supported.contains(&ANY) {
        return Vec::new();
    }
    let missing = taken(ctx.spec).into_iter().filter(|path| !supported.contains(&path.name));
    missing.map(|path| finding(ctx, &path, &supported)).collect()
}

fn finding(ctx: &Context<'_>, path: &Path, supported: &[&str]) -> Finding {
    let origin = (ctx.origin)(&format!("spec.annotations[{}]", labels::SUPPORTED_PATHS));
    let problem = Problem::UnsupportedPath { path: path.name, supported: supported.join(", ") };
    Finding { origin, ..Finding::new(format!("spec.{}", path.field), problem.to_string()) }
}

fn taken(spec: &Value) -> Vec<Path> {
    let is_set = |path: &[&str]| resolve::is_set(spec, path);
    let data = |workload: &[&str]| {
        let sizes = ["data", "dataLocal"].map(|size| [workload, &["parallelism", size]].concat());
        sizes.iter().any(|path| tree::get(spec, path).is_some_and(Value::is_number))
    };
    let group = |workload: &[&str]| is_set(&[workload, &["worker"]].concat());
    let plugins = Plugins::of(spec);
    let roles: [&[&str]; 2] = [&[], &["prefill"]];
    let ways = [
        (is_set(&["prefill"]), "prefill-decode", "prefill"),
        (roles.iter().any(|role| group(role) && data(role)), "wide-expert-parallelism", "worker"),
        (roles.iter().any(|role| group(role) && !data(role)), "multi-node", "worker"),
        (
            plugins.have(&["precise-prefix-cache-producer", "precise-prefix-cache-scorer"]),
            "precise-prefix-cache",
            "router.scheduler.config",
        ),
        (plugins.have(&["predicted-latency-producer"]), "predicted-latency", "router.scheduler.config"),
        (is_set(&["kvCacheOffloading"]), "tiered-prefix-cache", "kvCacheOffloading"),
    ];
    ways.into_iter().filter(|(on, ..)| *on).map(|(_, name, field)| Path { name, field }).collect()
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
