//! Tiers below the KV cache in accelerator memory (`reference/workloads.md §11`).

use serde_json::Value;

use super::problem::Problem;
use super::running;
use super::scope::Scope;
use crate::build::argv::{self, Version};
use crate::build::kv_cache::{SEED, root, volume};
use crate::template;
use crate::tree;

/// The first vLLM with tiers.
const TIERING: Version = Version(0, 22);
/// Flags that say what ours would say.
const FLAGS: [&str; 3] = ["kv-transfer-config", "kv-offloading-size", "kv-offloading-backend"];

/// What a pod gets for its tiers.
#[derive(Clone, Debug, PartialEq)]
pub struct KvCache {
    /// What vLLM is told; none when its command line says it by itself.
    pub connector: Option<Value>,
    /// Size of the tier in CPU memory, as given; none when its place is not ours to make.
    pub memory: Option<String>,
    /// Tiers on file systems.
    pub tiers: Vec<Tier>,
    /// Hashes of blocks have to be the same in every process that reads the files.
    pub is_seeded: bool,
}

/// A tier on a file system.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// Its place among the secondary tiers.
    pub index: usize,
    /// Where it lives.
    pub store: Store,
}

/// Where a tier lives.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    /// Scratch space of the node, of this size.
    Scratch(Option<String>),
    /// A claim of each pod's own, by its spec.
    Own(Value),
    /// A claim that exists, and a path in it.
    Shared {
        /// Its name.
        claim: String,
        /// Path in the volume; empty for all of it.
        path: String,
    },
}

/// The tiers of a template; none where vLLM would not use them (K-1). What an accelerator's preset adds to the command
/// line may be its own way to offload.
pub fn kv_cache(
    scope: &mut Scope<'_, '_>,
    main: &Value,
    composed_for: Option<&str>,
    words: &[String],
    added: &[String],
) -> Option<KvCache> {
    let given = scope.given(&["kvCacheOffloading"])?.clone();
    let Some(version) = composed_for else { return foreign(scope, main, tiers(&given)) };
    if added.iter().any(|word| word.contains("Offload")) {
        return named_only(added, tiers(&given));
    }
    let words = &[added, words].concat();
    if let Some(flag) = FLAGS.iter().find_map(|flag| given_as(words, flag)) {
        warn(scope, &Problem::TiersReplaced { flag });
        return named_only(words, tiers(&given));
    }
    if Version::parse(version).is_none_or(|version| version < TIERING) {
        warn(scope, &Problem::TiersTooNew { version: version.to_owned() });
        return None;
    }
    let Some(connector) = template::offloading_connector(&given).filter(is_sized) else {
        warn(scope, &Problem::TiersWithoutSize);
        return None;
    };
    let tiers = tiers(&given);
    let memory = given.get("cpu").map(text);
    check_memory(scope, main, memory.as_deref());
    Some(KvCache { connector: Some(connector), memory, is_seeded: !tiers.is_empty(), tiers })
}

fn warn(scope: &mut Scope<'_, '_>, problem: &Problem) {
    let path = scope.path("kvCacheOffloading");
    scope.warn_once(&path, problem);
}

fn is_sized(connector: &Value) -> bool {
    let bytes = tree::get(connector, &["kv_connector_extra_config", "cpu_bytes_to_use"]);
    bytes.and_then(Value::as_i64).is_some_and(|bytes| bytes > 0)
}

/// The user's own spelling of a flag.
fn given_as(words: &[String], flag: &str) -> Option<String> {
    words.iter().find(|word| argv::flag(word).as_deref() == Some(flag)).cloned()
}

/// With a flag of the user's own only the tiers that it names are used.
fn named_only(words: &[String], mut tiers: Vec<Tier>) -> Option<KvCache> {
    tiers.retain(|tier| words.iter().any(|word| names(word, &root(tier.index))));
    (!tiers.is_empty()).then_some(KvCache { connector: None, memory: None, tiers, is_seeded: true })
}

/// `/mnt/kv-cache-1` is not named by `/mnt/kv-cache-10`.
fn names(word: &str, root: &str) -> bool {
    let mut ends = word.match_indices(root).map(|(at, _)| word.get(at + root.len()..).unwrap_or_default());
    ends.any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The peer's presets say by themselves what to use, so a foreign command gets its volumes as there.
fn foreign(scope: &mut Scope<'_, '_>, main: &Value, tiers: Vec<Tier>) -> Option<KvCache> {
    use crate::build::entrypoint::mentions;
    if !mentions(main, &["OffloadingConnector", "--kv-offloading", "--kv_offloading"]) {
        let path = scope.main_path("command");
        scope.warn_once(&path, &Problem::TiersUnsaid);
    }
    let is_seeded = !runs_unseeded(scope, &tiers);
    (!tiers.is_empty()).then_some(KvCache { connector: None, memory: None, tiers, is_seeded })
}

/// Pods with these tiers and without the variable: adding it would replace pods that the user did not touch.
fn runs_unseeded(scope: &Scope<'_, '_>, tiers: &[Tier]) -> bool {
    let (Some(live), Some(tier)) = (running::pod(scope), tiers.first()) else { return false };
    let main = tree::named(tree::list(live, &["containers"]), "main");
    let has_seed = main.is_some_and(|main| tree::named(tree::list(main, &["env"]), SEED).is_some());
    tree::named(tree::list(live, &["volumes"]), &volume(tier.index)).is_some() && !has_seed
}

fn tiers(given: &Value) -> Vec<Tier> {
    let stores = tree::list(given, &["secondary"]).iter().enumerate();
    stores.filter_map(|(index, tier)| Some(Tier { index, store: store(tier.get("fileSystem")?)? })).collect()
}

fn store(tier: &Value) -> Option<Store> {
    let member = |path: &[&str]| tree::get(tier, path).filter(|value| !value.is_null());
    if let Some(scratch) = member(&["emptyDir"]) {
        return Some(Store::Scratch(scratch.get("size").filter(|size| !size.is_null()).map(text)));
    }
    if let Some(spec) = member(&["pvc", "spec"]) {
        return Some(Store::Own(spec.clone()));
    }
    let existing = member(&["pvc", "ref"])?;
    let text = |key: &str| tree::text(existing, &[key]).to_owned();
    Some(Store::Shared { claim: text("name"), path: text("path") })
}

/// A quantity as text; YAML has it as a number too.
fn text(quantity: &Value) -> String {
    quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned)
}

/// The tier lies in shared memory, which counts as memory of the container.
fn check_memory(scope: &mut Scope<'_, '_>, main: &Value, tier: Option<&str>) {
    let limit = tree::get(main, &["resources", "limits", "memory"]).map(text);
    let (Some(limit), Some(tier)) = (limit, tier) else { return };
    if crate::quantity::nanos(&limit) <= crate::quantity::nanos(tier) {
        let path = scope.main_path("resources.limits.memory");
        scope.warn_once(&path, &Problem::TierOverMemory { limit, tier: tier.to_owned() });
    }
}
