//! The leader's Lease: one operator works, others wait with warm watches.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::tree;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::resources;
use crate::wire::{Place, Wire, WireError};

/// Name of the Lease, as the peer's.
pub const NAME: &str = "llminferenceservice-kserve-controller-manager";
/// A holder that has not renewed for this long is gone.
const DURATION: Duration = Duration::from_secs(15);
/// A leader that could not renew for this long stops before others take over.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pause between tries.
const RETRY: Duration = Duration::from_secs(2);

/// One candidate.
pub struct Lease {
    wire: Wire,
    namespace: String,
    identity: String,
    /// What was last seen, and when: another's clock is not compared with ours.
    observed: Option<(String, Instant)>,
}

impl Lease {
    /// A candidate under this name.
    pub fn new(wire: Wire, namespace: &str, identity: &str) -> Self {
        Self { wire, namespace: namespace.to_owned(), identity: identity.to_owned(), observed: None }
    }

    fn place(&self) -> Place<'_> {
        Place { served: &resources::LEASE, namespace: &self.namespace, name: NAME }
    }

    /// Returns when the Lease is held.
    pub async fn acquire(&mut self) {
        loop {
            match self.try_hold().await {
                Ok(true) => break tracing::info!(identity = self.identity, "leading"),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = crate::wire::chain(&error), "lease not acquired");
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Renews; returns when the Lease is lost.
    pub async fn hold(&mut self) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(RETRY).await;
            let left = DEADLINE.saturating_sub(renewed.elapsed());
            match within(left, self.renew()).await {
                Some(Ok(Renewal::Held)) => renewed = Instant::now(),
                Some(Ok(Renewal::Lost)) => return tracing::error!("another operator holds the lease"),
                Some(Err(error)) => {
                    tracing::warn!(error = crate::wire::chain(&error), "lease not renewed");
                }
                Some(Ok(Renewal::Raced)) | None => {}
            }
            if renewed.elapsed() >= DEADLINE {
                return tracing::error!("the lease could not be renewed in time");
            }
        }
    }

    /// One renewal; a write that only met a newer version has not lost the Lease yet.
    async fn renew(&mut self) -> Result<Renewal, WireError> {
        if self.try_hold().await? {
            return Ok(Renewal::Held);
        }
        let lease = self.wire.get(self.place()).await?;
        let lost = lease.is_some_and(|l| tree::text(&l, &["spec", "holderIdentity"]) != self.identity);
        Ok(if lost { Renewal::Lost } else { Renewal::Raced })
    }

    /// Gives the Lease up, so that another need not wait for it to run out.
    pub async fn release(&mut self) {
        let Ok(Some(mut lease)) = self.wire.get(self.place()).await else { return };
        if tree::text(&lease, &["spec", "holderIdentity"]) != self.identity {
            return;
        }
        let spec = tree::object(&mut lease, "spec");
        spec.insert("holderIdentity".to_owned(), json!(""));
        spec.insert("leaseDurationSeconds".to_owned(), json!(1));
        if let Err(error) = self.wire.put(self.place(), &lease).await {
            tracing::warn!(error = crate::wire::chain(&error), "lease not released");
        }
    }

    /// One try to take or renew it. False: another holds it, or was faster.
    async fn try_hold(&mut self) -> Result<bool, WireError> {
        let Some(mut lease) = self.wire.get(self.place()).await? else {
            return won(self.wire.post(self.place(), &self.fresh()).await);
        };
        let holder = tree::text(&lease, &["spec", "holderIdentity"]).to_owned();
        if holder != self.identity && !holder.is_empty() && !self.expired(&lease) {
            return Ok(false);
        }
        let old = lease.get("spec").cloned().unwrap_or_default();
        *tree::entry(&mut lease, "spec") = self.spec(&old, holder == self.identity);
        won(self.wire.put(self.place(), &lease).await)
    }

    /// Whether the holder has let a whole duration pass, by our clock, without a change.
    fn expired(&mut self, lease: &Value) -> bool {
        let version = tree::text(lease, &["metadata", "resourceVersion"]).to_owned();
        let seconds = tree::get(lease, &["spec", "leaseDurationSeconds"]).and_then(Value::as_u64);
        let duration = seconds.map_or(DURATION, Duration::from_secs);
        match &self.observed {
            Some((known, since)) if *known == version => since.elapsed() >= duration,
            _ => {
                self.observed = Some((version, Instant::now()));
                false
            }
        }
    }

    fn fresh(&self) -> Value {
        json!({
            "apiVersion": resources::LEASE.api_version(),
            "kind": resources::LEASE.kind,
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": self.spec(&Value::Null, false),
        })
    }

    fn spec(&self, old: &Value, renewal: bool) -> Value {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let transitions = tree::get(old, &["leaseTransitions"]).and_then(Value::as_i64).unwrap_or_default();
        let since = tree::get(old, &["acquireTime"]).filter(|_| renewal).cloned();
        json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": DURATION.as_secs(),
            "acquireTime": since.unwrap_or_else(|| json!(now)),
            "renewTime": now,
            "leaseTransitions": if renewal || old.is_null() { transitions } else { transitions + 1 },
        })
    }
}

/// What came of a renewal.
enum Renewal {
    Held,
    Lost,
    Raced,
}

/// A conflict means that another was faster.
fn won(written: Result<Value, WireError>) -> Result<bool, WireError> {
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(409) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn within<T>(left: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(left, future).await.ok()
}
