//! Sends the creates and applies of a plan.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use llmisvc_core::facts::Ref;
use llmisvc_core::labels::{COMPONENT, Component};
use llmisvc_core::object::{Certificate, LiveObject, Object};
use llmisvc_core::plan::{Action, changes, covers};
use llmisvc_core::pools::strands;
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde_json::Value;
use tokio::time::Instant;

use crate::announce;
use crate::context::Context;
use crate::events::{self, News};
use crate::gather::Subject;
use crate::memo::{Mind, shown};
use crate::metrics::Verb;
use crate::replicas;
use crate::tls::{Authority, Job, TlsError};
use crate::turn::turn_into_apply;
use crate::wire::{Place, WireError};
use llmisvc_core::status::{Refusal, RefusalReason};

/// Creates of one service that may be under way at once.
const AT_ONCE: usize = 8;

/// Why one object was not written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The request failed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Its certificate could not be issued.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Something is there that the watch has not shown, or that changed just now: look again.
    #[error("the object changed in the meantime")]
    Moved,
    /// Not ours.
    #[error("the name is taken: the object is not controlled by this service")]
    Taken,
    /// The old object goes, and the new one is created when it is gone.
    #[error("the old object is on its way out")]
    Going,
}

/// What became of the actions.
#[derive(Debug, Default)]
pub struct Applied {
    /// Children that could not be written, for the status.
    pub refused: Vec<Refusal>,
    /// Try again, with backoff.
    pub retry: bool,
    /// A child is missing or wrong that this pass should have written: nothing may be pruned.
    pub incomplete: bool,
    /// What was written, for the events.
    pub done: Vec<Done>,
}

/// A child that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Created or applied.
    pub verb: Verb,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Role of its pods, where they serve the model.
    pub role: Option<&'static str>,
    /// It is the endpoint picker.
    pub picker: bool,
    /// Paths in its pod templates that have changed.
    pub changed: Vec<String>,
}

/// Sends the actions group by group: the CA, what routes and pods refer to, routes last. Within a group they go out
/// together. A refusal stops nothing; an API server that cannot be reached stops the groups that follow.
pub async fn run(ctx: &Arc<Context>, subject: &Subject, actions: &[Action<'_>], mind: &mut Mind) -> Applied {
    let mut applied = Applied::default();
    for rank in 0..=3 {
        let group = actions.iter().filter(|action| rank_of(action.object()) == rank);
        let results = send_group(ctx, subject, group.collect(), mind, &mut applied).await;
        for (action, result) in results {
            absorb(ctx, subject, action, result, mind, &mut applied);
        }
        if applied.retry {
            break;
        }
    }
    applied
}

async fn send_group<'a>(
    ctx: &Arc<Context>,
    subject: &Subject,
    group: Vec<&'a Action<'a>>,
    mind: &Mind,
    applied: &mut Applied,
) -> Vec<(&'a Action<'a>, Result<Written, ApplyError>)> {
    let now = Instant::now();
    let mut sends = Vec::new();
    for action in group {
        if is_stranded(action, &applied.refused) {
            applied.incomplete = true;
        } else if let Some(refusal) = mind.refusal(action.object(), live_version(action), now) {
            applied.refused.push(refusal);
            applied.incomplete = true;
        } else {
            sends.push(async move { (action, write(ctx, subject, action).await) });
        }
    }
    stream::iter(sends).buffered(AT_ONCE).collect().await
}

/// A route does not turn to a pool that was refused just now.
fn is_stranded(action: &Action<'_>, refused: &[Refusal]) -> bool {
    let Action::Apply { object, live, .. } = action else { return false };
    let route = object.kind == Kind::HTTPRoute;
    route && refused.iter().any(|it| strands(&object.body, &live.body, (it.kind, &it.name)))
}

const fn rank_of(object: &Object) -> u8 {
    match object.kind {
        Kind::Secret if matches!(object.tls, Some(Certificate::Authority)) => 0,
        Kind::Secret
        | Kind::ServiceAccount
        | Kind::Role
        | Kind::Service
        | Kind::InferencePool
        | Kind::OlderInferencePool
        | Kind::ResourceClaimTemplate => 1,
        Kind::HTTPRoute => 3,
        _ => 2,
    }
}

const fn live_version<'a>(action: &Action<'a>) -> &'a str {
    match action {
        Action::Create(_) => "",
        Action::Apply { live, .. } | Action::Recreate { live, .. } | Action::Taken { live, .. } => {
            live.resource_version.as_str()
        }
    }
}

/// What a write has done, if anything, and the paths in pod templates that it has changed.
#[derive(Default)]
struct Written {
    verb: Option<Verb>,
    changed: Vec<String>,
}

async fn write(ctx: &Context, subject: &Subject, action: &Action<'_>) -> Result<Written, ApplyError> {
    let written = match action {
        Action::Create(object) => create(ctx, subject, object).await,
        Action::Apply { object, turn, live } => change(ctx, subject, object, *turn, live).await,
        Action::Recreate { object, live } => Err(make_way(ctx, subject, object, live).await),
        Action::Taken { .. } => Err(ApplyError::Taken),
    };
    written.map_err(|error| if action.object().kind == Kind::Secret { discreet(error) } else { error })
}

