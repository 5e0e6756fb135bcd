//! The life of configs: finalizer, status, event, retirement. Who uses one is known from the watched services; what
//! follows is decided in `llmisvc_core::config`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use llmisvc_api::conditions::{kind, reason};
use llmisvc_core::config::{self, Step};
use llmisvc_core::facts::Ref;
use llmisvc_core::labels::CONFIG_FINALIZER;
use llmisvc_core::tree;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::context::Context;
use crate::events::{self, About, News};
use crate::memo::{backoff, shown};
use crate::metrics::ConfigWrite;
use crate::wire::{Place, WireError, chain};
use crate::{finalize, report, resources};

/// A status is written at most this often: services of a config that come together are one write.
const PACE: Duration = Duration::from_secs(1);
/// While a deletion in the system namespace waits, how often to ask whether the whole namespace goes.
const LOOK: Duration = Duration::from_secs(10);
/// Turns at once.
pub const CONCURRENCY: usize = 4;

/// What is remembered of a config between its turns.
#[derive(Debug, Default)]
pub struct Memory {
    failures: u32,
    wrote_at: Option<Instant>,
    written: report::Written,
    judged: Option<Judged>,
}

/// What is wrong with the spec of one generation: found once, since it takes longer than all else.
#[derive(Debug)]
struct Judged {
    uid: String,
    generation: Option<i64>,
    problems: Vec<String>,
}

impl Memory {
    fn problems(&mut self, ctx: &Context, config: &Value) -> &[String] {
        let uid = tree::text(config, &["metadata", "uid"]);
        let generation = tree::get(config, &["metadata", "generation"]).and_then(Value::as_i64);
        let same = |it: &Judged| it.uid == uid && it.generation == generation && generation.is_some();
        let judged = self.judged.take().filter(same).unwrap_or_else(|| Judged {
            uid: uid.to_owned(),
            generation,
            problems: config::problems(config, &ctx.stores.view().cluster),
        });
        &self.judged.insert(judged).problems
    }
}

/// One turn, and what follows from its outcome.
pub async fn reconcile(ctx: Arc<Context>, place: Ref) {
    let mut memory = ctx.take_memory(&place);
    let after = match turn(&ctx, &place, &mut memory).await {
        // It is gone, which the watch will show.
        Err(error) if error.code() == Some(404) => None,
        Err(error) => {
            complain(&place, &error);
            memory.failures = memory.failures.saturating_add(1);
            Some(backoff(memory.failures))
        }
        Ok(after) => {
            memory.failures = 0;
            after
        }
    };
    if ctx.stores.config(&place).is_some() {
        ctx.keep_memory(&place, memory);
    }
    if let Some(after) = after {
        ctx.stores.configs_due.add_after(place, after);
    }
}

/// A conflict is no news: the watch is about to show the newer version.
fn complain(place: &Ref, error: &WireError) {
    if error.code() == Some(409) {
        tracing::debug!(config = shown(place), error = chain(error), "config not updated");
    } else {
        tracing::warn!(config = shown(place), error = chain(error), "config not updated");
    }
}

/// Finalizer first, then the status: what the status calls used is protected already.
///
/// # Guarantees
///
/// A config whose use has not changed costs no request.
async fn turn(ctx: &Context, place: &Ref, memory: &mut Memory) -> Result<Option<Duration>, WireError> {
    let Some(mut config) = ctx.stores.config(place) else { return Ok(None) };
    let users = ctx.stores.users(place);
    let in_system = config::is_blocked(&config, &users) && place.namespace == ctx.options.system_namespace;
    let leaving = in_system && namespace_goes(ctx).await?;
    match config::step(&config, &users, &ctx.stores.view().cluster, leaving) {
        Step::Keep => {}
        Step::Hold => config = Arc::new(hold(ctx, place, &config).await?),
        Step::LetGo => {
            let deleted = config::is_deleting(&config);
            config = Arc::new(let_go(ctx, place, &config).await?);
            if deleted {
                return Ok(None);
            }
        }
        // Before the presets of this release stand, nothing of an older one goes.
        Step::Retire if !ctx.presets_installed.load(Ordering::Relaxed) => {}
        Step::Retire => return retire(ctx, place, &config).await.map(|()| None),
    }
    let wait = tell(ctx, place, &config, &users, memory).await?;
    Ok(wait.into_iter().chain((in_system && !leaving).then_some(LOOK)).min())
}

fn at(place: &Ref) -> Place<'_> {
    Place { served: &resources::CONFIG, namespace: &place.namespace, name: &place.name }
}

