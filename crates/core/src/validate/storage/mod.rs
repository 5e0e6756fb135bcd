//! Where the weights come from (`reference/workloads.md §9`).

use serde_json::{Value, json};

pub(crate) mod cache;
pub(crate) mod credentials;
mod problem;
pub(crate) mod s3;
mod site;

pub use self::problem::Problem;
pub use self::site::Site;
use crate::facts::Answer;
use crate::tree;

/// Name of the download container.
pub const CONTAINER: &str = "storage-initializer";

/// Restricts a download to some of a model's files.
pub const ALLOW_PATTERNS: &str = "STORAGE_ALLOW_PATTERNS";

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
    pub const SERVER: Self =
        Self { container: "main", path: "/mnt/models", allow_patterns: false, lora: true };
    /// The tokenizer of the scheduler.
    pub const TOKENIZER: Self =
        Self { container: "main", path: "/mnt/models/base", allow_patterns: true, lora: false };
}

/// The weights of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Who gets them.
    pub target: Target,
    /// How the model itself gets there.
    pub source: Source,
}

impl Weights {
    /// Nothing is attached.
    pub const NONE: Self = Self { target: Target::SERVER, source: Source::None };
}

/// How the model gets into a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Nothing is attached (`storageInitializer.enabled: false`).
    None,
    /// A claim is mounted, read-only.
    Pvc {
        /// Name of the claim.
        claim: String,
        /// Path within it; empty for all of it.
        path: String,
    },
    /// An init container downloads them.
    Init(Box<Init>),
}

/// The download container and what it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Init {
    /// What to download.
    pub uri: String,
    /// Image of the initializer.
    pub image: String,
    /// Its resources.
    pub resources: Value,
    /// The user's own `storage-initializer`, laid over the generated one; null when there is none.
    pub overlay: Value,
    /// Credentials.
    pub credentials: Credentials,
    /// Only the tokenizer's files.
    pub tokenizer_files: bool,
    /// Defaults that make Hugging Face downloads fast.
    pub hf_defaults: bool,
    /// Security context for restricted namespaces.
    pub restricted: bool,
    /// Whether, and from where, a CA bundle is mounted.
    pub ca_bundle: CaBundle,
}

/// What credentials add to the download container and its pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Credentials {
    /// Environment, with references to Secrets.
    pub env: Vec<Value>,
    /// Volumes of the pod.
    pub volumes: Vec<Value>,
    /// Mounts of the container.
    pub mounts: Vec<Value>,
}

/// CA bundle of the download container (`reference/workloads.md §9.10`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaBundle {
    /// ConfigMap of the whole cluster; the environment variable `AWS_CA_BUNDLE_CONFIGMAP` names another.
    pub config_map: Option<String>,
    /// Configured mount path.
    pub mount_path: Option<String>,
}

/// Reads `model.uri` for a pod. `account` is where credentials come from, with its name, `live` the pod spec that
/// runs now. None when something blocks, which is then in the site's findings.
pub fn weights(
    site: &mut Site<'_, '_>,
    pod: &Value,
    target: Target,
    account: (&str, &Answer),
    live: Option<&Value>,
) -> Option<Weights> {
    let given = tree::text(site.ctx.spec, &["model", "uri"]);
    if given.is_empty() {
        return model_error(site, &Problem::NoUri);
    }
    if !given.contains("://") {
        return model_error(site, &Problem::BadUri { uri: given.to_owned() });
    }
    if tree::get(site.ctx.spec, &["storageInitializer", "enabled"]) == Some(&json!(false)) {
        return Some(Weights { target, source: Source::None });
    }
    let uri = cache::uri(site, given)?;
    let source = match uri.split_once("://").unwrap_or_default() {
        ("pvc", rest) => claim(site, &uri, rest)?,
        ("hf" | "s3", _) => Source::Init(Box::new(init(site, &uri, pod, target, account, live))),
        (scheme, _) => {
            let problem = Problem::Scheme { scheme: scheme.to_owned(), uri: uri.clone() };
            return model_error(site, &problem);
        }
    };
    Some(Weights { target, source })
}

