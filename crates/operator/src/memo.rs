//! What is remembered of a service between its passes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use llmisvc_core::Decision;
use llmisvc_core::decide::Desired;
use llmisvc_core::facts::{Cluster, Key, Ref};
use llmisvc_core::object::{Certificate, Live, Object};
use llmisvc_core::pods::is_rolling;
use llmisvc_core::pools::witness;
use llmisvc_core::valid::Workload;
use llmisvc_kinds::Kind;
use serde_json::Value;
use tokio::time::Instant;

use crate::report::Written;
use crate::stores::View;
use crate::stores::bag::Stamp;
use crate::traffic::Waiting;
use llmisvc_core::status::Refusal;

/// Spec changes that come faster than this are one change: each would start a rollout of its own.
const PACE: Duration = Duration::from_millis(1200);
/// A refused object is tried again after this, if nothing changes before.
pub const CEILING: Duration = Duration::from_mins(5);
/// A decision that nobody needed for this long is forgotten.
const IDLE: Duration = Duration::from_mins(1);
/// Objects of others are looked at again this often.
const GUESTS: Duration = Duration::from_secs(30);

/// Everything that a decision follows from, short enough to compare.
#[derive(Debug)]
pub struct Premises {
    /// All of the service but its status.
    pub service: Stamp,
    /// Settings and cluster.
    pub view: View,
    /// Answers.
    pub answers: BTreeMap<Key, Stamp>,
    /// Which children live.
    pub live: u64,
    /// Which of them had pods of an older template.
    pub rolling: u64,
    /// What gateways said about its pools.
    pub pools: u64,
    /// What only the status asked for: the decision holds whatever becomes of it.
    pub asides: BTreeSet<Key>,
}

impl Premises {
    /// Whether a decision from `self` still holds; answers are compared by the caller, who has them at hand.
    pub fn hold(&self, service: Stamp, view: &View, live: &Live) -> bool {
        self.service == service
            && self.live == roll_call(live, live)
            && self.rolling == rolling(live)
            && self.pools == pools(live, &view.cluster)
            && Arc::ptr_eq(&self.view.settings, &view.settings)
            && Arc::ptr_eq(&self.view.cluster, &view.cluster)
    }
}

