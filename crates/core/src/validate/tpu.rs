//! Pods on TPUs: chips, nodes and ranks of the slice that they select (`reference/llm-d.md §2.2, §2.3, §7`).

use super::accelerator::{Server, listed};
use super::problem::Problem;
use super::scope::Scope;
use crate::accelerator::tpu::{self, Slice};

/// Compares what is asked for with the slice. The chips of a pod that gives none; none where the slice is not known.
pub fn check(scope: &mut Scope<'_, '_>, given: Option<i64>, server: Server<'_>) -> Option<i64> {
    let slice = tpu::slice(server.pod)?;
    let usual = slice.chips_of_node(server.pods);
    if let Some(requested) = given.filter(|given| !slice.per_node.contains(given)) {
        let (per_node, topology) = (listed(&slice.per_node), slice.topology.clone());
        let field = scope.in_template("containers[main].resources");
        scope.warn(&field, &Problem::TpuChips { requested, per_node, topology });
    }
    let per_node = given.filter(|given| slice.per_node.contains(given)).unwrap_or(usual);
    check_size(scope, &slice, per_node, server);
    Some(usual)
}

/// Where the number of pods is wrong, that of the ranks cannot be right.
fn check_size(scope: &mut Scope<'_, '_>, slice: &Slice, per_node: i64, server: Server<'_>) {
    let (nodes, pods, world) = (slice.nodes(per_node), server.pods, server.world);
    let (topology, ranks) = (slice.topology.clone(), per_node * slice.cores);
    let problem = if nodes != pods {
        Problem::TpuNodes { topology, nodes, per_node, pods }
    } else if world.given && world.size != ranks {
        let (world, sizes) = (world.size, world.sizes.clone());
        Problem::TpuRanks { world, sizes, per_node, topology, ranks }
    } else {
        return;
    };
    let field = scope.in_template(&format!("nodeSelector[{}]", tpu::TOPOLOGY));
    scope.warn(&field, &problem);
}

#[cfg(test)]
#[path = "tpu_tests.rs"]
mod tests;
