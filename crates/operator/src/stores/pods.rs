//! Pods of services, reduced while they are decoded and kept as compact text: there are more of them than of
//! everything else, and only services whose rollout is under way ask for theirs. Services that are not ready ask for
//! those in trouble, of which more is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use llmisvc_core::cause;
use llmisvc_core::facts::{Answer, Ref};
use llmisvc_core::pods::{self, Body, Pod};
use serde_json::Value;
use tokio::time::Instant;

use super::bag::Stamp;

mod shown;

pub use shown::Shown;

/// A pod that no node takes counts as blocked after this: a node may come, another pod may end. So does trouble that
/// mostly passes.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Held {
    service: Box<str>,
    /// The reduced pod, never blocked nor in trouble.
    json: Box<str>,
    waiting: Option<Box<Since>>,
    /// The trouble as text, and whether it has to last a while before it counts.
    trouble: Option<Box<(Since, bool)>>,
}

#[derive(Debug)]
struct Since {
    at: Instant,
    why: Box<str>,
}

impl Since {
    fn due(&self) -> Instant {
        self.at + PATIENCE
    }
}

impl Held {
    /// A pod as it looks now. What lasts since it was `known` has waited since then.
    fn new(body: Body, known: Option<&Self>, now: Instant) -> Self {
        let service = body.service().into();
        let mut pod = body.reduce();
        let waits = known.and_then(|known| Some(known.waiting.as_ref()?.at)).unwrap_or(now);
        let waiting = pod.blocked.take().map(|why| Box::new(Since { at: waits, why: why.into() }));
        let trouble = pod.trouble.take().map(|trouble| {
            let patient = trouble.why.is_patient();
            let same = known.and_then(|known| known.trouble.as_ref()).filter(|it| it.1 == patient);
            let why = serde_json::to_string(&trouble).unwrap_or_default().into();
            Box::new((Since { at: same.map_or(now, |it| it.0.at), why }, patient))
        });
        let json = serde_json::to_string(&pod).unwrap_or_default().into();
        Self { service, json, waiting, trouble }
    }

    fn pod(&self) -> Option<Pod> {
        serde_json::from_str(&self.json).ok()
    }

    fn wake(&self, now: Instant) -> Option<Pod> {
        let due = self.waiting.as_ref().filter(|waiting| now >= waiting.due());
        Some(Pod { blocked: due.map(|waiting| waiting.why.to_string()), ..self.pod()? })
    }

    fn wake_with_trouble(&self, now: Instant) -> Option<Pod> {
        let due = self.trouble.as_ref().filter(|trouble| !trouble.1 || now >= trouble.0.due());
        Some(Pod { trouble: due.and_then(|it| serde_json::from_str(&it.0.why).ok()), ..self.pod()? })
    }

    /// When it looks different by time alone.
    fn due(&self) -> impl Iterator<Item = Instant> {
        let waiting = self.waiting.as_ref().map(|waiting| waiting.due());
        let trouble = self.trouble.as_ref().filter(|trouble| trouble.1).map(|trouble| trouble.0.due());
        waiting.into_iter().chain(trouble)
    }

    fn looks_like(&self, other: &Self) -> bool {
        let why = |held: &Self| held.waiting.as_ref().map(|waiting| waiting.why.clone());
        self.service == other.service && self.json == other.json && why(self) == why(other)
    }

    fn is_in_the_trouble_of(&self, other: &Self) -> bool {
        let why = |held: &Self| held.trouble.as_ref().map(|trouble| trouble.0.why.clone());
        why(self) == why(other) && (self.trouble.is_none() || self.service == other.service)
    }
}

/// Services to which a pod looks different now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// In whatever is decided from pods.
    pub pods: BTreeSet<Ref>,
    /// In its trouble.
    pub troubles: BTreeSet<Ref>,
}

/// Pods by namespace and name.
#[derive(Debug, Default)]
pub struct Pods {
    namespaces: BTreeMap<Box<str>, BTreeMap<Box<str>, Held>>,
}

impl Pods {
    /// Takes a pod in; gives the services to which it looks different now.
    pub fn put(&mut self, body: Body, now: Instant) -> Touched {
        let place = body.place();
        let namespace = self.namespaces.entry(place.namespace.as_str().into()).or_default();
        let known = namespace.remove(place.name.as_str());
        let held = Held::new(body, known.as_ref(), now);
        let of = |held: Option<&Held>| held.map(|held| Ref::new(&place.namespace, &held.service));
        let both = || of(known.as_ref()).into_iter().chain(of(Some(&held))).collect();
        let mut touched = Touched::default();
        if !known.as_ref().is_some_and(|known| known.looks_like(&held)) {
            touched.pods = both();
        }
        let healthy = known.is_none() && held.trouble.is_none();
        if !healthy && !known.as_ref().is_some_and(|known| known.is_in_the_trouble_of(&held)) {
            touched.troubles = both();
        }
        namespace.insert(place.name.into(), held);
        touched
    }

    /// Forgets a pod; gives the service that it belonged to.
    pub fn remove(&mut self, place: &Ref) -> Touched {
        let Some(namespace) = self.namespaces.get_mut(place.namespace.as_str()) else {
            return Touched::default();
        };
        let Some(held) = namespace.remove(place.name.as_str()) else { return Touched::default() };
        if namespace.is_empty() {
            self.namespaces.remove(place.namespace.as_str());
        }
        let service = BTreeSet::from([Ref::new(&place.namespace, &held.service)]);
        let troubles = held.trouble.map(|_| service.clone()).unwrap_or_default();
        Touched { pods: service, troubles }
    }

    /// What a complete list did not show.
    pub fn unlisted(&self, listed: &BTreeSet<Ref>) -> BTreeSet<Ref> {
        let mut gone = BTreeSet::new();
        for (namespace, pods) in &self.namespaces {
            let places = pods.keys().map(|name| Ref::new(namespace, name));
            gone.extend(places.filter(|place| !listed.contains(place)));
        }
        gone
    }

    /// The pods of a service as they are at this time.
    pub fn answer(&self, service: &Ref, now: Instant) -> (Answer, Stamp) {
        let pods: Vec<Pod> = self.of(service).filter_map(|held| held.wake(now)).collect();
        stamped(pods::answer(&pods))
    }

    /// Those that are in trouble at this time.
    pub fn troubles(&self, service: &Ref, now: Instant) -> (Answer, Stamp) {
        let healthy = self.of(service).all(|held| held.trouble.is_none());
        let pods = self.of(service).filter(|_| !healthy).filter_map(|held| held.wake_with_trouble(now));
        stamped(cause::answer(&pods.collect::<Vec<_>>()))
    }

    /// How long it is until an answer for a service changes by time alone.
    pub fn changes_in(&self, service: &Ref, now: Instant) -> Option<Duration> {
        let due = self.of(service).flat_map(Held::due);
        due.filter(|due| *due > now).min().map(|due| due - now)
    }

    fn of<'a>(&'a self, service: &'a Ref) -> impl Iterator<Item = &'a Held> {
        let pods = self.namespaces.get(service.namespace.as_str()).into_iter().flat_map(BTreeMap::values);
        pods.filter(|held| *held.service == *service.name)
    }
}

fn stamped(answer: Value) -> (Answer, Stamp) {
    let mut hasher = DefaultHasher::new();
    answer.to_string().hash(&mut hasher);
    (Answer::Found(Arc::new(answer)), hasher.finish() | 1)
}

#[cfg(test)]
mod tests;
