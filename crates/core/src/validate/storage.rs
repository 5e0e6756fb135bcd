//! Where the weights come from (`reference/workloads.md §9`).

use serde_json::{Value, json};

use super::problem::Problem;
use super::scope::Scope;
use super::{cache, credentials};
use crate::facts::Answer;
use crate::tree;
use crate::valid::Role;

/// Name of the download container.
pub const CONTAINER: &str = "storage-initializer";

/// How the weights get into a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Download {
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

/// Reads `model.uri`. `account` is where credentials come from, `live` the pod spec that runs now.
pub fn download(
    scope: &mut Scope<'_, '_>,
    pod: &Value,
    account: (&str, &Answer),
    live: Option<&Value>,
) -> Option<Download> {
    let given = tree::text(scope.ctx.spec, &["model", "uri"]);
    if given.is_empty() {
        return model_error(scope, &Problem::NoUri);
    }
    let Some((_, _)) = given.split_once("://") else {
        return model_error(scope, &Problem::BadUri { uri: given.to_owned() });
    };
    if tree::get(scope.ctx.spec, &["storageInitializer", "enabled"]) == Some(&json!(false)) {
        return Some(Download::None);
    }
    let uri = cache::uri(scope, given)?;
    match uri.split_once("://").unwrap_or_default() {
        ("pvc", rest) => claim(scope, &uri, rest),
        ("hf" | "s3", _) => Some(Download::Init(Box::new(init(scope, &uri, pod, account, live)))),
        (scheme, _) => {
            let problem = Problem::Scheme { scheme: scheme.to_owned(), uri: uri.clone() };
            model_error(scope, &problem)
        }
    }
}

/// The model is the service's, so only the main workload reports what is wrong with it.
fn model_error(scope: &mut Scope<'_, '_>, problem: &Problem) -> Option<Download> {
    if scope.role != Role::Prefill {
        scope.error_at("spec.model.uri".to_owned(), problem);
    }
    None
}

fn claim(scope: &mut Scope<'_, '_>, uri: &str, rest: &str) -> Option<Download> {
    let (claim, path) = rest.split_once('/').unwrap_or((rest, ""));
    if claim.is_empty() {
        return model_error(scope, &Problem::NoClaim { uri: uri.to_owned() });
    }
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return model_error(scope, &Problem::ClaimPath { path: path.to_owned() });
    }
    Some(Download::Pvc { claim: claim.to_owned(), path: path.to_owned() })
}

fn init(
    scope: &mut Scope<'_, '_>,
    uri: &str,
    pod: &Value,
    account: (&str, &Answer),
    live: Option<&Value>,
) -> Init {
    let settings = &scope.ctx.inputs.settings.storage;
    let resources = json!({
        "requests": {"cpu": settings.cpu_request, "memory": settings.memory_request},
        "limits": {"cpu": settings.cpu_limit, "memory": settings.memory_limit},
    });
    let overlay = tree::named(tree::list(pod, &["initContainers"]), CONTAINER).cloned().unwrap_or_default();
    warn_override(scope, &overlay);
    let live = live_container(live);
    Init {
        uri: uri.to_owned(),
        image: image(&settings.image, uri, live),
        resources,
        overlay,
        credentials: credentials::credentials(scope, account.0, account.1),
        hf_defaults: uri.starts_with("hf://") && live.is_none_or(|c| has_env(c, "HF_")),
        restricted: live.is_none_or(|c| tree::get(c, &["securityContext"]).is_some()),
        ca_bundle: ca_bundle(scope, uri, live),
    }
}

fn warn_override(scope: &mut Scope<'_, '_>, overlay: &Value) {
    let given = |key| !tree::list(overlay, &[key]).is_empty();
    if given("command") || given("args") {
        let field = scope.in_template("initContainers[storage-initializer]");
        scope.warn(&field, &Problem::StorageInitializerOverride);
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
fn ca_bundle(scope: &Scope<'_, '_>, uri: &str, live: Option<&Value>) -> CaBundle {
    let settings = &scope.ctx.inputs.settings.storage;
    let wanted = uri.starts_with("s3://") || live.is_none_or(|c| has_env(c, "CA_BUNDLE_CONFIGMAP_NAME"));
    let is_system = scope.ctx.id.namespace == scope.ctx.inputs.cluster.system_namespace;
    let name = |name: &String| if is_system { name.clone() } else { "global-ca-bundle".to_owned() };
    CaBundle {
        config_map: settings.ca_bundle_config_map.as_ref().filter(|n| wanted && !n.is_empty()).map(name),
        mount_path: settings.ca_bundle_mount_path.clone().filter(|p| !p.is_empty()),
    }
}
