//! Which ways to serve an accelerator is known to work with (`reference/llm-d.md §2.4`).

use serde_json::Value;

use super::Context;
use super::problem::Problem;
use crate::pass::Finding;
use crate::resolve::{self, Plugins};
use crate::{labels, tree};

/// Allows every path.
const ANY: &str = "any";

/// A way to serve that not every accelerator can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// As `docs/paths` calls it.
    pub name: &'static str,
    /// The field of a spec that asks for it.
    pub field: &'static str,
}

/// A finding for each path that the service takes and its accelerator is not known to work with.
pub fn unsupported(ctx: &Context<'_>) -> Vec<Finding> {
    let list = tree::text(ctx.spec, &["annotations", labels::SUPPORTED_PATHS]);
    missing(ctx.spec, list).iter().map(|path| finding(ctx, path, list)).collect()
}

/// The paths that a spec takes and that a list of supported ones lacks. A list that is empty lacks nothing.
pub fn missing(spec: &Value, list: &str) -> Vec<Path> {
    let supported: Vec<&str> = list.split_whitespace().collect();
    if supported.is_empty() || supported.contains(&ANY) {
        return Vec::new();
    }
    taken(spec).into_iter().filter(|path| !supported.contains(&path.name)).collect()
}

fn finding(ctx: &Context<'_>, path: &Path, list: &str) -> Finding {
    let origin = (ctx.origin)(&format!("spec.annotations[{}]", labels::SUPPORTED_PATHS));
    let supported = list.split_whitespace().collect::<Vec<_>>().join(", ");
    let problem = Problem::UnsupportedPath { path: path.name, supported };
    Finding { origin, ..Finding::new(format!("spec.{}", path.field), problem.to_string()) }
}

fn taken(spec: &Value) -> Vec<Path> {
    let plugins = Plugins::of(spec);
    let prefill = tree::get(spec, &["prefill"]).unwrap_or(&Value::Null);
    let ways = [
        (prefill.is_object(), "prefill-decode", "prefill"),
        (
            plugins.have(&["precise-prefix-cache-producer", "precise-prefix-cache-scorer"]),
            "precise-prefix-cache",
            "router.scheduler.config",
        ),
        (plugins.have(&["predicted-latency-producer"]), "predicted-latency", "router.scheduler.config"),
        (resolve::is_set(spec, &["kvCacheOffloading"]), "tiered-prefix-cache", "kvCacheOffloading"),
    ];
    let mut paths: Vec<Path> =
        ways.into_iter().filter(|(on, ..)| *on).map(|(_, name, field)| Path { name, field }).collect();
    let groups = [(spec, "worker"), (prefill, "prefill.worker")];
    let of_groups = groups.into_iter().filter_map(|(workload, field)| of_group(workload, field));
    for path in of_groups {
        if paths.iter().all(|known| known.name != path.name) {
            paths.push(path);
        }
    }
    paths
}

/// What a workload with several pods for each replica is.
fn of_group(workload: &Value, field: &'static str) -> Option<Path> {
    let spreads = |size| tree::get(workload, &["parallelism", size]).is_some_and(Value::is_number);
    let is_wide = ["data", "dataLocal"].into_iter().any(spreads);
    let name = if is_wide { "wide-expert-parallelism" } else { "multi-node" };
    resolve::is_set(workload, &["worker"]).then_some(Path { name, field })
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
