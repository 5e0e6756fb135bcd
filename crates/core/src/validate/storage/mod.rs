//! Where the weights come from (`reference/workloads.md §9`).

use serde_json::{Value, json};

mod adapters;
pub(crate) mod cache;
mod credentials;
mod download;
mod https;
mod inherited;
mod problem;
mod s3;
mod site;
mod source;
#[cfg(test)]
mod tests;

pub use self::adapters::{Adapter, AdapterSource, Lora};
pub use self::credentials::Credentials;
pub use self::download::{
    ALLOW_PATTERNS, CONTAINER, CaBundle, Confidential, Download, Fetch, GLOBAL_CA_BUNDLE,
};
pub use self::problem::Problem;
pub use self::site::Site;
pub use self::source::{Modelcar, Source};
use crate::facts::Answer;
use crate::tree;

/// Where the weights are in the container that fetches them, and in a model server.
pub const MODEL_PATH: &str = "/mnt/models";

/// Which container gets the weights, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the container.
    pub container: &'static str,
    /// Where it finds them.
    pub path: &'static str,
    /// Only the tokenizer's files are downloaded, not the weights.
    pub allow_patterns: bool,
    /// LoRA adapters come along.
    pub lora: bool,
}

impl Target {
    /// A model server.
    pub const SERVER: Self = Self { container: "main", path: MODEL_PATH, allow_patterns: false, lora: true };
    /// The tokenizer of the scheduler.
    pub const TOKENIZER: Self =
        Self { container: "main", path: "/mnt/models/base", allow_patterns: true, lora: false };
    /// The tokenizer that older pickers have beside them.
    pub const BESIDE_PICKER: Self = Self { container: "tokenizer", ..Self::TOKENIZER };

    /// The container in a pod, null when there is none.
    fn of(self, pod: &Value) -> &Value {
        tree::named(tree::list(pod, &["containers"]), self.container).unwrap_or(&Value::Null)
    }
}

/// The weights of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Who gets them.
    pub target: Target,
    /// How the model gets there.
    pub source: Source,
    /// The download container, where anything is downloaded.
    pub download: Option<Box<Download>>,
    /// LoRA adapters.
    pub lora: Option<Lora>,
}

impl Weights {
    /// Nothing is attached.
    pub const NONE: Self = Self { target: Target::SERVER, source: Source::None, download: None, lora: None };
}

/// What the weights of one pod are read from.
struct Pod<'p> {
    /// Merged and rendered spec.
    spec: &'p Value,
    /// Who gets the weights.
    target: Target,
    /// What runs now.
    live: Option<&'p Value>,
}

/// Reads `spec.model` for a pod. `account` is where credentials come from, with its name, `live` the pod spec that
/// runs now. None when something blocks, which is then in the site's findings.
pub fn weights(
    site: &mut Site<'_, '_>,
    pod: &Value,
    target: Target,
    account: (&str, &Answer),
    live: Option<&Value>,
) -> Option<Weights> {
    let pod = Pod { spec: pod, target, live };
    let given = source::given(site)?;
    let lora = if target.lora { adapters::lora(site, &pod)? } else { None };
    if tree::get(site.ctx.spec, &["storageInitializer", "enabled"]) == Some(&json!(false)) {
        return disabled(site, target, lora.is_some());
    }
    let uri = cache::uri(site, &given)?;
    let source = source::source(site, &pod, &uri)?;
    check_mounts(site, &pod)?;
    let fetches = fetches(&uri, &source, lora.as_ref());
    let confidential = download::confidential(site, &source)?;
    let download = if fetches.is_empty() {
        None
    } else {
        Some(Box::new(download::download(site, &pod, fetches, confidential, account)))
    };
    Some(Weights { target, source, download, lora })
}

/// Nothing at all is attached, claims and images neither (S-9, *compat*).
fn disabled(site: &mut Site<'_, '_>, target: Target, has_adapters: bool) -> Option<Weights> {
    if has_adapters {
        site.error_at("spec.model.lora.adapters".to_owned(), &Problem::AdaptersDisabled);
        return None;
    }
    Some(Weights { target, ..Weights::NONE })
}

/// Two mounts of one path are refused by the API server, which knows no field of ours.
fn check_mounts(site: &mut Site<'_, '_>, pod: &Pod<'_>) -> Option<()> {
    let mounts = tree::list(pod.target.of(pod.spec), &["volumeMounts"]);
    let path = |mount: &&Value| tree::text(mount, &["mountPath"]).trim_end_matches('/') == pod.target.path;
    let Some(taken) = mounts.iter().find(path) else { return Some(()) };
    let volume = tree::text(taken, &["name"]).to_owned();
    let field = format!("containers[{}].volumeMounts", pod.target.container);
    site.error(&field, &Problem::MountTaken { path: pod.target.path, volume });
    None
}

/// What is downloaded, and to where: the model first, then the adapters by name.
fn fetches(uri: &str, source: &Source, lora: Option<&Lora>) -> Vec<Fetch> {
    let model =
        (*source == Source::Download).then(|| Fetch { uri: uri.to_owned(), to: MODEL_PATH.to_owned() });
    let adapters = lora.into_iter().flat_map(|lora| &lora.adapters).filter_map(Adapter::fetch);
    model.into_iter().chain(adapters).collect()
}