/// What refuses a Secret, an admission webhook say, may quote the key that it holds.
fn discreet(error: ApplyError) -> ApplyError {
    match error {
        ApplyError::Wire(WireError::Refused { code, reason, .. }) => {
            let message = "the reason is withheld, since it may quote the private key".to_owned();
            ApplyError::Wire(WireError::Refused { code, reason, message })
        }
        other => other,
    }
}

async fn create(ctx: &Context, subject: &Subject, object: &Object) -> Result<Written, ApplyError> {
    let served = object.kind.served();
    let place = Place { served: &served, namespace: &subject.place.namespace, name: &object.name };
    // Seen by the last try, and the decision that followed found no other name.
    if ctx.stores.guests(&subject.place).contains(&(object.kind, object.name.clone())) {
        return Err(ApplyError::Taken);
    }
    let filled = match &object.tls {
        Some(certificate) => Some(filled(ctx, subject, object, certificate, None).await?),
        None => None,
    };
    let permit = ctx.writes.acquire().await;
    let answer = ctx.wire.post(place, filled.as_ref().unwrap_or(&object.body)).await;
    drop(permit);
    match answer {
        Ok(created) => ctx.stores.put_child(object.kind, created),
        Err(error) if error.code() == Some(409) => {
            return Err(look_again(ctx, &subject.place, object.kind, place).await);
        }
        Err(error) => return Err(error.into()),
    }
    ctx.metrics.did(Verb::Created, object.kind, 1);
    Ok(Written { verb: Some(Verb::Created), changed: Vec::new() })
}

async fn change(
    ctx: &Context,
    subject: &Subject,
    object: &Object,
    turn: bool,
    live: &LiveObject,
) -> Result<Written, ApplyError> {
    let served = object.kind.served();
    let place = Place { served: &served, namespace: &subject.place.namespace, name: &object.name };
    let permit = ctx.writes.acquire().await;
    let filled = match &object.tls {
        Some(certificate) => {
            let live = ctx.wire.get(place).await?.ok_or(ApplyError::Moved)?;
            let filled = filled(ctx, subject, object, certificate, Some(&live)).await?;
            // What made it due is not to be had, or was there already.
            if covers(&live, &filled) {
                return Ok(Written::default());
            }
            Some(filled)
        }
        None => None,
    };
    if turn {
        turn_into_apply(ctx, subject, object, place, live).await?;
    }
    if let Err(error) = replicas::let_go(ctx, &subject.place, object, place).await {
        return Err(look_again_after(ctx, subject, object.kind, place, error).await);
    }
    let answer = ctx.wire.apply(place, filled.as_ref().unwrap_or(&object.body)).await;
    drop(permit);
    let changed = match answer {
        Ok(written) => {
            let changed = changes(&live.body, &written);
            ctx.stores.refresh_child(object.kind, written);
            changed
        }
        Err(error) if error.code() == Some(409) => {
            return Err(look_again(ctx, &subject.place, object.kind, place).await);
        }
        Err(error) => return Err(error.into()),
    };
    ctx.metrics.did(Verb::Applied, object.kind, 1);
    Ok(Written { verb: Some(Verb::Applied), changed })
}

/// Deletes what can't become the desired object, with all that depends on it: pods of both would be in each other's
/// way.
async fn make_way(ctx: &Context, subject: &Subject, object: &Object, live: &LiveObject) -> ApplyError {
    if live.deleting {
        return ApplyError::Going;
    }
    let served = object.kind.served();
    let place = Place { served: &served, namespace: &subject.place.namespace, name: &object.name };
    match ctx.wire.delete_with_dependents(place, &live.uid).await {
        Ok(()) => {}
        // Gone, or another object by now.
        Err(error) if matches!(error.code(), Some(404 | 409)) => {
            return look_again(ctx, &subject.place, object.kind, place).await;
        }
        Err(error) => return error.into(),
    }
    let message = format!(
        "{} {} is deleted with its pods and created anew: its sub-groups can't be changed",
        served.kind, object.name
    );
    events::tell(ctx, &subject.place, &subject.service, News::normal("Recreating", message));
    ApplyError::Going
}

/// A failed test is 422: the live object is another one than the watch has shown.
pub async fn look_again_after(
    ctx: &Context,
    subject: &Subject,
    kind: Kind,
    place: Place<'_>,
    error: WireError,
) -> ApplyError {
    match error.code() {
        Some(404 | 409 | 422) => look_again(ctx, &subject.place, kind, place).await,
        _ => error.into(),
    }
}

