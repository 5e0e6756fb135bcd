//! Answers the core's questions until it has decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use llmisvc_api::conditions::reason;
use llmisvc_core::facts::{Answer, Key, Ref, Seen};
use llmisvc_core::object::Live;
use llmisvc_core::pass::{Fault, Finding};
use llmisvc_core::{Decision, Inputs, Step};
use serde_json::Value;

use crate::context::Context;
use crate::memo::{Mind, Premises};
use crate::resources;
use crate::stores::asked::{UNREADABLE, answer_for, wants_watch};
use crate::stores::bag::{ABSENT, Stamp};
use crate::stores::raw::Raw;
use crate::stores::{View, watching};
use crate::wire::chain;

/// What a pass starts from.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Namespace and name.
    pub place: Ref,
    /// The service.
    pub service: Value,
    /// The stamp of all but its status.
    pub stamp: Stamp,
    /// Settings and cluster.
    pub view: View,
    /// Live children.
    pub live: Live,
}

/// A decision, and what it followed from.
pub struct Considered {
    /// The decision.
    pub decision: Decision,
    /// The answers it used.
    pub seen: Seen,
    /// The same by stamp.
    pub answers: BTreeMap<Key, Stamp>,
    /// Those that the decision followed from.
    pub decided: BTreeSet<Key>,
}

/// Decides, or recalls the last decision when everything it followed from is as it was.
pub async fn consider(ctx: &Arc<Context>, subject: &Subject, mind: &mut Mind) -> Considered {
    let recalled = mind.recall();
    if let Some((premises, asleep)) = recalled {
        let holds = premises.hold(subject.stamp, &subject.view, &subject.live);
        let seen = if holds { unchanged(ctx, &premises.answers) } else { None };
        if let (Some(seen), Some(decision)) = (seen, asleep.wake()) {
            return Considered::recalled(ctx, decision, seen, premises);
        }
        // What another spec asked for may be of no interest to this one.
        if premises.service == subject.stamp {
            let readable = premises.answers.into_iter().filter(|(_, stamp)| *stamp != UNREADABLE);
            return decide(ctx, subject, readable.map(|(key, _)| key).collect()).await;
        }
    }
    decide(ctx, subject, BTreeSet::new()).await
}

/// The answers, if all are at hand and as they were.
fn unchanged(ctx: &Context, answers: &BTreeMap<Key, Stamp>) -> Option<Seen> {
    let mut seen = Seen::default();
    for (key, stamp) in answers {
        let (answer, now) = ctx.stores.at_hand(key).or_else(|| ctx.stores.asked.last(key))?;
        if now != *stamp || matches!(answer, Answer::Unreadable(_)) {
            return None;
        }
        seen.insert(key.clone(), answer);
    }
    Some(seen)
}

/// Runs the core until it asks for nothing more. `keys` are what it asked for the last time.
async fn decide(ctx: &Arc<Context>, subject: &Subject, mut keys: BTreeSet<Key>) -> Considered {
    let mut seen = Seen::default();
    let mut stamps = BTreeMap::new();
    loop {
        for key in std::mem::take(&mut keys) {
            let (answer, stamp) = ask(ctx, &subject.place, &key).await;
            stamps.insert(key.clone(), stamp);
            seen.insert(key, answer);
        }
        seen.take_touched();
        match run(ctx, subject, &seen) {
            Step::Need(asked) if asked.is_empty() => {
                // Nothing to answer and nothing decided would go on for ever; a fault says so instead.
                return undecided(seen, stamps);
            }
            Step::Need(asked) => keys = asked,
            Step::Done(decision) => return Considered::new(*decision, seen, stamps),
        }
    }
}

fn run(ctx: &Context, subject: &Subject, seen: &Seen) -> Step {
    (ctx.core.decide)(&Inputs {
        service: &subject.service,
        settings: &subject.view.settings,
        cluster: &subject.view.cluster,
        seen,
        live: &subject.live,
    })
}

/// Answers what came up after the decision; false when nothing did.
pub async fn answer_open(ctx: &Arc<Context>, place: &Ref, considered: &mut Considered) -> bool {
    let open = considered.seen.take_open();
    let came_up = !open.is_empty();
    for key in open {
        let (answer, stamp) = ask(ctx, place, &key).await;
        considered.answers.insert(key.clone(), stamp);
        considered.seen.insert(key, answer);
    }
    came_up
}

impl Considered {
    fn new(decision: Decision, seen: Seen, answers: BTreeMap<Key, Stamp>) -> Self {
        let decided = seen.take_touched();
        Self { decision, seen, answers, decided }
    }

    /// The status gets what it looked at the last time, as it is now; what is not at hand it asks for anew.
    fn recalled(ctx: &Context, decision: Decision, mut seen: Seen, premises: Premises) -> Self {
        let mut answers = premises.answers;
        let decided = answers.keys().cloned().collect();
        for key in premises.asides {
            if let Some((answer, stamp)) = at_hand(ctx, &key) {
                answers.insert(key.clone(), stamp);
                seen.insert(key, answer);
            }
        }
        Self { decision, seen, answers, decided }
    }

    /// Forgets the answers that were of no interest this time: the service does not depend on them any more.
    pub fn forget_unused(&mut self) {
        let looked_at = self.seen.take_touched();
        self.answers.retain(|key, _| self.decided.contains(key) || looked_at.contains(key));
    }

    /// An answer could not be read: it has to be asked for again.
    pub fn unreadable(&self) -> bool {
        self.answers.values().any(|stamp| *stamp == UNREADABLE)
    }
}

fn undecided(seen: Seen, answers: BTreeMap<Key, Stamp>) -> Considered {
    let findings = vec![Finding::new("spec", "no decision was reached; this is a defect")];
    let fault = Fault { reason: reason::VALIDATION_UNAVAILABLE, findings };
    let decision = Decision {
        applied_configs: Vec::new(),
        pins: BTreeMap::new(),
        warnings: Vec::new(),
        outcome: Err(fault),
    };
    Considered::new(decision, seen, answers)
}

fn at_hand(ctx: &Context, key: &Key) -> Option<(Answer, Stamp)> {
    ctx.stores.at_hand(key).or_else(|| ctx.stores.asked.fresh(key))
}

/// The answer to a key; the dependency is noted first, so that no change in between is missed.
async fn ask(ctx: &Arc<Context>, service: &Ref, key: &Key) -> (Answer, Stamp) {
    ctx.stores.depends(service, key);
    if let Some(known) = at_hand(ctx, key) {
        return known;
    }
    let Some((served, place)) = resources::of_key(key) else { return (Answer::Absent, ABSENT) };
    let place = crate::wire::Place { served: &served, namespace: &place.namespace, name: &place.name };
    let answer = match ctx.wire.get(place).await {
        Ok(object) => answer_for(key, object.map(Raw::new)),
        Err(error) => {
            tracing::warn!(kind = served.kind, error = chain(&error), "could not be read");
            Answer::Unreadable(chain(&error))
        }
    };
    let (_, stamp) = ctx.stores.asked.put(key, answer.clone());
    if wants_watch(key, &answer) && !ctx.stores.asked.is_watched(key) {
        let watch = tokio::spawn(watching::keep_asked(Arc::clone(ctx), key.clone()));
        ctx.stores.asked.watched_by(key, watch.abort_handle());
    }
    (answer, stamp)
}
