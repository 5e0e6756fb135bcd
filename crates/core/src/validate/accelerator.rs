//! How many accelerators `main` gets, and whether what the user gave fits the parallelism.

use serde_json::Value;

use super::parallelism::World;
use super::problem::Problem;
use super::scope::Scope;
use super::{dra, tpu};
use crate::accelerator::tpu::slice;
use crate::accelerator::{self, is_accelerator};
use crate::labels::ACCELERATOR;
use crate::tree;

/// Prefix of the annotations that ask for managed DRA.
const MANAGED_DRA: &str = "serving.kserve.io/exp-dra-";

/// True for resources that are never overcommitted: their request and limit must be equal.
pub fn is_extended(resource: &str) -> bool {
    let native = resource.split_once('/').is_none_or(|(domain, _)| domain.ends_with("kubernetes.io"));
    !native || resource.starts_with("hugepages-")
}

/// What may be an accelerator among the extended resources of a container: neither memory nor network.
fn devices(container: &Value) -> Vec<(&String, &Value)> {
    let is_other = |name: &str| name.starts_with("hugepages-") || accelerator::is_network(name);
    extended(container).into_iter().filter(|(name, _)| !is_other(name)).collect()
}

/// Extended resources of a container with their quantities, limits before requests.
pub fn extended(container: &Value) -> Vec<(&String, &Value)> {
    let of = |kind| tree::get(container, &["resources", kind]).and_then(Value::as_object);
    let all = [of("limits"), of("requests")].into_iter().flatten().flatten();
    all.filter(|(name, _)| is_extended(name)).collect()
}

/// A pod template whose accelerators are looked at.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// Its spec.
    pub pod: &'a Value,
    /// What it runs.
    pub world: &'a World,
    /// Pods of a replica.
    pub pods: i64,
    /// The pod that runs now.
    pub live: Option<&'a Value>,
}

/// The resource that the count goes to, and the count; none when anything says otherwise.
pub fn accelerators(scope: &mut Scope<'_, '_>, server: Server<'_>) -> Option<(String, i64)> {
    let main = tree::named(tree::list(server.pod, &["containers"]), "main")?;
    let own = devices(main);
    if !own.is_empty() {
        compare(scope, &own, server);
        return None;
    }
    if has_claims(scope, server.pod, main) {
        compare_claim(scope, server.world);
        return None;
    }
    let named = annotation(scope, ACCELERATOR);
    let resource = match &named {
        Some(name) => (name != "none").then(|| name.clone())?,
        None => usual(server.pod, main)?.to_owned(),
    };
    let count = count_of(scope, &resource, server)?;
    // A topology is no reason to replace pods either, but a name that the user gave is.
    let is_asked = named.is_some() && server.world.given;
    if !is_asked && server.live.is_some_and(runs_without) {
        warn(scope, &Problem::AcceleratorKept { needed: count, resource });
        return None;
    }
    Some((resource, count))
}

/// A rank has a device, but on TPUs, where a pod has all chips of its node.
fn count_of(scope: &mut Scope<'_, '_>, resource: &str, server: Server<'_>) -> Option<i64> {
    let size = server.world.given.then_some(server.world.size);
    if resource != accelerator::TPU {
        let count = size?;
        compare_devices(scope, resource, count, server);
        return Some(count);
    }
    let chips = tpu::check(scope, None, server);
    if chips.is_none()
        && let Some(count) = size
    {
        warn(scope, &Problem::TpuUnsized { count });
    }
    chips.or(size)
}

fn compare(scope: &mut Scope<'_, '_>, own: &[(&String, &Value)], server: Server<'_>) {
    let counted = own.iter().find(|(name, _)| is_accelerator(name));
    let Some((name, requested)) = counted.and_then(|(n, q)| Some(((*n).clone(), count(q)?))) else { return };
    if name == accelerator::TPU {
        tpu::check(scope, Some(requested), server);
    } else {
        compare_devices(scope, &name, requested, server);
    }
}

