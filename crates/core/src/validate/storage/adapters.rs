//! LoRA adapters: where they are and where they go (`reference/workloads.md §10`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::source::claim;
use super::{Fetch, Pod, Problem, Site};
use crate::{names, tree};

/// Where adapters are in the container that fetches them, and in a model server.
const LORA_PATH: &str = "/mnt/lora";

/// LoRA adapters of a pod, and how many of them are in use at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lora {
    /// Sorted by name.
    pub adapters: Vec<Adapter>,
    /// Largest rank, if given.
    pub max_rank: Option<i64>,
    /// Adapters in use at once; none leaves a pod of the peer's as it runs.
    pub max_loras: Option<i64>,
    /// Adapters kept in CPU memory; none as above.
    pub max_cpu_loras: Option<i64>,
    /// Further names begin with this one.
    pub publisher: String,
}

/// One adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Name that requests use.
    pub name: String,
    /// Its directory below `/mnt/lora`.
    pub directory: String,
    /// Where it comes from.
    pub source: AdapterSource,
}

/// Where an adapter comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterSource {
    /// The download container fetches this URI.
    Download(String),
    /// A claim is mounted, read-only.
    Claim {
        /// Name of the pod's volume.
        volume: String,
        /// Name of the claim.
        claim: String,
        /// Path within it; empty for all of it.
        path: String,
    },
}

impl Adapter {
    /// Its path in all containers.
    pub fn path(&self) -> String {
        format!("{LORA_PATH}/{}", self.directory)
    }

    /// What is downloaded for it.
    pub(super) fn fetch(&self) -> Option<Fetch> {
        match &self.source {
            AdapterSource::Download(uri) => Some(Fetch { uri: uri.clone(), to: self.path() }),
            AdapterSource::Claim { .. } => None,
        }
    }
}

/// The adapters of the service: none without any, no answer when something blocks.
#[expect(clippy::option_option, reason = "the outer one says whether something blocks")]
pub(super) fn lora(site: &mut Site<'_, '_>, pod: &Pod<'_>) -> Option<Option<Lora>> {
    let given = tree::list(site.ctx.spec, &["model", "lora", "adapters"]);
    let read: Vec<Option<Adapter>> =
        given.iter().enumerate().map(|(index, given)| adapter(site, index, given)).collect();
    let mut adapters: Vec<Adapter> = read.into_iter().collect::<Option<_>>()?;
    if adapters.is_empty() {
        return Some(None);
    }
    adapters.sort_by(|a, b| a.name.cmp(&b.name));
    check_directories(site, &adapters)?;
    Some(Some(counted(site, pod, adapters)))
}

/// Rules of admission report names that are missing or taken twice.
fn adapter(site: &mut Site<'_, '_>, index: usize, given: &Value) -> Option<Adapter> {
    let name = tree::text(given, &["name"]).to_owned();
    let uri = tree::text(given, &["uri"]);
    let source = match uri.split_once("://").map(|(scheme, _)| scheme) {
        Some("hf" | "s3") => Ok(AdapterSource::Download(uri.to_owned())),
        Some("pvc") => claim(uri).map(|(claim, path)| AdapterSource::Claim {
            volume: names::adapter_volume(&name),
            claim,
            path,
        }),
        _ => Err(Problem::AdapterUri { name: name.clone(), uri: uri.to_owned() }),
    };
    match source {
        Ok(source) => Some(Adapter { directory: directory(&name), name, source }),
        Err(problem) => {
            site.error_at(format!("spec.model.lora.adapters[{index}].uri"), &problem);
            None
        }
    }
}

/// As the peer names it: other characters than letters, digits, `.`, `_` and `-` become `-`.
fn directory(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let safe: String = name.chars().map(|c| if keep(c) { c } else { '-' }).collect();
    if matches!(safe.as_str(), "" | "." | "..") { "adapter".to_owned() } else { safe }
}

/// Two adapters in one directory would overwrite each other. The same name twice is another rule's.
fn check_directories(site: &mut Site<'_, '_>, adapters: &[Adapter]) -> Option<()> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut is_fine = Some(());
    for adapter in adapters {
        let earlier = *first.entry(&adapter.directory).or_insert(&adapter.name);
        if earlier != adapter.name {
            let (one, other) = (earlier.to_owned(), adapter.name.clone());
            let problem = Problem::AdapterDirectory { one, other, path: adapter.path() };
            site.error_at("spec.model.lora.adapters".to_owned(), &problem);
            is_fine = None;
        }
    }
    is_fine
}

/// vLLM keeps one adapter at a time unless told otherwise, and reloads it for each request to another.
fn counted(site: &mut Site<'_, '_>, pod: &Pod<'_>, adapters: Vec<Adapter>) -> Lora {
    let given = |field| tree::get(site.ctx.spec, &["model", "lora", field]).and_then(Value::as_i64);
    let all = i64::try_from(adapters.len()).unwrap_or(i64::MAX);
    let (in_use, in_memory) = (given("maxAdapters"), given("maxCpuAdapters"));
    let max_loras = in_use.unwrap_or_else(|| all.min(in_memory.unwrap_or(all)));
    let max_cpu_loras = in_memory.unwrap_or_else(|| all.max(max_loras));
    let defaults = !runs_without_counts(pod);
    let lora = Lora {
        adapters,
        max_rank: given("maxRank"),
        max_loras: in_use.or_else(|| defaults.then_some(max_loras)),
        max_cpu_loras: in_memory.or_else(|| defaults.then_some(max_cpu_loras)),
        publisher: format!("publishers/{}/models", site.ctx.id.namespace),
    };
    if max_cpu_loras < max_loras {
        let problem = Problem::AdapterCounts { in_memory: max_cpu_loras, in_use: max_loras };
        site.warn_at("spec.model.lora.maxCpuAdapters".to_owned(), &problem);
    }
    lora
}

/// A pod of the peer's has adapters and no counts; it is not replaced for them.
fn runs_without_counts(pod: &Pod<'_>) -> bool {
    let Some(live) = pod.live else { return false };
    let args = crate::build::argv::words(pod.target.of(live), "args");
    let has = |flag: &str| args.iter().any(|word| word.split('=').next() == Some(flag));
    has("--enable-lora") && !has("--max-loras")
}
