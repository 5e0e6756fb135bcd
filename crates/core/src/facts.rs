//! What the core asks of the cluster, and the answers.
//!
//! A step calls [`Seen::get`]; a key nobody answered yet is remembered and reads as absent. When a pass has
//! left keys behind, its result is thrown away, the shell answers them, and the pass runs again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::tree;

/// One thing that a step wants to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `LLMInferenceServiceConfig`.
    Config(Ref),
    /// Names of the configs in a namespace, for messages: answered with a list of strings.
    ConfigNames(String),
    /// ConfigMap with a scheduler configuration.
    ConfigMap(Ref),
    /// ConfigMap with a CA bundle: answered with a hash of it, see [`crate::ca_bundle::reduce`].
    CaBundle(Ref),
    /// ServiceAccount named by a pod template, or `default`.
    ServiceAccount(Ref),
    /// Storage credentials: answered with name, type, annotations and the *names* of the data keys, as
    /// `{metadata: {name, annotations}, type, keys: [..]}`. Values never reach the core.
    Secret(Ref),
    /// Gateway (`gateway.networking.k8s.io/v1`).
    Gateway(Ref),
    /// GatewayClass of a Gateway; cluster-scoped, so the namespace is empty.
    GatewayClass(Ref),
    /// Ingress that the service refers to but does not own.
    Ingress(Ref),
    /// PersistentVolumeClaim that a pod of the service uses.
    Claim(Ref),
    /// HTTPRoute that the service refers to but does not own.
    HttpRoute(Ref),
    /// InferencePool (v1) that the service refers to but does not own.
    InferencePool(Ref),
    /// The same of the older group (`inference.networking.x-k8s.io/v1alpha2`).
    OlderInferencePool(Ref),
    /// The Service behind a Gateway: labelled `gateway.networking.k8s.io/gateway-name`, else of its name.
    GatewayService(Ref),
    /// The pods of the service of this name, reduced: answered as by [`crate::pods::answer`], also when there are
    /// none. Who asks is woken by every change of one of them, so only who needs them asks.
    Pods(Ref),
    /// Other services of the namespace that publish one of this service's model names: answered with a list of their
    /// names, absent when there are none. Who asks is woken when one comes, goes or changes its names.
    Namesakes(Ref),
    /// The pods of the service of this name that are in trouble: answered as by [`crate::cause::answer`], also when
    /// there are none. Pods that come, go and start as they should wake nobody who asks.
    Troubles(Ref),
    /// The members of a traffic group by namespace and name, as they have published themselves: answered with
    /// [`crate::traffic::Members`]. Who asks is woken when one of them publishes something else.
    Group(Ref),
}

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Ref {
    /// A reference.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl std::fmt::Display for Ref {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The answer to [`Key::Secret`]: the names of the data keys, not their values. Of the annotations those that
/// configure storage: `kubectl apply` leaves the whole data in one of its own.
pub fn reduce_secret(secret: &Value) -> Value {
    let data = ["data", "stringData"].iter().filter_map(|field| secret.get(field)?.as_object());
    let keys: BTreeSet<&String> = data.flat_map(|entries| entries.keys()).collect();
    let mut annotations = tree::strings(secret, &["metadata", "annotations"]);
    annotations.retain(|key, _| key.starts_with("serving.kserve.io/"));
    json!({
        "metadata": {"name": tree::text(secret, &["metadata", "name"]), "annotations": annotations},
        "type": tree::text(secret, &["type"]),
        "keys": keys,
    })
}

/// What the cluster says about a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// There is no such object.
    Absent,
    /// The object, whole but for managed fields.
    Found(Arc<Value>),
    /// It could not be read (forbidden, time-out, malformed): nothing may be torn down because of this.
    Unreadable(String),
}

impl Answer {
    /// The object, if found.
    pub fn found(&self) -> Option<&Value> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }
}

