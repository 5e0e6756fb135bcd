//! One pass over one service: gather, decide, plan, apply, prune, status, report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::facts::{Cluster, Key, Ref};
use llmisvc_core::handover::Held;
use llmisvc_core::object::{Live, Object};
use llmisvc_core::plan::{Action, Plan, plan};
use llmisvc_core::revision::pace::{Paced, pace};
use llmisvc_core::scalers::any_goes;
use llmisvc_kinds::Kind;
use serde_json::Value;
use tokio::time::Instant;

use crate::announce;
use crate::apply::{self, Applied};
use crate::ca_bundle;
use crate::context::Context;
use crate::finalize;
use crate::gather::{self, Considered, Subject};
use crate::memo::{CEILING, Mind, Premises, backoff, pools, roll_call, rolling, shown};
use crate::metrics::{Outcome, Step, Verb};
use crate::prune;
use crate::report;
use crate::stores::bag::{Stamp, stamp};
use crate::tls;
use crate::traffic;
use crate::wire::{Place, WireError, chain};
use llmisvc_core::status::{Refusal, RefusalReason, StatusInput};

/// When the service has to be looked at again, besides whatever a watch shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    outcome: Outcome,
    after: Option<Duration>,
}

impl Next {
    const fn new(outcome: Outcome, after: Option<Duration>) -> Self {
        Self { outcome, after }
    }

    /// How the pass ended.
    #[cfg(test)]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// When the service is looked at again.
    #[cfg(test)]
    pub const fn after(&self) -> Option<Duration> {
        self.after
    }
}

/// While the API server cannot be reached, a pass that failed is tried again at least this often: its return shows
/// in no watch.
const RECONNECT: Duration = Duration::from_secs(5);

/// One pass, with its memory, its metrics and what follows from its outcome.
pub async fn reconcile(ctx: Arc<Context>, place: Ref) {
    let mut mind = ctx.take_mind(&place);
    let result = pass(&ctx, &place, &mut mind).await;
    let mut next = result.unwrap_or_else(|error| {
        tracing::warn!(service = shown(&place), error = chain(&error), "pass failed");
        announce::failed(&ctx, &place, &error, mind.failures);
        Next::new(Outcome::Retry, error.code().is_none().then_some(RECONNECT))
    });
    if next.outcome == Outcome::Retry {
        mind.failures = mind.failures.saturating_add(1);
        next.after = Some(backoff(mind.failures).min(next.after.unwrap_or(CEILING)));
    } else if next.outcome == Outcome::Settled {
        mind.failures = 0;
    }
    ctx.metrics.passed(next.outcome);
    if next.outcome != Outcome::Deleted {
        ctx.keep_mind(&place, mind);
    }
    if let Some(after) = next.after {
        ctx.queue.add_after(place, after);
    }
}

/// Gather, decide, plan, apply, prune, status, report.
///
/// # Guarantees
///
/// A settled service costs no request. Where nothing could be decided, nothing is applied and nothing pruned. A
/// status is made on every outcome that gets as far as a decision, also when children could not be written.
pub async fn pass(ctx: &Arc<Context>, place: &Ref, mind: &mut Mind) -> Result<Next, WireError> {
    let Some((service, stamp)) = ctx.stores.service(place) else {
        ctx.stores.forget_service(place);
        ctx.metrics.services.forget(place);
        return Ok(Next::new(Outcome::Deleted, None));
    };
    if finalize::deleting(&service) {
        if let Some(wait) = traffic::part(ctx, place, &service, mind).await? {
            return Ok(Next::new(Outcome::Held, Some(wait)));
        }
        let released = finalize::release(ctx, place, &service).await?;
        return Ok(Next::new(if released { Outcome::Settled } else { Outcome::Retry }, None));
    }
    if let Some(wait) = mind.pace(stamp, Instant::now()) {
        return Ok(Next::new(Outcome::Held, Some(wait)));
    }
    mind.started(stamp, Instant::now());
    look_at_guests(ctx, place, mind).await;
    let (view, live) = (ctx.stores.view(), ctx.stores.live(place));
    let subject = Subject { place: place.clone(), service, stamp, view, live };
    let began = Instant::now();
    let considered = gather::consider(ctx, &subject, mind).await;
    ctx.metrics.took(Step::Decide, began.elapsed());
    carry_out(ctx, subject, considered, mind).await
}