/// The desired Secret with its key pair: the live one while it serves, else a new one. The store holds no keys, so
/// `live` and the CA are as the API server has them; where it cannot be asked, nothing is issued (L-7).
async fn filled(
    ctx: &Context,
    subject: &Subject,
    object: &Object,
    certificate: &Certificate,
    live: Option<&Value>,
) -> Result<Value, ApplyError> {
    let now = Timestamp::now();
    let authority = match certificate.authority() {
        Some(name) => {
            let served = Kind::Secret.served();
            let place = Place { served: &served, namespace: &subject.place.namespace, name };
            let secret = ctx.wire.get(place).await?;
            Authority::read(secret.as_ref(), name, uid(&subject.service), now).map(Some)
        }
        None => Ok(None),
    };
    let expirations = &subject.view.settings.expiration_annotations;
    Ok(Job { object, certificate, authority, expirations, now }.filled(live)?)
}

/// Reads what really stands under a name, for the pass that follows at once.
pub async fn look_again(ctx: &Context, service: &Ref, kind: Kind, place: Place<'_>) -> ApplyError {
    match ctx.wire.get(place).await {
        Ok(Some(object)) => ctx.stores.put_guest(kind, service, object),
        Ok(None) => ctx.stores.remove_child(kind, &Ref::new(namespace_of(kind, place), place.name), ""),
        Err(error) => return error.into(),
    }
    ApplyError::Moved
}

const fn namespace_of(kind: Kind, place: Place<'_>) -> &str {
    if kind.served().namespaced { place.namespace } else { "" }
}

fn absorb(
    ctx: &Context,
    subject: &Subject,
    action: &Action<'_>,
    result: Result<Written, ApplyError>,
    mind: &mut Mind,
    applied: &mut Applied,
) {
    let object = action.object();
    let error = match result {
        Ok(written) => {
            mind.accepted(object);
            applied.done.extend(done(object, written));
            return;
        }
        Err(error) => error,
    };
    let kind = object.kind;
    if matches!(error, ApplyError::Going) {
        applied.incomplete = true;
        return;
    }
    tracing::warn!(
        service = shown(&subject.place),
        kind = kind.served().kind,
        name = object.name,
        error = crate::wire::chain(&error),
        "child not written"
    );
    let next = next_of(kind, &error, mind.failures);
    applied.retry |= next.retry;
    applied.incomplete |= next.incomplete;
    if let Some(reason) = next.reason {
        ctx.metrics.did(Verb::Refused, kind, 1);
        let refusal = Refusal { kind, name: object.name.clone(), reason, message: said(&error) };
        if next.remember {
            mind.refuse(object, live_version(action), refusal.clone(), Instant::now());
        }
        applied.refused.push(refusal);
    }
}

fn done(object: &Object, written: Written) -> Option<Done> {
    let Written { verb, changed } = written;
    let component = tree::text(&object.body, &["metadata", "labels", COMPONENT]);
    Some(Done {
        verb: verb?,
        kind: object.kind,
        name: object.name.clone(),
        role: announce::role_of(object),
        picker: object.kind == Kind::Deployment && component == Component::Scheduler.as_str(),
        changed,
    })
}

/// What the server said, without our own words around it.
fn said(error: &ApplyError) -> String {
    match error {
        ApplyError::Wire(WireError::Refused { message, .. }) => message.clone(),
        other => other.to_string(),
    }
}

struct NextStep {
    reason: Option<RefusalReason>,
    retry: bool,
    remember: bool,
    incomplete: bool,
}

/// Passes that may fail for a transient reason before the status says so: a blip is no news.
pub const PATIENCE: u32 = 3;

fn next_of(kind: Kind, error: &ApplyError, failures: u32) -> NextStep {
    let stays = |reason| NextStep { reason: Some(reason), retry: false, remember: true, incomplete: true };
    match error {
        ApplyError::Going => NextStep { reason: None, retry: false, remember: false, incomplete: true },
        ApplyError::Moved => NextStep { reason: None, retry: true, remember: false, incomplete: true },
        // Someone else's object is no reason to keep what is no longer wanted; it is looked at again by timer.
        ApplyError::Taken => {
            NextStep { reason: Some(RefusalReason::Taken), retry: false, remember: false, incomplete: false }
        }
        ApplyError::Wire(error) => match error.code() {
            Some(400 | 413 | 422) => stays(RefusalReason::Invalid),
            Some(404) if kind.served().optional => stays(RefusalReason::NotServed),
            Some(403 | 404) => NextStep { retry: true, remember: false, ..stays(RefusalReason::Other) },
            _ => later(failures),
        },
        // Nothing that another try would change; the CA's own write tells when there is one.
        ApplyError::Tls(TlsError::Issue(_)) => later(failures),
        ApplyError::Tls(_) => {
            NextStep { reason: Some(RefusalReason::Other), retry: false, remember: false, incomplete: false }
        }
    }
}

fn later(failures: u32) -> NextStep {
    let reason = (failures >= PATIENCE).then_some(RefusalReason::Other);
    NextStep { reason, retry: true, remember: false, incomplete: true }
}

/// The service's UID.
pub fn uid(service: &Value) -> &str {
    tree::text(service, &["metadata", "uid"])
}
