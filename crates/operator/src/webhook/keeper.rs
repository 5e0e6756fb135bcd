//! Keeps the certificate of the webhooks, and that whoever calls them trusts it.
//!
//! Every replica does this, leader or not, since webhooks are needed before there is a leader. Each write names the
//! version that it replaces, so of two replicas one wins and the other looks again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::facts::Ref;
use llmisvc_core::object::TlsRequest;
use llmisvc_core::rotation::{self, Pace, Step};
use llmisvc_core::tree;
use serde_json::Value;
use tokio::sync::mpsc;

use super::keys::{self, Lives, Maker};
use super::known::{Change, Given, Known, Shown};
use super::serving::{Pair, PairError, Serving};
use super::targets::{CALLERS, Target, Trust};
use super::{directory, watching};
use crate::context::Context;
use crate::resources::SECRET;
use crate::tls::{TlsError, cert};
use crate::wire::{Place, WireError, chain};

/// Pause after something failed.
const RETRY: Duration = Duration::from_secs(5);
/// Nothing is left alone for longer.
const LONGEST: Duration = Duration::from_hours(1);
/// Steps in one go; more means that replicas disagree.
const STEPS: usize = 8;

/// Why the certificate or its trust is not as it should be. No message shows a key.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The Secret could not be read or written.
    #[error("the Secret {name} with the webhooks' certificate in namespace {0}", name = keys::SECRET)]
    Secret(String, #[source] WireError),
    /// A caller could not be told whom to trust.
    #[error("the CA bundle of {0} {1}")]
    Caller(&'static str, &'static str, #[source] WireError),
    /// The pair cannot be served.
    #[error("the webhooks' certificate")]
    Pair(#[from] PairError),
    /// No certificate could be made.
    #[error("the webhooks' certificate")]
    Issue(#[from] TlsError),
    /// Another writes against us.
    #[error("the Secret {name} in namespace {0} changes again and again", name = keys::SECRET)]
    Unsettled(String),
}

/// Where the pair comes from.
pub enum Source {
    /// Made and rotated here, shared in the Secret.
    Own {
        /// Names of the server.
        request: TlsRequest,
        /// How long certificates live.
        lives: Lives,
        /// How long to wait between the steps of a rotation.
        pace: Pace,
    },
    /// From files that somebody else renews.
    Directory(PathBuf),
}

/// See the module.
pub struct Keeper {
    /// Requests and watches.
    pub ctx: Arc<Context>,
    /// What the server serves.
    pub serving: Arc<Serving>,
    /// Where it comes from.
    pub source: Source,
    /// This replica, as it is called in annotations.
    pub replica: String,
}

/// How a pass went on.
enum Next {
    /// Look again at what is known now.
    Again,
    /// Nothing to do before this time.
    Rest(Timestamp),
}

impl Keeper {
    /// Runs for good.
    pub async fn run(self) {
        let (sender, mut changes) = mpsc::unbounded_channel();
        self.watch(&sender);
        let (mut known, mut told) = (Known::default(), None);
        loop {
            let rest = self.go(&mut known, &mut told).await;
            tokio::select! {
                change = changes.recv() => known.absorb(change.expect("a sender is held here")),
                () = tokio::time::sleep(rest.min(LONGEST)) => {}
            }
            while let Ok(change) = changes.try_recv() {
                known.absorb(change);
            }
        }
    }

    fn watch(&self, sender: &mpsc::UnboundedSender<Change>) {
        match &self.source {
            Source::Own { .. } => {
                let place = Ref::new(self.namespace(), keys::SECRET);
                watching::start(&self.ctx, (SECRET, place), sender.clone(), Change::Secret);
            }
            Source::Directory(path) => directory::start(path.clone(), sender.clone()),
        }
        for (index, caller) in CALLERS.into_iter().enumerate() {
            let namespace = self.namespace().to_owned();
            let change = move |object: Option<Value>| {
                let target = object.map(|object| Target::read(&object, &namespace));
                if let Some(elsewhere) = target.as_ref().and_then(|target| target.elsewhere.as_ref()) {
                    let (kind, name) = (caller.served.kind, caller.name);
                    tracing::warn!(
                        kind,
                        name,
                        elsewhere,
                        namespace,
                        "calls the webhooks of another namespace: install the manifests for this one"
                    );
                }
                Change::Caller(index, target)
            };
            watching::start(&self.ctx, (caller.served, Ref::new("", caller.name)), sender.clone(), change);
        }
    }

    fn namespace(&self) -> &str {
        &self.ctx.options.system_namespace
    }

    /// Does what is to be done, and says how long nothing is. An error is told once.
    async fn go(&self, known: &mut Known, told: &mut Option<String>) -> Duration {
        match self.settle(known).await {
            Ok(until) => {
                *told = None;
                let left = until.duration_since(Timestamp::now());
                Duration::try_from(left).unwrap_or_default()
            }
            Err(error) => {
                let error = chain(&error);
                if told.as_ref() != Some(&error) {
                    tracing::warn!(error, "the webhooks are not settled");
                }
                *told = Some(error);
                RETRY
            }
        }
    }

    /// Goes through steps until there is none to take now.
    pub async fn settle(&self, known: &mut Known) -> Result<Timestamp, KeepError> {
        for _ in 0..STEPS {
            if let Next::Rest(until) = self.pass(known).await? {
                return Ok(until);
            }
        }
        Err(KeepError::Unsettled(self.namespace().to_owned()))
    }

    async fn pass(&self, known: &mut Known) -> Result<Next, KeepError> {
        let Source::Own { request, lives, pace } = &self.source else {
            let given = known.files.clone();
            return self.take(known, given).await;
        };
        let secret = match &known.secret {
            Shown::Unknown => return Ok(Next::Rest(Timestamp::MAX)),
            Shown::Missing => keys::empty(self.namespace()),
            Shown::There(secret) => secret.clone(),
        };
        if keys::is_given(&secret) {
            let given = Given { pair: pair(&secret)?, bundle: keys::bundle(&secret) };
            return self.take(known, Some(given)).await;
        }
        let now = Timestamp::now();
        let keys = keys::read(&secret, request);
        if let Some(leaf) = &keys.leaf {
            self.serve(&leaf.id, || pair(&secret))?;
        }
        let trust = Trust { bundle: keys::bundle(&secret), exactly: true };
        let seen = known.seen(&keys, &trust, now);
        let step = rotation::next(&keys, &seen, pace);
        let maker = Maker { request, lives: *lives, now };
        let next = match step {
            Step::Rest(until) => return self.rest(known, &secret, &trust, until).await,
            Step::Begin => maker.begin(secret)?,
            Step::Introduce => maker.introduce(secret)?,
            Step::Sign => maker.sign(secret)?,
            Step::Forget => keys::forget(secret),
        };
        tracing::info!(?step, "the webhooks' certificate");
        self.write(known, next).await
    }

    /// Between the steps: this replica says what it serves, and callers are told whom to trust.
    async fn rest(
        &self,
        known: &mut Known,
        secret: &Value,
        trust: &Trust,
        until: Timestamp,
    ) -> Result<Next, KeepError> {
        if let Some(said) = self.serving.id().and_then(|id| keys::announced(secret, &self.replica, &id)) {
            return self.write(known, said).await;
        }
        if known.doubting(trust).is_empty() {
            return Ok(Next::Rest(until));
        }
        // A caller may have been told of a newer CA by somebody who knows a newer Secret than this watch has shown.
        let fresh = self.fresh().await?;
        if version(fresh.as_ref()) != version(Some(secret)) {
            known.secret = fresh.into();
            return Ok(Next::Again);
        }
        self.inject(known, trust).await?;
        Ok(Next::Again)
    }

    /// A pair of somebody else: served as it is, and what signed it is trusted besides.
    async fn take(&self, known: &mut Known, given: Option<Given>) -> Result<Next, KeepError> {
        let Some(Given { pair, bundle }) = given else { return Ok(Next::Rest(Timestamp::MAX)) };
        self.serve(&pair.id.clone(), || Ok(pair))?;
        let trust = Trust { bundle, exactly: false };
        if known.doubting(&trust).is_empty() {
            return Ok(Next::Rest(Timestamp::MAX));
        }
        self.inject(known, &trust).await?;
        Ok(Next::Again)
    }

    fn serve(&self, id: &str, pair: impl FnOnce() -> Result<Pair, PairError>) -> Result<(), PairError> {
        if self.serving.id().is_some_and(|served| served == id) {
            return Ok(());
        }
        let pair = pair()?;
        self.ctx.metrics.certificate_ends(pair.to);
        tracing::info!(leaf = id, until = %pair.to, "the webhooks serve a new certificate");
        self.serving.put(pair);
        Ok(())
    }

    /// Writes the Secret, if it is still the one that was looked at.
    async fn write(&self, known: &mut Known, secret: Value) -> Result<Next, KeepError> {
        let written = if version(Some(&secret)).is_empty() {
            self.ctx.wire.post(self.place(), &secret).await
        } else {
            self.ctx.wire.put(self.place(), &secret).await
        };
        match written {
            Ok(secret) => known.secret = Shown::There(secret),
            Err(error) if error.code() == Some(409) => known.secret = self.fresh().await?.into(),
            Err(error) => {
                if error.code() == Some(404) && version(Some(&secret)).is_empty() {
                    // Without its namespace nobody can call this server, which is up all the same.
                    self.serve("", || pair(&secret))?;
                }
                return Err(KeepError::Secret(self.namespace().to_owned(), error));
            }
        }
        Ok(Next::Again)
    }

    async fn fresh(&self) -> Result<Option<Value>, KeepError> {
        let secret = self.ctx.wire.get(self.place()).await;
        secret.map_err(|error| KeepError::Secret(self.namespace().to_owned(), error))
    }

    fn place(&self) -> Place<'_> {
        Place { served: &SECRET, namespace: self.namespace(), name: keys::SECRET }
    }

    /// Tells each caller whom to trust. One that has changed since, or is gone, is looked at anew.
    async fn inject(&self, known: &mut Known, trust: &Trust) -> Result<(), KeepError> {
        for (index, caller, patch) in known.doubting(trust) {
            let failed = |error| KeepError::Caller(caller.served.kind, caller.name, error);
            let object = match self.ctx.wire.json_patch(caller.place(), "", &patch).await {
                Ok(object) => Some(object),
                Err(error) if matches!(error.code(), Some(404 | 409 | 422)) => {
                    let live = self.ctx.wire.get(caller.place()).await.map_err(failed)?;
                    if live.as_ref().is_some_and(|live| tested(&patch) == version(Some(live))) {
                        return Err(failed(error));
                    }
                    live
                }
                Err(error) => return Err(failed(error)),
            };
            known.callers.insert(index, object.map(|object| Target::read(&object, self.namespace())));
        }
        Ok(())
    }
}

fn pair(secret: &Value) -> Result<Pair, PairError> {
    let part = |key| cert::data(secret, key).unwrap_or_default();
    Pair::read(&part("tls.crt"), &part("tls.key"))
}

fn version(object: Option<&Value>) -> &str {
    object.map(|object| tree::text(object, &["metadata", "resourceVersion"])).unwrap_or_default()
}

/// The version that a patch of ours is for.
fn tested(patch: &Value) -> &str {
    patch.get(0).map(|op| tree::text(op, &["value"])).unwrap_or_default()
}