/// The answers so far, and the questions still open.
#[derive(Debug, Default)]
pub struct Seen {
    answers: BTreeMap<Key, Answer>,
    open: RefCell<BTreeSet<Key>>,
    touched: RefCell<BTreeSet<Key>>,
}

static ABSENT: Answer = Answer::Absent;

impl Seen {
    /// The answer to `key`; an open question is remembered and reads as absent for now.
    pub fn get(&self, key: &Key) -> &Answer {
        if !self.touched.borrow().contains(key) {
            self.touched.borrow_mut().insert(key.clone());
        }
        self.answers.get(key).unwrap_or_else(|| {
            self.open.borrow_mut().insert(key.clone());
            &ABSENT
        })
    }

    /// Records an answer.
    pub fn insert(&mut self, key: Key, answer: Answer) {
        self.answers.insert(key, answer);
    }

    /// The keys whose answer could not be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &Key> {
        let unreadable = |answer: &Answer| matches!(answer, Answer::Unreadable(_));
        self.answers.iter().filter(move |(_, answer)| unreadable(answer)).map(|(key, _)| key)
    }

    /// Takes the questions that came up since the last call.
    pub fn take_open(&self) -> BTreeSet<Key> {
        self.open.take()
    }

    /// Takes the keys that were looked up since the last call: what has been decided since then depends on these
    /// and on no other.
    pub fn take_touched(&self) -> BTreeSet<Key> {
        self.touched.take()
    }

    /// Every key that was answered.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.answers.keys()
    }
}

/// What the core knows about the cluster as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// DNS domain, `cluster.local` by default.
    pub domain: String,
    /// Namespace of the operator, its presets and its ConfigMap.
    pub system_namespace: String,
    /// Prefix of preset names, `kserve-` in the peer; ours carries the version.
    pub config_prefix: String,
    /// Whether preset names are pinned in `status.annotations`.
    pub pin_configs: bool,
    /// Optional kinds that the cluster serves; by default those that current releases install.
    pub served: BTreeSet<llmisvc_kinds::Kind>,
}

/// Plain prefix of presets that KServe installs; looked up after the versioned name.
pub const PLAIN_PREFIX: &str = "kserve-";
/// Prefix of the presets that this release ships.
pub const OWN_PREFIX: &str = concat!(
    "llmisvc-v",
    env!("CARGO_PKG_VERSION_MAJOR"),
    "-",
    env!("CARGO_PKG_VERSION_MINOR"),
    "-",
    env!("CARGO_PKG_VERSION_PATCH"),
    "-"
);

impl Default for Cluster {
    fn default() -> Self {
        Self {
            domain: "cluster.local".to_owned(),
            system_namespace: "kserve".to_owned(),
            config_prefix: OWN_PREFIX.to_owned(),
            pin_configs: true,
            served: llmisvc_kinds::Kind::ALL.iter().copied().filter(|kind| !PAST.contains(kind)).collect(),
        }
    }
}

/// Kinds that no current release of the Inference Extension installs.
const PAST: [llmisvc_kinds::Kind; 2] =
    [llmisvc_kinds::Kind::OlderInferencePool, llmisvc_kinds::Kind::InferenceModel];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_the_names_of_its_keys() {
        let applied = r#"{"data": {"HF_TOKEN": "c2VjcmV0"}}"#;
        let annotations = json!({
            "kubectl.kubernetes.io/last-applied-configuration": applied,
            "serving.kserve.io/s3-region": "eu-1",
        });
        let secret = json!({
            "metadata": {"name": "s", "annotations": annotations},
            "type": "Opaque",
            "data": {"HF_TOKEN": "c2VjcmV0"},
        });
        let kept = json!({"serving.kserve.io/s3-region": "eu-1"});
        let reduced =
            json!({"metadata": {"name": "s", "annotations": kept}, "type": "Opaque", "keys": ["HF_TOKEN"]});
        assert_eq!(reduce_secret(&secret), reduced);
    }
}
