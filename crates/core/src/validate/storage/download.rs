//! The download container (`reference/workloads.md §9.4, §9.5, §9.7, §9.10 to §9.12`).

use serde_json::{Value, json};

use super::source::Source;
use super::{Credentials, MODEL_PATH, Pod, Problem, Site, credentials, https, inherited};
use crate::facts::Answer;
use crate::plan::covers;
use crate::settings::{PEER_SIZES, Sizes, StorageSettings};
use crate::tree;

/// Name of the download container.
pub const CONTAINER: &str = "storage-initializer";
/// Restricts a download to some of a model's files.
pub const ALLOW_PATTERNS: &str = "STORAGE_ALLOW_PATTERNS";

/// The download container and what it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Download {
    /// What is downloaded: the model first, if it is, then adapters.
    pub fetches: Vec<Fetch>,
    /// Image of the initializer.
    pub image: String,
    /// Its resources.
    pub resources: Value,
    /// The user's own `storage-initializer`, laid over the generated one; null when there is none.
    pub overlay: Value,
    /// The key of an encrypted model.
    pub confidential: Option<Confidential>,
    /// Credentials.
    pub credentials: Credentials,
    /// Variables that are added unless there is one of their name.
    pub env: Vec<Value>,
    /// Volume source that holds what is downloaded.
    pub volume: Value,
    /// Only the tokenizer's files.
    pub tokenizer_files: bool,
    /// Defaults that make Hugging Face downloads fast.
    pub hf_defaults: bool,
    /// Security context for restricted namespaces.
    pub restricted: bool,
    /// Whether, and from where, a CA bundle is mounted.
    pub ca_bundle: CaBundle,
}

/// One thing to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// From where.
    pub uri: String,
    /// To which directory.
    pub to: String,
}

/// The key of an encrypted model (`reference/workloads.md §9.11`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confidential {
    /// `kbs:///…`
    pub resource_id: String,
}

/// CA bundle of the download container (`reference/workloads.md §9.10`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaBundle {
    /// ConfigMap of the whole cluster; the environment variable `AWS_CA_BUNDLE_CONFIGMAP` names another.
    pub config_map: Option<String>,
    /// Configured mount path.
    pub mount_path: Option<String>,
}

/// The download container. What a running one has, and what it lacks, is kept: an upgrade of the operator must not
/// replace pods.
pub(super) fn download(
    site: &mut Site<'_, '_>,
    pod: &Pod<'_>,
    fetches: Vec<Fetch>,
    confidential: Option<Confidential>,
    account: (&str, &Answer),
) -> Download {
    let settings = &site.ctx.inputs.settings.storage;
    let overlay =
        tree::named(tree::list(pod.spec, &["initContainers"]), CONTAINER).cloned().unwrap_or_default();
    warn_override(site, &overlay);
    let running = running(pod);
    let same = running.filter(|container| args(container) == args_of(&fetches));
    let mut credentials = credentials::credentials(site, account.0, account.1);
    credentials.env.extend(https::headers(site, &fetches, account.1));
    let from_hf = fetches.iter().any(|fetch| fetch.uri.starts_with("hf://"));
    Download {
        image: image(settings, same),
        resources: resources(&settings.sizes, &overlay, running),
        overlay,
        confidential,
        credentials,
        env: [inherited::env(pod, running, from_hf), configured_env(settings, same)].concat(),
        volume: volume(settings, pod, same),
        tokenizer_files: pod.target.allow_patterns && running.is_none_or(|c| has_env(c, ALLOW_PATTERNS)),
        hf_defaults: from_hf && running.is_none_or(|c| has_env(c, "HF_")),
        restricted: running.is_none_or(|c| tree::get(c, &["securityContext"]).is_some()),
        ca_bundle: ca_bundle(site, &fetches, running),
        fetches,
    }
}

/// The key is needed to decrypt, and only what is downloaded is decrypted (S-3).
#[expect(clippy::option_option, reason = "the outer one says whether something blocks")]
pub(super) fn confidential(site: &mut Site<'_, '_>, source: &Source) -> Option<Option<Confidential>> {
    let given = tree::get(site.ctx.spec, &["model", "confidential"]);
    let Some(given) = given.filter(|g| tree::get(g, &["enabled"]) == Some(&json!(true))) else {
        return Some(None);
    };
    if *source != Source::Download {
        return Some(None);
    }
    let resource_id = tree::text(given, &["resourceId"]).to_owned();
    if resource_id.is_empty() {
        site.error_at("spec.model.confidential.resourceId".to_owned(), &Problem::NoResourceId);
        return None;
    }
    Some(Some(Confidential { resource_id }))
}