/// Everything after the decision.
async fn carry_out(
    ctx: &Arc<Context>,
    mut subject: Subject,
    mut considered: Considered,
    mind: &mut Mind,
) -> Result<Next, WireError> {
    let mut enacted = Enacted::default();
    let copied = ca_bundle::keep(ctx, &subject, &mut considered).await;
    let paced = pace_roll(ctx, &subject, &mut considered).await;
    // A stopped service loses its children whatever else is wrong with it.
    if let Some(objects) = considered.decision.objects() {
        let objects = paced.as_ref().map_or(objects, |paced| &paced.objects);
        enacted = match finalize::ensure(ctx, &subject.place, &subject.service, objects).await {
            Ok(finalized) => {
                if let Some(service) = finalized {
                    subject.stamp = restamp(&service, mind);
                    subject.service = service;
                }
                let held = held_back(&considered, paced.as_ref(), &subject);
                let enacted = enact(ctx, &subject, (objects, &held), mind).await;
                announce::written(ctx, &subject, &considered.decision, &enacted.applied);
                announce::deleted(ctx, &subject, &enacted.gone);
                enacted
            }
            Err(error) => without_finalizer(&subject, &error),
        };
    }
    let live = ctx.stores.live(&subject.place);
    let (began, uid) = (Instant::now(), apply::uid(&subject.service));
    let status = judge(ctx, &subject, &mut considered, &live, &enacted.applied.refused).await;
    let certificate = tls::first_end(&live, considered.decision.objects().unwrap_or_default(), uid);
    ctx.metrics.services.put(&subject.place, &status, certificate);
    traffic::publish(ctx, &subject, &considered.decision, &status);
    considered.forget_unused();
    let retry = enacted.applied.retry || considered.unreadable() || !copied;
    let pods = pods_change_in(ctx, &considered);
    remember(ctx, &subject, considered, if retry { &subject.live } else { &live }, mind);
    let unfinished = enacted.applied.retry && mind.failures < apply::PATIENCE;
    let held = if report::is_premature(&status, unfinished) {
        None
    } else {
        report::run(ctx, &subject.place, &subject.service, &status, mind).await?
    };
    ctx.metrics.took(Step::Report, began.elapsed());
    let after = [held, enacted.timer, pods].into_iter().flatten().min();
    Ok(Next::new(if retry { Outcome::Retry } else { Outcome::Settled }, after))
}

/// What a roll of prefill and decode allows of the decision at this time; what it asks for is answered first.
async fn pace_roll(ctx: &Arc<Context>, subject: &Subject, considered: &mut Considered) -> Option<Paced> {
    loop {
        let objects = considered.decision.objects()?;
        let paced = pace(objects, &subject.live, &considered.seen, &subject.place);
        if !gather::answer_open(ctx, &subject.place, considered).await {
            return paced;
        }
    }
}

/// What a change of topology and what a roll leave as it is for now.
fn held_back(considered: &Considered, paced: Option<&Paced>, subject: &Subject) -> Held {
    let mut held = considered.decision.held().cloned().unwrap_or_default();
    if let Some(paced) = paced {
        paced.hold(&mut held, &subject.live);
    }
    held
}

/// Nothing is made that would stay behind; the status is written all the same.
fn without_finalizer(subject: &Subject, error: &WireError) -> Enacted {
    tracing::warn!(service = shown(&subject.place), error = chain(error), "finalizer not set");
    Enacted { applied: Applied { retry: true, ..Applied::default() }, ..Enacted::default() }
}

/// Our own finalizer is no change that has to be decided anew. What the stores have by now may be: somebody else may
/// have changed the service since.
fn restamp(finalized: &Value, mind: &mut Mind) -> Stamp {
    let stamp = stamp(finalized, false);
    mind.restamp(stamp);
    stamp
}