fn compare_devices(scope: &mut Scope<'_, '_>, resource: &str, requested: i64, server: Server<'_>) {
    let ranks = accelerator::ranks(resource, server.pod);
    let world = server.world.size;
    if ranks.iter().any(|ranks| requested.saturating_mul(*ranks) == world) {
        return;
    }
    let (resource, sizes) = (resource.to_owned(), server.world.sizes.clone());
    let problem = match ranks {
        [1] => Problem::AcceleratorMismatch { requested, resource, world, sizes },
        _ => Problem::ChipMismatch { requested, resource, ranks: listed(ranks), world, sizes },
    };
    warn(scope, &problem);
}

/// `2, 4 or 8`.
pub fn listed(numbers: &[i64]) -> String {
    let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// Devices of managed DRA, of a class of which each rank takes one, for `main`.
fn compare_claim(scope: &mut Scope<'_, '_>, world: &World) {
    let claims = dra::claims(scope.ctx);
    let is_main = claims.container.as_deref().is_none_or(|name| name == "main");
    let Some(devices) = claims.current.map(|template| template.devices).filter(|_| is_main) else { return };
    let has_a_rank_each =
        accelerator::of_class(&devices.class).is_some_and(|kind| kind.resource != accelerator::TPU);
    if world.given && has_a_rank_each && devices.count != world.size {
        let (claimed, class, sizes) = (devices.count, devices.class, world.sizes.clone());
        warn(scope, &Problem::ClaimMismatch { claimed, class, world: world.size, sizes });
    }
}

fn warn(scope: &mut Scope<'_, '_>, problem: &Problem) {
    let field = scope.in_template("containers[main].resources");
    scope.warn(&field, problem);
}

/// The accelerators that `main` asks for by itself, of which each rank takes one: the resource, and how many.
pub fn requested(main: &Value) -> Option<(&str, i64)> {
    let has_a_rank_each = |name: &str| is_accelerator(name) && accelerator::ranks(name, &Value::Null) == [1];
    let own = extended(main);
    own.into_iter().find(|(name, _)| has_a_rank_each(name)).and_then(|(n, q)| Some((n.as_str(), count(q)?)))
}

fn count(quantity: &Value) -> Option<i64> {
    quantity.as_i64().or_else(|| quantity.as_str()?.parse().ok())
}

/// Devices come by claims of the pod, or of the operator's making.
pub fn has_claims(scope: &Scope<'_, '_>, pod: &Value, main: &Value) -> bool {
    !tree::list(pod, &["resourceClaims"]).is_empty()
        || !tree::list(main, &["resources", "claims"]).is_empty()
        || scope.ctx.id.annotations.keys().any(|key| key.starts_with(MANAGED_DRA))
}

/// An annotation of the workload, else of the service.
pub fn annotation(scope: &Scope<'_, '_>, key: &str) -> Option<String> {
    let own = tree::text(scope.spec, &["annotations", key]);
    let name = if own.is_empty() { scope.ctx.id.annotations.get(key)? } else { own };
    Some(name.to_owned())
}

/// What the pod says about its accelerator; none where it has no countable one.
fn usual(pod: &Value, main: &Value) -> Option<&'static str> {
    if slice(pod).is_some() {
        return Some(accelerator::TPU);
    }
    let selector = tree::get(pod, &["nodeSelector"]).and_then(Value::as_object);
    if selector.into_iter().flatten().any(|(key, _)| key.starts_with("cloud.google.com/gke-tpu-")) {
        return None;
    }
    accelerator::of_image(tree::text(main, &["image"]))
}

/// A live pod without accelerators: adding some would replace pods that the user did not touch.
fn runs_without(live: &Value) -> bool {
    let containers = tree::list(live, &["containers"]);
    tree::named(containers, "main").is_some_and(|main| devices(main).is_empty())
}

#[cfg(test)]
#[path = "accelerator_tests.rs"]
mod tests;
