//! How many accelerators `main` gets, and whether what the user gave fits the parallelism.

use serde_json::Value;

use super::parallelism::World;
use super::problem::Problem;
use super::scope::Scope;
use crate::labels::ACCELERATOR;
use crate::{images, tree};

/// Prefix of the annotations that ask for managed DRA.
const MANAGED_DRA: &str = "serving.kserve.io/exp-dra-";
const DEFAULT: &str = "nvidia.com/gpu";

/// True for resources that are never overcommitted: their request and limit must be equal.
pub fn is_extended(resource: &str) -> bool {
    let native = resource.split_once('/').is_none_or(|(domain, _)| domain.ends_with("kubernetes.io"));
    !native || resource.starts_with("hugepages-")
}

/// Extended resources of a container with their quantities, limits before requests.
pub fn extended(container: &Value) -> Vec<(&String, &Value)> {
    let of = |kind| tree::get(container, &["resources", kind]).and_then(Value::as_object);
    let all = [of("limits"), of("requests")].into_iter().flatten().flatten();
    all.filter(|(name, _)| is_extended(name)).collect()
}

/// The resource that the count goes to, and the count; none when anything says otherwise.
pub fn accelerators(
    scope: &mut Scope<'_, '_>,
    pod: &Value,
    world: &World,
    live: Option<&Value>,
) -> Option<(String, i64)> {
    let main = tree::named(tree::list(pod, &["containers"]), "main")?;
    let own: Vec<_> = extended(main).into_iter().filter(|(n, _)| !n.starts_with("hugepages-")).collect();
    if !own.is_empty() {
        compare(scope, &own, world);
        return None;
    }
    if !world.given || has_claims(scope, pod, main) {
        return None;
    }
    let named = annotation(scope);
    let resource = match &named {
        Some(name) => (name != "none").then(|| name.clone())?,
        None => usual(pod, main)?.to_owned(),
    };
    if named.is_none() && live.is_some_and(runs_without) {
        let problem = Problem::AcceleratorKept { needed: world.size, resource };
        warn(scope, &problem);
        return None;
    }
    Some((resource, world.size))
}

fn compare(scope: &mut Scope<'_, '_>, own: &[(&String, &Value)], world: &World) {
    let counted = own.iter().find(|(name, _)| is_accelerator(name));
    let Some((name, requested)) = counted.and_then(|(n, q)| Some(((*n).clone(), count(q)?))) else { return };
    if requested != world.size {
        let (resource, sizes) = (name, world.sizes.clone());
        let problem = Problem::AcceleratorMismatch { requested, resource, world: world.size, sizes };
        warn(scope, &problem);
    }
}

fn warn(scope: &mut Scope<'_, '_>, problem: &Problem) {
    let field = scope.in_template("containers[main].resources");
    scope.warn(&field, problem);
}

/// The accelerators that `main` asks for by itself: the resource, and how many.
pub fn requested(main: &Value) -> Option<(&str, i64)> {
    let own = extended(main);
    own.into_iter().find(|(name, _)| is_accelerator(name)).and_then(|(n, q)| Some((n.as_str(), count(q)?)))
}

/// Resources of which each rank takes one. TPUs are left out: their topology decides, chips are not cores.
fn is_accelerator(resource: &str) -> bool {
    resource.ends_with("/gpu")
        || resource == "habana.ai/gaudi"
        || ["nvidia.com/mig-", "gpu.intel.com/"].iter().any(|prefix| resource.starts_with(prefix))
}

fn count(quantity: &Value) -> Option<i64> {
    quantity.as_i64().or_else(|| quantity.as_str()?.parse().ok())
}

fn has_claims(scope: &Scope<'_, '_>, pod: &Value, main: &Value) -> bool {
    !tree::list(pod, &["resourceClaims"]).is_empty()
        || !tree::list(main, &["resources", "claims"]).is_empty()
        || scope.ctx.id.annotations.keys().any(|key| key.starts_with(MANAGED_DRA))
}

fn annotation(scope: &Scope<'_, '_>) -> Option<String> {
    let own = tree::text(scope.spec, &["annotations", ACCELERATOR]);
    let name = if own.is_empty() { scope.ctx.id.annotations.get(ACCELERATOR)? } else { own };
    Some(name.to_owned())
}

/// What the pod says about its accelerator; none where it has no countable one.
fn usual(pod: &Value, main: &Value) -> Option<&'static str> {
    let selector = tree::get(pod, &["nodeSelector"]).and_then(Value::as_object);
    if selector.into_iter().flatten().any(|(key, _)| key.starts_with("cloud.google.com/gke-tpu-")) {
        return None;
    }
    let mut words = images::repository(tree::text(main, &["image"])).split(['-', '_']);
    // `xpu` has two drivers with a resource each; the topology decides for TPUs.
    if words.clone().any(|word| matches!(word, "cpu" | "tpu" | "xpu")) {
        return None;
    }
    Some(words.find_map(resource_of).unwrap_or(DEFAULT))
}

/// The resource of the accelerator that a word of an image name stands for.
fn resource_of(word: &str) -> Option<&'static str> {
    match word {
        "rocm" => Some("amd.com/gpu"),
        "gaudi" | "hpu" => Some("habana.ai/gaudi"),
        _ => None,
    }
}

/// A live pod without accelerators: adding some would replace pods that the user did not touch.
fn runs_without(live: &Value) -> bool {
    let containers = tree::list(live, &["containers"]);
    tree::named(containers, "main").is_some_and(|main| extended(main).is_empty())
}
