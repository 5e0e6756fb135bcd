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
    #[error(
        "unsupported scheme {scheme:?} in {uri:?}, supported: hf, s3, gs, http, https, hdfs, webhdfs, modelscope, pvc, \
         oci, oci+modelcar, oci+native"
    )]
    Scheme { scheme: String, uri: String },
    #[error(
        "{uri:?} needs a mode: use oci+modelcar:// or oci+native://, or set storageInitializer.ociModelMode of the \
         ConfigMap inferenceservice-config to modelcar or native"
    )]
    OciOff { uri: String },
    #[error(
        "models in images can't be fetched by the download container: use oci+modelcar:// or oci+native://"
    )]
    OciFetch,
    #[error(
        "{path} is taken by volume {volume:?}: remove the mount, or set spec.storageInitializer.enabled to false"
    )]
    MountTaken { path: &'static str, volume: String },
    #[error("an encrypted model can't be read without its key: set resourceId to kbs:///<repo>/<type>/<tag>")]
    NoResourceId,
    #[error("{uri:?} of adapter {name:?} can't be loaded, supported: hf://, s3://, pvc://")]
    AdapterUri { name: String, uri: String },
    #[error("adapters {one:?} and {other:?} would share the directory {path}: rename one of them")]
    AdapterDirectory { one: String, other: String, path: String },
    #[error(
        "adapters are not attached while storageInitializer.enabled is false: remove them, and give --lora-modules \
         for those that you mount yourself"
    )]
    AdaptersDisabled,
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
    #[error(
        "a modelcar and the container that reads it have to run as the same user: set runAsUser, or uidModelcar in \
         storageInitializer of the ConfigMap inferenceservice-config"
    )]
    ModelcarUser,
    #[error(
        "{in_memory} adapters in CPU memory are fewer than the {in_use} in use, which vLLM refuses: raise it"
    )]
    AdapterCounts { in_memory: i64, in_use: i64 },
    #[error(
        "headers of Secret {secret:?} are not sent: {host:?} can't be part of a variable's name; use a host name"
    )]
    HeadersHost { host: String, secret: String },
    #[error("is ignored: the service has no label {label}, by which it would be on a local model cache")]
    NoCache { label: &'static str },
    #[error("command and args of storage-initializer are the operator's: yours are ignored")]
    StorageInitializerOverride,
    #[error("Secret {name:?} of ServiceAccount {account:?} not found: no credentials are taken from it")]
    AccountSecretMissing { name: String, account: String },
    #[error("{uri:?} does not begin with the cache's source {source_uri:?}: the cache is not used")]
    CacheMismatch { uri: String, source_uri: String },
}