/// The new status; what it asks for is answered first.
async fn judge(
    ctx: &Arc<Context>,
    subject: &Subject,
    considered: &mut Considered,
    live: &Live,
    refused: &[Refusal],
) -> Value {
    loop {
        let status = (ctx.core.status)(&StatusInput {
            service: &subject.service,
            decision: &considered.decision,
            settings: &subject.view.settings,
            cluster: &subject.view.cluster,
            seen: &considered.seen,
            live,
            refused,
            now: &report::now(),
        });
        if !gather::answer_open(ctx, &subject.place, considered).await {
            return status;
        }
    }
}

/// The children that a pass has just written are what it decided, so they do not make it decide anew. What has to
/// wait does so until a live object says something else, which no premise tells: it is decided anew. So is what
/// stays as a former controller made it, which is read from the live objects.
fn remember(ctx: &Context, subject: &Subject, considered: Considered, live: &Live, mind: &mut Mind) {
    let Considered { decision, mut answers, decided, .. } = considered;
    ctx.stores.depends_on(&subject.place, &answers.keys().cloned().collect());
    let waits = decision.held().is_some_and(|held| !held.reasons().is_empty());
    let uid = apply::uid(&subject.service);
    let goes = decision.objects().is_some_and(|desired| any_goes(&subject.live, desired, uid));
    if waits || goes || decision.adopted().is_some_and(|adopted| !adopted.is_empty()) {
        return;
    }
    let asides = answers.keys().filter(|key| !decided.contains(key)).cloned().collect();
    answers.retain(|key, _| decided.contains(key));
    let premises = Premises {
        service: subject.stamp,
        view: subject.view.clone(),
        answers,
        live: roll_call(live, &subject.live),
        rolling: rolling(&subject.live),
        pools: pools(&subject.live, &subject.view.cluster),
        asides,
    };
    mind.remember(premises, decision);
}

/// When pods that were looked at will have waited long enough to be called blocked, or in trouble.
fn pods_change_in(ctx: &Context, considered: &Considered) -> Option<Duration> {
    let asked = considered.answers.keys().filter_map(|key| match key {
        Key::Pods(service) | Key::Troubles(service) => ctx.stores.pods_change_in(service),
        _ => None,
    });
    asked.min()
}

/// What came of the writes, and when to look again whatever happens.
#[derive(Default)]
pub struct Enacted {
    /// What became of the writes.
    pub applied: Applied,
    /// What was deleted.
    pub gone: Vec<(Kind, String)>,
    /// When to look again.
    pub timer: Option<Duration>,
}

/// Plan, apply, prune. What is held is left as it lives.
pub async fn enact(
    ctx: &Arc<Context>,
    subject: &Subject,
    (desired, held): (&[Object], &Held),
    mind: &mut Mind,
) -> Enacted {
    let guests = ctx.stores.guests(&subject.place);
    let ours = without_namesakes(&subject.live, &guests);
    let mut plan = plan(desired, &ours, apply::uid(&subject.service));
    plan.leave(held);
    let peers = traffic::keep(ctx, subject, desired, &mut plan, mind);
    let unserved = take_unserved(&mut plan, &subject.view.cluster);
    let mut timer = add_certificates(subject, desired, &mut plan);
    count_unchanged(ctx, desired, &plan);
    let began = Instant::now();
    let mut applied = apply::run(ctx, subject, &plan.actions, mind).await;
    if !plan.actions.is_empty() {
        ctx.metrics.took(Step::Apply, began.elapsed());
        // Our own writes wake nobody, so the renewal of what was issued just now is timed here (L-3).
        timer = next_renewal(ctx, subject, desired);
    }
    let mut gone = Vec::new();
    if !applied.retry && !applied.incomplete && !plan.prune.is_empty() {
        let began = Instant::now();
        let pruned = prune::run(ctx, &subject.place, &plan.prune).await;
        (applied.retry, gone) = (pruned.failed, pruned.gone);
        ctx.metrics.took(Step::Prune, began.elapsed());
    }
    let refused = applied.refused.iter().any(|r| r.reason != RefusalReason::Taken).then_some(CEILING);
    let taken = (!guests.is_empty()).then_some(Mind::guests_after());
    applied.refused.extend(unserved);
    Enacted { applied, gone, timer: [timer, refused, taken, peers].into_iter().flatten().min() }
}

