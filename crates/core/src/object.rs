//! Desired objects, and the live ones they are compared with.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use llmisvc_kinds::Kind;
use serde_json::{Map, Value, json};

use crate::labels::Labels;
use crate::tree;

/// A child as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The whole object as YAML would have it, without `status`.
    pub body: Value,
    /// For a TLS Secret: what the shell has to put into `data`.
    pub tls: Option<Certificate>,
}

/// What the shell puts into the data of a TLS Secret. The core never sees keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// A key pair whose certificate is its own CA.
    SelfSigned(TlsRequest),
    /// The key pair of the service's CA.
    Authority,
    /// A key pair whose certificate the service's CA has signed.
    Leaf {
        /// What it must carry.
        request: TlsRequest,
        /// Name of the Secret with the CA, in the same namespace.
        authority: String,
    },
}

impl Certificate {
    /// The names it must carry; a CA carries none.
    pub const fn request(&self) -> Option<&TlsRequest> {
        match self {
            Self::SelfSigned(request) | Self::Leaf { request, .. } => Some(request),
            Self::Authority => None,
        }
    }

    /// Name of the Secret with the CA that signs it.
    pub fn authority(&self) -> Option<&str> {
        match self {
            Self::Leaf { authority, .. } => Some(authority),
            Self::SelfSigned(_) | Self::Authority => None,
        }
    }

    /// Its part of the hash of the desired object. A self-signed one is known by its names alone, as it was
    /// before there were others: another text would rewrite the Secret of every service.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::SelfSigned(request) => format!("{request:?}"),
            Self::Authority | Self::Leaf { .. } => format!("{self:?}"),
        }
    }
}

/// Names that a service's certificate must carry (`reference/workloads.md §8.7`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsRequest {
    /// DNS names, sorted.
    pub dns: Vec<String>,
    /// IP addresses, sorted; pod IPs are left out on purpose (`reference/router.md §20`, edge 1).
    pub ips: Vec<IpAddr>,
}

impl Object {
    /// An object with `apiVersion`, `kind` and metadata set; `rest` holds the other top-level fields.
    pub fn new(kind: Kind, namespace: &str, name: &str, labels: Labels, rest: Value) -> Self {
        let labels: Map<_, _> = labels.into_iter().map(|(key, label)| (key, Value::String(label))).collect();
        let mut metadata = json!({"name": name, "labels": labels});
        if kind.served().namespaced {
            *tree::entry(&mut metadata, "namespace") = json!(namespace);
        }
        let mut body = json!({
            "apiVersion": kind.served().api_version(),
            "kind": kind.served().kind,
            "metadata": metadata,
        });
        if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
            body.extend(rest);
        }
        Self { kind, name: name.to_owned(), body, tls: None }
    }
}

/// A child as the watch shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveObject {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// UID of the controlling owner, if any.
    pub controller: Option<String>,
    /// True while what was set stands in an `Update` entry of the managed fields, ours after a POST or a former
    /// controller's: the first apply turns it.
    pub created_by_post: bool,
    /// True once `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The object without managed fields.
    pub body: Arc<Value>,
}

/// All live children of one service, by kind and name.
pub type Live = BTreeMap<(Kind, String), LiveObject>;