fn model_error<T>(site: &mut Site<'_, '_>, problem: &Problem) -> Option<T> {
    site.error_at("spec.model.uri".to_owned(), problem);
    None
}

fn claim(site: &mut Site<'_, '_>, uri: &str, rest: &str) -> Option<Source> {
    let (claim, path) = rest.split_once('/').unwrap_or((rest, ""));
    if claim.is_empty() {
        return model_error(site, &Problem::NoClaim { uri: uri.to_owned() });
    }
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return model_error(site, &Problem::ClaimPath { path: path.to_owned() });
    }
    Some(Source::Pvc { claim: claim.to_owned(), path: path.to_owned() })
}

fn init(
    site: &mut Site<'_, '_>,
    uri: &str,
    pod: &Value,
    target: Target,
    account: (&str, &Answer),
    live: Option<&Value>,
) -> Init {
    let settings = &site.ctx.inputs.settings.storage;
    let resources = json!({
        "requests": {"cpu": settings.cpu_request, "memory": settings.memory_request},
        "limits": {"cpu": settings.cpu_limit, "memory": settings.memory_limit},
    });
    let overlay = tree::named(tree::list(pod, &["initContainers"]), CONTAINER).cloned().unwrap_or_default();
    warn_override(site, &overlay);
    let live = live_container(live);
    Init {
        uri: uri.to_owned(),
        image: image(&settings.image, uri, live),
        resources,
        overlay,
        credentials: credentials::credentials(site, account.0, account.1),
        tokenizer_files: target.allow_patterns && live.is_none_or(|c| has_env(c, ALLOW_PATTERNS)),
        hf_defaults: uri.starts_with("hf://") && live.is_none_or(|c| has_env(c, "HF_")),
        restricted: live.is_none_or(|c| tree::get(c, &["securityContext"]).is_some()),
        ca_bundle: ca_bundle(site, uri, live),
    }
}

fn warn_override(site: &mut Site<'_, '_>, overlay: &Value) {
    let given = |key| !tree::list(overlay, &[key]).is_empty();
    if given("command") || given("args") {
        site.warn("initContainers[storage-initializer]", &Problem::StorageInitializerOverride);
    }
}

/// The download container that runs now. What it has, and what it lacks, is kept: an upgrade of the operator must
/// not replace pods (`reference/workloads.md §9.4, §9.5`).
fn live_container(live: Option<&Value>) -> Option<&Value> {
    tree::named(tree::list(live?, &["initContainers"]), CONTAINER)
}

/// The live image stays as long as the model stays (S-1).
fn image(configured: &str, uri: &str, live: Option<&Value>) -> String {
    let same = live.filter(|c| tree::list(c, &["args"]).first().and_then(Value::as_str) == Some(uri));
    match same.map(|c| tree::text(c, &["image"])).filter(|image| !image.is_empty()) {
        Some(image) => image.to_owned(),
        None if configured.is_empty() => "kserve/storage-initializer:latest".to_owned(),
        None => configured.to_owned(),
    }
}

fn has_env(container: &Value, prefix: &str) -> bool {
    tree::list(container, &["env"]).iter().any(|e| tree::text(e, &["name"]).starts_with(prefix))
}

/// New `hf://` downloads get the bundle too; one that runs without it keeps running (S-2).
fn ca_bundle(site: &Site<'_, '_>, uri: &str, live: Option<&Value>) -> CaBundle {
    let settings = &site.ctx.inputs.settings.storage;
    let wanted = uri.starts_with("s3://") || live.is_none_or(|c| has_env(c, "CA_BUNDLE_CONFIGMAP_NAME"));
    let is_system = site.ctx.id.namespace == site.ctx.inputs.cluster.system_namespace;
    let name = |name: &String| if is_system { name.clone() } else { "global-ca-bundle".to_owned() };
    CaBundle {
        config_map: settings.ca_bundle_config_map.as_ref().filter(|n| wanted && !n.is_empty()).map(name),
        mount_path: settings.ca_bundle_mount_path.clone().filter(|p| !p.is_empty()),
    }
}
