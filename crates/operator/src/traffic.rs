//! Traffic groups: publishes what the others have to know, and keeps what their routes lead to until these have turned.

use std::time::Duration;

use llmisvc_core::Decision;
use llmisvc_core::facts::Ref;
use llmisvc_core::labels::FINALIZER;
use llmisvc_core::object::{Live, Object};
use llmisvc_core::plan::Plan;
use llmisvc_core::traffic::{Backend, leave, standing};
use llmisvc_kinds::Kind;
use serde_json::Value;
use tokio::time::Instant;

use crate::context::Context;
use crate::events::{self, News};
use crate::finalize::finalizers;
use crate::gather::Subject;
use crate::memo::Mind;
use crate::report;
use crate::wire::WireError;

/// How long the routes of others are waited for: one that cannot be written must not keep a service for ever (edge 15).
const PATIENCE: Duration = Duration::from_secs(30);
/// The reason of the event that tells it.
const UNTURNED: &str = "PeersNotUpdated";

/// Since when a service waits for the routes of others, and whether it was told that it no longer does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    since: Option<Instant>,
    told: bool,
}

impl Waiting {
    /// How much longer; none once that is enough.
    fn left(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let left = PATIENCE.saturating_sub(now.saturating_duration_since(since));
        (!left.is_zero()).then_some(left)
    }
}

/// Tells the other members where the service stands after a pass, and wakes those for whom that is news.
pub fn publish(ctx: &Context, subject: &Subject, decision: &Decision, status: &Value) {
    let former = ctx.stores.standing(&subject.place);
    let now = standing(&subject.service, decision, status, &former);
    ctx.queue.add_all(ctx.stores.publish(&subject.place, &subject.service, now));
}

/// A deleted service stays until the routes of the others no longer lead to it; gives how long it may.
pub async fn part(
    ctx: &Context,
    place: &Ref,
    service: &Value,
    mind: &mut Mind,
) -> Result<Option<Duration>, WireError> {
    let backends = own_backends(ctx, place, &ctx.stores.live(place));
    ctx.queue.add_all(ctx.stores.leave(place, service));
    if !finalizers(service).contains(&FINALIZER) {
        return Ok(None);
    }
    let waits_for = ctx.stores.leading_to(place, &backends);
    let Some(left) = wait(ctx, (place, service), &waits_for, mind) else { return Ok(None) };
    let status = leave::pending(service, &waits_for, &report::now());
    let held = report::run(ctx, place, service, &status, mind).await?;
    Ok(Some(held.unwrap_or(left).min(left)))
}

/// Leaves all but the route of a service as it is while routes of others lead to what would go; gives how long that
/// may take. A rule never leads to a backend that is gone.
pub fn keep(
    ctx: &Context,
    subject: &Subject,
    desired: &[Object],
    plan: &mut Plan<'_>,
    mind: &mut Mind,
) -> Option<Duration> {
    let place = &subject.place;
    let mut going: Vec<Backend> =
        plan.prune.iter().filter_map(|(kind, name, _)| backend(*kind, name)).collect();
    if desired.is_empty() && !plan.prune.is_empty() {
        going.extend(published(ctx, place));
    }
    let waits_for = if going.is_empty() { Vec::new() } else { ctx.stores.leading_to(place, &going) };
    let left = wait(ctx, (place, &subject.service), &waits_for, mind)?;
    plan.prune.retain(|(kind, ..)| *kind == Kind::HTTPRoute);
    Some(left)
}

/// How long to wait; none when nobody is waited for any more.
fn wait(
    ctx: &Context,
    (place, service): (&Ref, &Value),
    waits_for: &[String],
    mind: &mut Mind,
) -> Option<Duration> {
    if waits_for.is_empty() {
        mind.waiting = Waiting::default();
    }
    let left = (!waits_for.is_empty()).then(|| mind.waiting.left(Instant::now())).flatten();
    ctx.stores.wait_for_routes(place, left.is_some());
    if left.is_none() && !waits_for.is_empty() && !mind.waiting.told {
        mind.waiting.told = true;
        let routes = waits_for.join(", ");
        let message = format!(
            "the routes of {routes} still lead here after {} seconds, and are not waited for any longer: requests \
             that they send here fail; see what their conditions say",
            PATIENCE.as_secs()
        );
        events::tell(ctx, place, service, News::warning(UNTURNED, message));
    }
    left
}

/// Whatever of a service routes may lead to, unless another member has the same.
fn own_backends(ctx: &Context, place: &Ref, live: &Live) -> Vec<Backend> {
    let made = live.keys().filter_map(|(kind, name)| backend(*kind, name));
    made.chain(published(ctx, place)).collect()
}

/// An external pool stays for the others that have it, too.
fn published(ctx: &Context, place: &Ref) -> Option<Backend> {
    let standing = ctx.stores.standing(place);
    let member = standing.member()?;
    let others = ctx.stores.backends_of_others(place, &member.group);
    let shared = others.iter().any(|other| other.is(&member.backend));
    (!shared).then(|| member.backend.clone())
}

fn backend(kind: Kind, name: &str) -> Option<Backend> {
    match kind {
        Kind::InferencePool | Kind::OlderInferencePool | Kind::Service => {
            let served = kind.served();
            Some(Backend {
                group: served.group.to_owned(),
                kind: served.kind.to_owned(),
                name: name.to_owned(),
            })
        }
        _ => None,
    }
}