fn warn_override(site: &mut Site<'_, '_>, overlay: &Value) {
    let given = |key| !tree::list(overlay, &[key]).is_empty();
    if given("command") || given("args") {
        site.warn("initContainers[storage-initializer]", &Problem::StorageInitializerOverride);
    }
}

/// The download container that runs now.
fn running<'p>(pod: &Pod<'p>) -> Option<&'p Value> {
    tree::named(tree::list(pod.live?, &["initContainers"]), CONTAINER)
}

fn args(container: &Value) -> Vec<&str> {
    tree::list(container, &["args"]).iter().filter_map(Value::as_str).collect()
}

fn args_of(fetches: &[Fetch]) -> Vec<&str> {
    fetches.iter().flat_map(|fetch| [fetch.uri.as_str(), fetch.to.as_str()]).collect()
}

/// The live image stays as long as what it downloads stays (S-1).
fn image(settings: &StorageSettings, same: Option<&Value>) -> String {
    let live = same.map(|container| tree::text(container, &["image"])).filter(|image| !image.is_empty());
    live.unwrap_or(&settings.image).to_owned()
}

/// The configured resources. Where our default is larger than the peer's, a container that runs with the peer's
/// keeps them.
fn resources(sizes: &Sizes, overlay: &Value, running: Option<&Value>) -> Value {
    let (wanted, peer) = (of_sizes(sizes), of_sizes(&Sizes::of(PEER_SIZES)));
    let overlaid = |base: &Value| {
        let mut all = base.clone();
        tree::overlay(&mut all, overlay.get("resources").unwrap_or(&json!({})));
        all
    };
    let is_default = *sizes == StorageSettings::default().sizes;
    let as_the_peer = running.and_then(|c| c.get("resources")).is_some_and(|r| covers(r, &overlaid(&peer)));
    if is_default && as_the_peer { peer } else { wanted }
}

fn of_sizes(sizes: &Sizes) -> Value {
    json!({
        "requests": {"cpu": sizes.cpu_request, "memory": sizes.memory_request},
        "limits": {"cpu": sizes.cpu_limit, "memory": sizes.memory_limit},
    })
}

/// The operator's variables are, like its image, for new downloads: of those that run, each keeps what it has.
fn configured_env(settings: &StorageSettings, same: Option<&Value>) -> Vec<Value> {
    let Some(running) = same else { return settings.env.clone() };
    let kept = |variable: &Value| tree::named(tree::list(running, &["env"]), tree::text(variable, &["name"]));
    settings.env.iter().filter_map(kept).cloned().collect()
}

/// Likewise.
fn volume(settings: &StorageSettings, pod: &Pod<'_>, same: Option<&Value>) -> Value {
    let volumes = tree::list(pod.live.unwrap_or(&Value::Null), &["volumes"]);
    let kept = same.and_then(|_| tree::named(volumes, crate::build::storage::DOWNLOAD_VOLUME));
    let empty_dir = kept.is_some_and(|volume| tree::get(volume, &["emptyDir"]) == Some(&json!({})));
    let configured = settings.volume.clone().filter(|_| !empty_dir);
    configured.unwrap_or_else(|| json!({"emptyDir": {}}))
}

fn has_env(container: &Value, prefix: &str) -> bool {
    tree::list(container, &["env"]).iter().any(|e| tree::text(e, &["name"]).starts_with(prefix))
}

/// Every new download gets the bundle; one from the Hugging Face Hub that runs without it keeps running (S-2).
fn ca_bundle(site: &Site<'_, '_>, fetches: &[Fetch], running: Option<&Value>) -> CaBundle {
    let settings = &site.ctx.inputs.settings.storage;
    let only_model = fetches.len() == 1 && fetches.iter().all(|fetch| fetch.to == MODEL_PATH);
    let without = only_model && fetches.iter().all(|fetch| fetch.uri.starts_with("hf://"));
    let wanted = !without || running.is_none_or(|c| has_env(c, "CA_BUNDLE_CONFIGMAP_NAME"));
    let is_system = site.ctx.id.namespace == site.ctx.inputs.cluster.system_namespace;
    let name = |name: &String| if is_system { name.clone() } else { GLOBAL_CA_BUNDLE.to_owned() };
    CaBundle {
        config_map: settings.ca_bundle_config_map.as_ref().filter(|n| wanted && !n.is_empty()).map(name),
        mount_path: settings.ca_bundle_mount_path.clone().filter(|p| !p.is_empty()),
    }
}

/// Copy of the cluster's CA bundle in each namespace with services.
pub const GLOBAL_CA_BUNDLE: &str = "global-ca-bundle";
