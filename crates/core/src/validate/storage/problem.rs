//! Everything that can be wrong with, or is worth knowing about, the weights of a pod.

use thiserror::Error;

/// A problem without its path; [`super::Site`] adds the path and the config it came from.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each variant's message says it")]
pub enum Problem {
    #[error("model has no uri: set spec.model.uri, for example hf://org/model")]
    NoUri,
    #[error("{uri:?} is no model URI: expected scheme://…, for example hf://org/model")]
    BadUri { uri: String },
    #[error("unsupported scheme {scheme:?} in {uri:?}, supported: hf, s3, pvc")]
    Scheme { scheme: String, uri: String },
    #[error("{uri:?} names no claim: expected pvc://claim/path")]
    NoClaim { uri: String },
    #[error("path {path:?} leaves the claim: remove \"..\"")]
    ClaimPath { path: String },
    #[error(
        "ServiceAccount {name:?} could not be read ({reason}), and the download may need its credentials"
    )]
    AccountUnreadable { name: String, reason: String },
    #[error(
        "Secret {name:?} not found in namespace {namespace:?}: create it or remove the annotation {annotation}"
    )]
    NoSecret { name: String, namespace: String, annotation: String },
    #[error("Secret {name:?} could not be read ({reason}), and the download may need it")]
    SecretUnreadable { name: String, reason: String },
    #[error("local model cache {cache:?} lacks the annotation {annotation} on the service")]
    CacheAnnotation { cache: String, annotation: &'static str },

    // Warnings: these block nothing.
    #[error("command and args of storage-initializer are the operator's: yours are ignored")]
    StorageInitializerOverride,
    #[error("Secret {name:?} of ServiceAccount {account:?} not found: no credentials are taken from it")]
    AccountSecretMissing { name: String, account: String },
    #[error("{uri:?} does not begin with the cache's source {source_uri:?}: the cache is not used")]
    CacheMismatch { uri: String, source_uri: String },
}