/// A cluster-scoped object of another service is known by its labels only, which are like ours: it is shown to
/// the decision, which takes another name, and not to the plan, which would take the object.
fn without_namesakes(live: &Live, guests: &BTreeSet<(Kind, String)>) -> Live {
    let theirs = |slot: &(Kind, String)| !slot.0.served().namespaced && guests.contains(slot);
    live.iter().filter(|(slot, _)| !theirs(slot)).map(|(slot, child)| (slot.clone(), child.clone())).collect()
}

/// Objects of kinds that the cluster does not serve are not sent; the CRD's coming is noticed.
fn take_unserved(plan: &mut Plan<'_>, cluster: &Cluster) -> Vec<Refusal> {
    let unserved = |kind: Kind| kind.served().optional && !cluster.served.contains(&kind);
    let mut refusals = Vec::new();
    plan.actions.retain(|action| match action {
        Action::Create(object) if unserved(object.kind) => {
            refusals.push(not_served(object));
            false
        }
        _ => true,
    });
    refusals
}

fn not_served(object: &Object) -> Refusal {
    let served = object.kind.served();
    let message = format!(
        "the cluster does not serve {} {}: install the CRD {}",
        served.api_version(),
        served.kind,
        crate::resources::crd_name(&served)
    );
    Refusal { kind: object.kind, name: object.name.clone(), reason: RefusalReason::NotServed, message }
}

/// Adds the Secrets whose certificate is due; gives the time until the next one is.
fn add_certificates<'a>(
    subject: &'a Subject,
    desired: &'a [Object],
    plan: &mut Plan<'a>,
) -> Option<Duration> {
    let now = Timestamp::now();
    let (due, next) = tls::due(&subject.live, desired, apply::uid(&subject.service), now);
    for (object, live) in due {
        if !is_planned(plan, object) {
            plan.actions.push(Action::Apply { object, turn: live.created_by_post, live });
        }
    }
    time_to(next, now)
}

fn next_renewal(ctx: &Context, subject: &Subject, desired: &[Object]) -> Option<Duration> {
    let (now, live) = (Timestamp::now(), ctx.stores.live(&subject.place));
    let (_, next) = tls::due(&live, desired, apply::uid(&subject.service), now);
    time_to(next, now)
}

fn time_to(at: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    at.and_then(|at| Duration::try_from(at.duration_since(now)).ok())
}

fn is_planned(plan: &Plan<'_>, object: &Object) -> bool {
    plan.actions.iter().any(|action| std::ptr::eq(action.object(), object))
}

fn count_unchanged(ctx: &Context, desired: &[Object], plan: &Plan<'_>) {
    for object in desired.iter().filter(|object| !is_planned(plan, object)) {
        ctx.metrics.did(Verb::Unchanged, object.kind, 1);
    }
}

/// Objects of others under our names carry no label that a watch selects, so they are read again by timer.
/// One that cannot be read is taken to be as it was.
async fn look_at_guests(ctx: &Context, place: &Ref, mind: &mut Mind) {
    let guests = ctx.stores.guests(place);
    if guests.is_empty() || !mind.guests_due(Instant::now()) {
        return;
    }
    for slot in guests {
        let served = slot.0.served();
        let at = Place { served: &served, namespace: &place.namespace, name: &slot.1 };
        match ctx.wire.get(at).await {
            Ok(Some(object)) => ctx.stores.put_guest(slot.0, place, object),
            Ok(None) => ctx.stores.dismiss(place, &slot),
            Err(error) => {
                let (kind, error) = (served.kind, chain(&error));
                tracing::warn!(service = shown(place), kind, name = slot.1, error, "could not be read");
            }
        }
    }
}
