//! The local model cache (`reference/workloads.md §9.8`): metadata on the service names a claim with the weights.

use sha2::{Digest, Sha256};

use super::{Problem, Site};

const LABEL: &str = "internal.serving.kserve.io/localmodel";
const DISABLED: &str = "serving.kserve.io/disable-localmodel";
const NODE_GROUP: &str = "serving.kserve.io/nodegroup";
const SOURCE_URI: &str = "internal.serving.kserve.io/localmodel-sourceuri";
const CLAIM: &str = "internal.serving.kserve.io/localmodel-pvc-name";

/// The URI to use: the cache's claim where the service is cached, else the given one.
pub fn uri(site: &mut Site<'_, '_>, given: &str) -> Option<String> {
    let id = site.ctx.id;
    let disabled = id.annotations.get(DISABLED).is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let Some(cache) = id.labels.get(LABEL).filter(|_| !disabled) else {
        if !disabled && id.annotations.contains_key(NODE_GROUP) {
            site.warn_at(format!("metadata.annotations[{NODE_GROUP}]"), &Problem::NoCache { label: LABEL });
        }
        return Some(given.to_owned());
    };
    let annotation = |site: &mut Site<'_, '_>, annotation: &'static str| {
        let value = id.annotations.get(annotation);
        if value.is_none() {
            let problem = Problem::CacheAnnotation { cache: cache.clone(), annotation };
            site.error_at("metadata.annotations".to_owned(), &problem);
        }
        value
    };
    let (source, claim) = (annotation(site, SOURCE_URI), annotation(site, CLAIM));
    let (source, claim) = (source?, claim?);
    // What stays behind from another model names another source (S-10).
    let rest = given.strip_prefix(source.as_str());
    let Some(rest) = rest.filter(|r| r.is_empty() || r.starts_with('/') || source.ends_with('/')) else {
        let problem = Problem::CacheMismatch { uri: given.to_owned(), source_uri: source.clone() };
        site.warn_at("spec.model.uri".to_owned(), &problem);
        return Some(given.to_owned());
    };
    let key = Sha256::digest(source).iter().take(8).fold(0_u64, |key, byte| key << 8 | u64::from(*byte));
    Some(format!("pvc://{claim}/models/{key:016x}/{}", rest.trim_start_matches('/')))
}