async fn hold(ctx: &Context, place: &Ref, config: &Value) -> Result<Value, WireError> {
    let all: Vec<&str> = finalize::finalizers(config).into_iter().chain([CONFIG_FINALIZER]).collect();
    let answer = finalize::set(ctx, at(place), config, &all).await?;
    ctx.metrics.config_written(ConfigWrite::Held);
    ctx.stores.refresh_config(answer.clone());
    Ok(answer)
}

async fn let_go(ctx: &Context, place: &Ref, config: &Value) -> Result<Value, WireError> {
    let rest: Vec<&str> =
        finalize::finalizers(config).into_iter().filter(|f| *f != CONFIG_FINALIZER).collect();
    let answer = finalize::set(ctx, at(place), config, &rest).await?;
    ctx.metrics.config_written(ConfigWrite::Released);
    tracing::info!(config = shown(place), "nobody uses it: released");
    ctx.stores.refresh_config(answer.clone());
    Ok(answer)
}

/// Deletes exactly this version: a change in between, such as a finalizer, keeps it.
async fn retire(ctx: &Context, place: &Ref, config: &Value) -> Result<(), WireError> {
    let text = |key: &str| tree::text(config, &["metadata", key]);
    ctx.wire.delete_version(at(place), text("uid"), text("resourceVersion")).await?;
    ctx.metrics.config_written(ConfigWrite::Retired);
    tracing::info!(preset = shown(place), "deleted: it is of an older release, and no service uses it");
    Ok(())
}

/// Writes the status when it says something new and the last write is long enough ago; gives how long it has to wait.
async fn tell(
    ctx: &Context,
    place: &Ref,
    config: &Value,
    users: &BTreeSet<Ref>,
    memory: &mut Memory,
) -> Result<Option<Duration>, WireError> {
    let status = config::status(config, users, memory.problems(ctx, config), &report::now());
    let old = config.get("status").unwrap_or(&Value::Null);
    if memory.written.is_old_news(old, &status) {
        return Ok(None);
    }
    let wait =
        memory.wrote_at.and_then(|then| PACE.checked_sub(then.elapsed())).filter(|wait| !wait.is_zero());
    if wait.is_some() {
        return Ok(wait);
    }
    memory.wrote_at = Some(Instant::now());
    let ops = json!([{"op": "add", "path": "/status", "value": status}]);
    let answer = ctx.wire.json_patch(at(place), "/status", &ops).await?;
    ctx.metrics.config_written(ConfigWrite::Status);
    memory.written.note(&status, answer.get("status").unwrap_or(&Value::Null));
    if let Some(message) = newly_blocked(old, &status) {
        let about = About::new(&resources::CONFIG, place, config);
        events::tell_about(ctx, about, News::warning(reason::DELETION_BLOCKED, message));
    }
    ctx.stores.refresh_config(answer);
    Ok(None)
}

/// The message of the event, which is sent once: the status remembers that it was.
fn newly_blocked<'a>(old: &Value, new: &'a Value) -> Option<&'a str> {
    let was = in_use(old).is_some_and(|c| tree::text(c, &["reason"]) == reason::DELETION_BLOCKED);
    let now = in_use(new).filter(|c| tree::text(c, &["reason"]) == reason::DELETION_BLOCKED)?;
    (!was).then(|| tree::text(now, &["message"]))
}

fn in_use(status: &Value) -> Option<&Value> {
    tree::list(status, &["conditions"]).iter().find(|c| tree::text(c, &["type"]) == kind::CONFIG_IN_USE)
}

/// Whether the namespace of the operator is being deleted, and the operator with it.
async fn namespace_goes(ctx: &Context) -> Result<bool, WireError> {
    let at = Place { served: &resources::NAMESPACE, namespace: "", name: &ctx.options.system_namespace };
    let namespace = ctx.wire.get(at).await?;
    Ok(namespace.is_some_and(|n| tree::get(&n, &["metadata", "deletionTimestamp"]).is_some()))
}

/// The last thing before the process ends: when its namespace goes, nobody would be left to let the configs in it go,
/// and the namespace would hang. Pods end before anything else in a namespace is deleted.
pub async fn leave(ctx: &Context) {
    match namespace_goes(ctx).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return tracing::debug!(error = chain(&error), "the namespace could not be read"),
    }
    for place in
        ctx.stores.config_places().into_iter().filter(|p| p.namespace == ctx.options.system_namespace)
    {
        let Some(config) = ctx.stores.config(&place).filter(|c| config::is_held(c)) else { continue };
        if let Err(error) = let_go(ctx, &place, &config).await {
            tracing::warn!(config = shown(&place), error = chain(&error), "config not released");
        }
    }
}
