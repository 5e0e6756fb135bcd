//! The key pairs as they stand in the Secret: `ca.crt` (all CAs that are trusted, the newest first), `ca.key` (the
//! newest one's), `tls.crt` and `tls.key`.

use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::object::TlsRequest;
use llmisvc_core::rotation::{self, Keys, Leaf};
use llmisvc_core::tree;
use rcgen::KeyPair;
use serde_json::{Map, Value, json};

use crate::tls::cert::{self, Cert, later};
use crate::tls::issue::{self, Validity};
use crate::tls::{Authority, TlsError, bytes};

#[cfg(test)]
pub mod tests;

/// Name of the Secret in the system namespace (`reference/api.md §5.2`).
pub const SECRET: &str = "llmisvc-webhook-server-cert";
/// Annotation by which a user asks for a new CA; taken off when the rotation begins.
pub const ROTATE: &str = "llmisvc.io/rotate";
/// Annotations in which the replicas say what they serve: a hash of the replica's name, and a fingerprint.
const SERVES: &str = "webhook.llmisvc.io/";
/// Annotation of a Secret that cert-manager writes.
const CERT_MANAGER: &str = "cert-manager.io/certificate-name";
/// So many entries of replicas are kept: those that live enter themselves again.
const REPLICAS: usize = 32;

/// How long certificates live.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// Of a leaf; a CA lives ten times as long.
    pub leaf: Duration,
}

impl Lives {
    fn authority(self) -> Duration {
        self.leaf.saturating_mul(10)
    }
}

/// From a little before now: an API server's clock may be behind ours.
fn validity(life: Duration, now: Timestamp) -> Validity {
    let before = (life / 10).min(Duration::from_mins(5));
    (now.checked_sub(before).unwrap_or(now), later(now, life))
}

/// An empty Secret.
pub fn empty(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": SECRET,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "llmisvc-operator"},
        },
        "type": "kubernetes.io/tls",
        "data": {},
    })
}

/// Whether cert-manager writes this Secret; then we only read it.
pub fn is_given(secret: &Value) -> bool {
    !tree::text(secret, &["metadata", "annotations", CERT_MANAGER]).is_empty()
}

/// The CAs that are trusted.
pub fn bundle(secret: &Value) -> Vec<Cert> {
    cert::data(secret, "ca.crt").map(|pem| cert::bundle(&pem)).unwrap_or_default()
}

/// What the rotation has to know of the Secret.
pub fn read(secret: &Value, request: &TlsRequest) -> Keys {
    let trusted = if authority(secret).is_some() { bundle(secret) } else { Vec::new() };
    let ca = |c: &Cert| rotation::Authority { id: c.fingerprint(), renewal: c.two_thirds(), to: c.to };
    let annotations = tree::strings(secret, &["metadata", "annotations"]);
    let serving = annotations.iter().filter(|(key, _)| key.starts_with(SERVES));
    Keys {
        authorities: trusted.iter().map(ca).collect(),
        leaf: leaf(secret, &trusted, request),
        asked: annotations.contains_key(ROTATE),
        serving: serving.map(|(_, id)| id.clone()).collect(),
    }
}

fn authority(secret: &Value) -> Option<Authority> {
    let newest = bundle(secret).into_iter().next()?;
    let pem = String::from_utf8(cert::data(secret, "ca.key")?).ok()?;
    Authority::new(newest, KeyPair::from_pem(&pem).ok()?)
}

fn leaf(secret: &Value, trusted: &[Cert], request: &TlsRequest) -> Option<Leaf> {
    let own = cert::served(secret).ok().filter(|own| own.covers(request))?;
    cert::key(secret, &own).ok()?;
    let signer = trusted.iter().find(|ca| own.is_signed_by(ca))?;
    Some(Leaf { id: own.fingerprint(), signer: signer.fingerprint(), renewal: own.two_thirds(), to: own.to })
}

/// Makes what the steps of a rotation write.
pub struct Maker<'a> {
    /// Names of the webhook server.
    pub request: &'a TlsRequest,
    /// How long certificates live.
    pub lives: Lives,
    /// The time.
    pub now: Timestamp,
}

impl Maker<'_> {
    /// A CA and a leaf. What was trusted stays trusted: replicas may still serve what it signed.
    pub fn begin(&self, secret: Value) -> Result<Value, TlsError> {
        self.introduce(secret).and_then(|secret| self.sign(secret))
    }

    /// Another CA that is trusted; it signs nothing yet.
    pub fn introduce(&self, mut secret: Value) -> Result<Value, TlsError> {
        let pair = issue::authority("llmisvc-webhook-server", validity(self.lives.authority(), self.now))?;
        let lives = |ca: &Cert| ca.to > self.now && ca.is_authority();
        let before: Vec<Cert> = bundle(&secret).into_iter().filter(lives).collect();
        put(&mut secret, "ca.crt", pair.certificate + &cert::text(&before));
        put(&mut secret, "ca.key", pair.key);
        forget_replicas(&mut secret, |key, _| key == ROTATE || key.starts_with(SERVES));
        Ok(secret)
    }

    /// Another leaf, signed by the newest CA.
    pub fn sign(&self, mut secret: Value) -> Result<Value, TlsError> {
        let broken = || TlsError::BrokenAuthority(SECRET.to_owned(), "ca.key is not the key to ca.crt");
        let authority = authority(&secret).ok_or_else(broken)?;
        let pair = issue::leaf(self.request, &authority, validity(self.lives.leaf, self.now))?;
        put(&mut secret, "tls.crt", pair.certificate);
        put(&mut secret, "tls.key", pair.key);
        Ok(secret)
    }
}

/// Trusts the newest CA only. Replicas that never said that they serve the leaf are gone.
pub fn forget(mut secret: Value) -> Value {
    let newest: Vec<Cert> = bundle(&secret).into_iter().take(1).collect();
    let served = cert::served(&secret).map(|leaf| leaf.fingerprint()).unwrap_or_default();
    put(&mut secret, "ca.crt", cert::text(&newest));
    forget_replicas(&mut secret, |key, id| key.starts_with(SERVES) && *id != served);
    secret
}

/// Says what a replica serves; none when the Secret says so already.
pub fn announced(secret: &Value, replica: &str, leaf: &str) -> Option<Value> {
    let key = format!("{SERVES}{replica}");
    let annotations = tree::strings(secret, &["metadata", "annotations"]);
    if annotations.get(&key).is_some_and(|id| id == leaf) {
        return None;
    }
    let mut secret = secret.clone();
    if annotations.keys().filter(|key| key.starts_with(SERVES)).count() >= REPLICAS {
        forget_replicas(&mut secret, |key, _| key.starts_with(SERVES));
    }
    annotations_of(&mut secret).insert(key, json!(leaf));
    Some(secret)
}

fn annotations_of(secret: &mut Value) -> &mut Map<String, Value> {
    tree::object(tree::entry(secret, "metadata"), "annotations")
}

fn forget_replicas(secret: &mut Value, goes: impl Fn(&str, &Value) -> bool) {
    annotations_of(secret).retain(|key, value| !goes(key, value));
}

fn put(secret: &mut Value, key: &str, pem: String) {
    tree::object(secret, "data").insert(key.to_owned(), bytes(pem));
}
