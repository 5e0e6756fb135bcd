//! What a model URI means.

use serde_json::Value;

use super::{Pod, Problem, Site};
use crate::settings::OciMode;
use crate::tree;

/// How the model gets into a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Nothing is attached (`storageInitializer.enabled: false`).
    None,
    /// The download container fetches it.
    Download,
    /// A claim is mounted, read-only.
    Claim {
        /// Name of the claim.
        claim: String,
        /// Path within it; empty for all of it.
        path: String,
    },
    /// An image with the model runs beside the container.
    Modelcar(Modelcar),
    /// The kubelet mounts an image.
    Image {
        /// Its reference.
        image: String,
    },
}

/// An image with a model that runs beside the container. They share their processes, and the container reads the
/// files through `/proc`, which only the same user may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modelcar {
    /// Its reference.
    pub image: String,
    /// CPU, request and limit.
    pub cpu: String,
    /// Memory, request and limit.
    pub memory: String,
    /// `runAsUser`; none where the pod or the images say it.
    pub user: Option<i64>,
    /// `runAsGroup`.
    pub group: Option<i64>,
    /// The container that reads it gets that user, too.
    pub sets_user: bool,
}

/// What the download container takes.
const DOWNLOADED: [&str; 8] = ["hf", "s3", "gs", "http", "https", "hdfs", "webhdfs", "modelscope"];

/// `model.uri` as it stands, with a scheme.
pub(super) fn given(site: &mut Site<'_, '_>) -> Option<String> {
    let given = tree::text(site.ctx.spec, &["model", "uri"]);
    if given.is_empty() {
        return error(site, &Problem::NoUri);
    }
    let rest = given.split_once("://").map(|(_, rest)| rest);
    match rest {
        Some(rest) if !rest.is_empty() => Some(given.to_owned()),
        _ => error(site, &Problem::BadUri { uri: given.to_owned() }),
    }
}

/// How the model that a URI names gets into the pod.
pub(super) fn source(site: &mut Site<'_, '_>, pod: &Pod<'_>, uri: &str) -> Option<Source> {
    let (scheme, rest) = uri.split_once("://").unwrap_or_default();
    match scheme {
        "pvc" => match claim(uri) {
            Ok((claim, path)) => Some(Source::Claim { claim, path }),
            Err(problem) => error(site, &problem),
        },
        "oci" => match site.ctx.inputs.settings.storage.oci_mode {
            OciMode::Modelcar => Some(modelcar(site, pod, rest)),
            OciMode::Native => Some(Source::Image { image: rest.to_owned() }),
            OciMode::Off => error(site, &Problem::OciOff { uri: uri.to_owned() }),
            OciMode::Fetch => error(site, &Problem::OciFetch),
        },
        "oci+modelcar" => Some(modelcar(site, pod, rest)),
        "oci+native" => Some(Source::Image { image: rest.to_owned() }),
        "oci+fetch" => error(site, &Problem::OciFetch),
        scheme if DOWNLOADED.contains(&scheme) => Some(Source::Download),
        scheme => error(site, &Problem::Scheme { scheme: scheme.to_owned(), uri: uri.to_owned() }),
    }
}

fn error<T>(site: &mut Site<'_, '_>, problem: &Problem) -> Option<T> {
    site.error_at("spec.model.uri".to_owned(), problem);
    None
}

/// Claim and path of `pvc://claim/path`. The path is taken as it stands: pods that run have it so (S-11).
pub(super) fn claim(uri: &str) -> Result<(String, String), Problem> {
    let rest = uri.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let (claim, path) = rest.split_once('/').unwrap_or((rest, ""));
    if claim.is_empty() {
        return Err(Problem::NoClaim { uri: uri.to_owned() });
    }
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(Problem::ClaimPath { path: path.to_owned() });
    }
    Ok((claim.to_owned(), path.to_owned()))
}

/// The user that the pod or its container says is the modelcar's, too; a configured one goes to both, where they
/// say none (S-5).
fn modelcar(site: &mut Site<'_, '_>, pod: &Pod<'_>, image: &str) -> Source {
    let settings = &site.ctx.inputs.settings.storage;
    let id = |field| {
        let own = tree::get(pod.target.of(pod.spec), &["securityContext", field]);
        own.or_else(|| tree::get(pod.spec, &["securityContext", field])).and_then(Value::as_i64)
    };
    let own = id("runAsUser");
    let user = own.or(settings.modelcar_uid);
    let modelcar = Modelcar {
        image: image.to_owned(),
        cpu: settings.modelcar_cpu.clone(),
        memory: settings.modelcar_memory.clone(),
        user,
        group: id("runAsGroup"),
        sets_user: own.is_none() && user.is_some(),
    };
    if user.is_none() {
        let field = format!("containers[{}].securityContext.runAsUser", pod.target.container);
        site.warn(&field, &Problem::ModelcarUser);
    }
    Source::Modelcar(modelcar)
}
