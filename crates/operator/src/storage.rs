//! Stored versions: objects that were stored in an older version of the API are stored anew, so that the version can
//! be taken out of the CRD (`reference/api.md §1.5`).
//!
//! A change of nothing is written where the stored text is of another version, and costs no write where it is not. So
//! nothing has to be remembered: whatever ends on the way begins again.

use std::sync::Arc;
use std::time::Duration;

use llmisvc_core::tree;
use llmisvc_kinds::Served;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::context::Context;
use crate::metrics::Rewrite;
use crate::resources::{self, crd_name};
use crate::wire::{Place, WireError, chain};

/// Objects that are asked for at once.
const PAGE: usize = 50;
/// API servers take a moment to store in another version after the CRD says so; until then nothing is written.
const SETTLE: Duration = Duration::from_secs(5);
/// The pause after a first failure; it doubles up to [`CEILING`].
const PAUSE: Duration = Duration::from_secs(1);
const CEILING: Duration = Duration::from_mins(5);

/// Why not everything is stored in the current version.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A request failed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The API server refuses objects as they are.
    #[error("{count} of {kind} cannot be stored anew; the first is {first}: correct it, or delete it")]
    Refused {
        /// How many.
        count: usize,
        /// Their kind.
        kind: &'static str,
        /// Namespace and name of the first, and what the server says.
        first: String,
    },
}

/// Looks after the objects of one kind for good: once at the start, and whenever its CRD has changed. Blocks nothing.
pub async fn keep(ctx: Arc<Context>, served: Served) {
    let mut changes = ctx.crds.subscribe();
    loop {
        settled(&mut changes).await;
        let mut pause = PAUSE;
        while let Err(error) = migrate(&ctx, &served).await {
            tracing::warn!(
                kind = served.kind,
                error = chain(&error),
                "stored versions stay as they are for now"
            );
            drop(tokio::time::timeout(pause, changes.changed()).await);
            pause = (pause * 2).min(CEILING);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Returns once the CRDs have not changed for a while.
async fn settled(changes: &mut watch::Receiver<()>) {
    while let Ok(Ok(())) = tokio::time::timeout(SETTLE, changes.changed()).await {}
}

/// Stores every object anew if there may be any of an older version, and then says in the CRD that there is none.
pub async fn migrate(ctx: &Context, served: &Served) -> Result<(), StorageError> {
    let name = crd_name(served);
    let place = Place { served: &resources::CRD, namespace: "", name: &name };
    let Some(crd) = ctx.wire.get(place).await? else { return Ok(()) };
    if !is_due(&crd, served.version) {
        return Ok(());
    }
    let stored = tree::get(&crd, &["status", "storedVersions"]).cloned().unwrap_or_default();
    tracing::info!(kind = served.kind, from = %stored, to = served.version, "objects are stored anew");
    let count = rewrite_all(ctx, served).await?;
    let ops = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": tree::text(&crd, &["metadata", "resourceVersion"])},
        {"op": "replace", "path": "/status/storedVersions", "value": [served.version]},
    ]);
    ctx.wire.json_patch(place, "/status", &ops).await?;
    tracing::info!(
        kind = served.kind,
        count,
        version = served.version,
        "all objects are stored in this version"
    );
    Ok(())
}

/// The version is the one that is stored, and not the only one that ever was.
fn is_due(crd: &Value, version: &str) -> bool {
    let versions = tree::list(crd, &["spec", "versions"]).iter();
    let mut storage = versions.filter(|v| v.get("storage") == Some(&json!(true)));
    let is_stored = storage.any(|v| tree::text(v, &["name"]) == version);
    let stored = tree::list(crd, &["status", "storedVersions"]);
    is_stored && stored.iter().any(|v| v != version)
}

async fn rewrite_all(ctx: &Context, served: &Served) -> Result<usize, StorageError> {
    let mut token = String::new();
    let (mut count, mut refused) = (0, Vec::new());
    loop {
        let path = format!("/apis/{}/{}?limit={PAGE}&continue={token}", served.api_version(), served.plural);
        let page = ctx.wire.get_path(&path).await?.unwrap_or_default();
        for object in tree::list(&page, &["items"]) {
            count += 1;
            refused.extend(rewrite(ctx, served, object).await?);
        }
        tree::text(&page, &["metadata", "continue"]).clone_into(&mut token);
        if token.is_empty() {
            break;
        }
    }
    let refusals = refused.len();
    match refused.into_iter().next() {
        None => Ok(count),
        Some(first) => Err(StorageError::Refused { count: refusals, kind: served.kind, first }),
    }
}

/// What the server has against it, if anything. One that was changed or deleted in the meantime is done.
async fn rewrite(ctx: &Context, served: &Served, object: &Value) -> Result<Option<String>, WireError> {
    let text = |key| tree::text(object, &["metadata", key]);
    let (namespace, name) = (text("namespace"), text("name"));
    let place = Place { served, namespace, name };
    let nothing = json!({"metadata": {"resourceVersion": text("resourceVersion")}});
    let permit = ctx.writes.acquire().await;
    let answer = ctx.wire.merge_patch(place, &nothing).await;
    drop(permit);
    let refused = match answer {
        Ok(_) => None,
        Err(error) => match error.code() {
            Some(404 | 409) => None,
            Some(400 | 403 | 422) => Some(format!("{namespace}/{name}: {}", chain(&error))),
            _ => return Err(error),
        },
    };
    let result = if refused.is_none() { Rewrite::Done } else { Rewrite::Refused };
    ctx.metrics.stored_anew(served.kind, result);
    Ok(refused)
}