/// Kinds, names and UIDs of the live children: what a decision keeps of them (a selector, a count) goes with the
/// object, so it is decided anew only when one comes or goes. With claim templates it is decided anew as the workloads
/// roll out too, against what the decision has `seen` of them: a former template goes when its last pod is gone.
pub fn roll_call(live: &Live, seen: &Live) -> u64 {
    let mut hasher = DefaultHasher::new();
    for ((kind, name), child) in live {
        (kind, name, &child.uid).hash(&mut hasher);
    }
    if seen.keys().any(|(kind, _)| *kind == Kind::ResourceClaimTemplate) {
        let workload = |kind: Kind| matches!(kind, Kind::Deployment | Kind::LeaderWorkerSet);
        for ((_, name), child) in seen.iter().filter(|((kind, _), _)| workload(*kind)) {
            (name, &child.resource_version).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Kinds and names of the workloads whose rollout is under way: a decision may depend on that.
pub fn rolling(live: &Live) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (slot, _) in live.iter().filter(|(_, child)| is_rolling(&child.body)) {
        slot.hash(&mut hasher);
    }
    hasher.finish()
}

/// What routes and pools say that the group of a pool follows from.
pub fn pools(live: &Live, cluster: &Cluster) -> u64 {
    let mut hasher = DefaultHasher::new();
    witness(live, cluster).hash(&mut hasher);
    hasher.finish()
}

/// A decision at rest: its trees are kept as text, at a tenth of the memory.
#[derive(Debug)]
pub struct Asleep {
    decision: Decision,
    objects: Vec<(Kind, String, Option<Certificate>, Box<str>)>,
    trees: Vec<Box<str>>,
}

impl Asleep {
    /// Puts a decision to rest.
    pub fn new(mut decision: Decision) -> Self {
        let mut objects = Vec::new();
        let mut trees = Vec::new();
        if let Ok(desired) = &mut decision.outcome {
            let taken = std::mem::take(&mut desired.objects).into_iter();
            objects = taken.map(|o| (o.kind, o.name, o.tls, o.body.to_string().into())).collect();
            trees = trees_of(desired).map(|tree| tree.take().to_string().into()).collect();
        }
        Self { decision, objects, trees }
    }

    /// Wakes it up, whole; none if a text does not parse, and then it is decided anew.
    pub fn wake(mut self) -> Option<Decision> {
        if let Ok(desired) = &mut self.decision.outcome {
            for (tree, text) in trees_of(desired).zip(&self.trees) {
                *tree = serde_json::from_str(text).ok()?;
            }
            let objects = self.objects.into_iter().map(|(kind, name, tls, text)| {
                Some(Object { kind, name, tls, body: serde_json::from_str(&text).ok()? })
            });
            desired.objects = objects.collect::<Option<_>>()?;
        }
        Some(self.decision)
    }
}

/// The large trees of a validated service, always in the same order.
fn trees_of(desired: &mut Desired) -> impl Iterator<Item = &mut Value> {
    let service = &mut desired.service;
    let workloads = [Some(&mut service.decode), service.prefill.as_mut()].into_iter().flatten();
    let scheduler = service.routing.scheduler.as_mut().into_iter().flat_map(|s| [&mut s.pod, &mut s.pool]);
    let route = service.routing.route.as_mut().map(|route| &mut route.spec);
    workloads.flat_map(Workload::templates_mut).map(|t| &mut t.pod).chain(scheduler).chain(route)
}

/// A child that the API server refused, and what was refused about it.
#[derive(Debug)]
struct Refused {
    desired: u64,
    live: String,
    until: Instant,
    refusal: Refusal,
}

/// What is remembered of one service.
#[derive(Debug, Default)]
pub struct Mind {
    thought: Option<(Premises, Asleep, Instant)>,
    refused: BTreeMap<(Kind, String), Refused>,
    /// Passes that have failed in a row.
    pub failures: u32,
    /// Since when a status waits to be written.
    pub held: Option<Instant>,
    /// The status last written, as sent and as stored.
    pub written: Written,
    changed: Option<(Stamp, Instant)>,
    guests_seen: Option<Instant>,
    /// Whether it waits for routes of others.
    pub waiting: Waiting,
}

impl Mind {
    /// How long a changed spec has to wait, when the last change is only a moment old.
    pub fn pace(&self, service: Stamp, now: Instant) -> Option<Duration> {
        let (known, at) = self.changed?;
        let over = at + PACE;
        (known != service && over > now).then(|| over - now)
    }

    /// Notes which spec is being worked on.
    pub fn started(&mut self, service: Stamp, now: Instant) {
        if self.changed.is_none_or(|(known, _)| known != service) {
            self.changed = Some((service, now));
        }
    }

    /// The service's stamp is another one because of our own write.
    pub fn restamp(&mut self, service: Stamp) {
        if let Some((known, _)) = &mut self.changed {
            *known = service;
        }
    }

    /// The last decision and what it followed from.
    pub fn recall(&mut self) -> Option<(Premises, Asleep)> {
        self.thought.take().map(|(premises, asleep, _)| (premises, asleep))
    }

    /// Remembers a decision.
    pub fn remember(&mut self, premises: Premises, decision: Decision) {
        self.thought = Some((premises, Asleep::new(decision), Instant::now()));
    }

    /// Forgets the decision if it has not been of use for a while.
    pub fn rest(&mut self) {
        self.thought.take_if(|(_, _, at)| at.elapsed() > IDLE);
    }

    /// The refusal of exactly this desired object against this live one, while it counts.
    pub fn refusal(&self, object: &Object, live: &str, now: Instant) -> Option<Refusal> {
        let known = self.refused.get(&(object.kind, object.name.clone()))?;
        let same = known.until > now && known.live == live && known.desired == fingerprint(object);
        same.then(|| known.refusal.clone())
    }

    /// Remembers a refusal.
    pub fn refuse(&mut self, object: &Object, live: &str, refusal: Refusal, now: Instant) {
        let slot = (object.kind, object.name.clone());
        let known =
            Refused { desired: fingerprint(object), live: live.to_owned(), until: now + CEILING, refusal };
        self.refused.insert(slot, known);
    }

    /// Forgets the refusal of an object that was written.
    pub fn accepted(&mut self, object: &Object) {
        self.refused.remove(&(object.kind, object.name.clone()));
    }

    /// Whether objects of others have to be looked at again; from now on they have been.
    pub fn guests_due(&mut self, now: Instant) -> bool {
        let due = self.guests_seen.is_none_or(|seen| now >= seen + GUESTS);
        if due {
            self.guests_seen = Some(now);
        }
        due
    }

    /// When objects of others have to be looked at again.
    pub const fn guests_after() -> Duration {
        GUESTS
    }
}

fn fingerprint(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.body.to_string().hash(&mut hasher);
    hasher.finish()
}

/// The delay before the next try after so many failures in a row.
pub fn backoff(failures: u32) -> Duration {
    let doubled = Duration::from_millis(5).saturating_mul(1 << failures.saturating_sub(1).min(20));
    doubled.min(CEILING)
}

/// A service in logs.
pub fn shown(service: &Ref) -> tracing::field::DisplayValue<&Ref> {
    tracing::field::display(service)
}

#[cfg(test)]
mod tests {
    use llmisvc_core::object::LiveObject;

    use super::*;

    #[test]
    fn backoff_doubles_from_five_milliseconds_to_five_minutes() {
        assert_eq!(backoff(1), Duration::from_millis(5));
        assert_eq!(backoff(2), Duration::from_millis(10));
        assert_eq!(backoff(16), Duration::from_millis(5 << 15));
        assert_eq!(backoff(17), CEILING);
        assert_eq!(backoff(u32::MAX), CEILING);
    }

    fn live(kinds: &[Kind], version: &str) -> Live {
        let child = LiveObject {
            uid: "u".to_owned(),
            resource_version: version.to_owned(),
            controller: None,
            created_by_post: false,
            deleting: false,
            body: Arc::default(),
        };
        kinds.iter().map(|kind| ((*kind, "m".to_owned()), child.clone())).collect()
    }

    // D-1
    #[test]
    fn a_roll_out_makes_it_decide_anew_only_while_devices_are_claimed() {
        let plain = [Kind::Service, Kind::Deployment];
        let claiming = [Kind::Service, Kind::ResourceClaimTemplate, Kind::LeaderWorkerSet];
        let call = |kinds: &[Kind], now: &str, seen: &str| roll_call(&live(kinds, now), &live(kinds, seen));
        assert_eq!(call(&plain, "1", "1"), call(&plain, "2", "2"));
        assert_ne!(call(&claiming, "1", "1"), call(&claiming, "2", "2"));
        // What happened while the pass was writing is none of what it has seen.
        assert_eq!(call(&claiming, "1", "1"), call(&claiming, "2", "1"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_change_goes_at_once_and_those_right_after_wait_together() {
        let mut mind = Mind::default();
        let now = Instant::now();
        assert_eq!(mind.pace(1, now), None);
        mind.started(1, now);
        assert_eq!(mind.pace(1, now), None);
        assert_eq!(mind.pace(2, now), Some(PACE));
        assert_eq!(mind.pace(2, now + PACE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_counts_until_either_side_changes_or_the_ceiling() {
        let mut object = Object {
            kind: Kind::Service,
            name: "a".to_owned(),
            body: serde_json::json!({"spec": 1}),
            tls: None,
        };
        let refusal = Refusal {
            kind: Kind::Service,
            name: "a".to_owned(),
            reason: llmisvc_core::status::RefusalReason::Invalid,
            message: "no".to_owned(),
        };
        let (mut mind, now) = (Mind::default(), Instant::now());
        mind.refuse(&object, "7", refusal.clone(), now);
        assert_eq!(mind.refusal(&object, "7", now), Some(refusal));
        assert_eq!(mind.refusal(&object, "8", now), None);
        assert_eq!(mind.refusal(&object, "7", now + CEILING), None);
        object.body["spec"] = 2.into();
        assert_eq!(mind.refusal(&object, "7", now), None);
    }
}
