//! Pods of services, reduced while they are decoded and kept as compact text: there are more of them than of
//! everything else, and only services whose rollout is under way ask for theirs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::ApiResource;
use llmisvc_core::facts::{Answer, Ref};
use llmisvc_core::pods::{self, Body, Pod};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;

use super::bag::Stamp;

/// A pod that no node takes counts as blocked after this: a node may come, another pod may end.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Held {
    service: Box<str>,
    /// The reduced pod, never blocked.
    json: Box<str>,
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    why: Box<str>,
}

impl Held {
    fn wake(&self, now: Instant) -> Option<Pod> {
        let due = self.waiting.as_ref().filter(|waiting| now >= waiting.since + PATIENCE);
        let pod: Pod = serde_json::from_str(&self.json).ok()?;
        Some(Pod { blocked: due.map(|waiting| waiting.why.to_string()), ..pod })
    }
}

/// Pods by namespace and name.
#[derive(Debug, Default)]
pub struct Pods {
    namespaces: BTreeMap<Box<str>, BTreeMap<Box<str>, Held>>,
}

impl Pods {
    /// Takes a pod in; gives the services to which it looks different now.
    pub fn put(&mut self, body: Body, now: Instant) -> BTreeSet<Ref> {
        let (place, service) = (body.place(), body.service().to_owned());
        let mut pod = body.reduce();
        let why = pod.blocked.take();
        let known = self.namespaces.get(place.namespace.as_str()).and_then(|n| n.get(place.name.as_str()));
        let since = known.and_then(|known| Some(known.waiting.as_ref()?.since)).unwrap_or(now);
        let waiting = why.map(|why| Box::new(Waiting { since, why: why.into() }));
        let json = serde_json::to_string(&pod).unwrap_or_default().into();
        let held = Held { service: service.into(), json, waiting };
        let touched: BTreeSet<&str> = known.map_or_else(
            || BTreeSet::from([&*held.service]),
            |known| {
                if known.looks_like(&held) {
                    BTreeSet::new()
                } else {
                    [&*known.service, &*held.service].into()
                }
            },
        );
        let touched = touched.into_iter().map(|service| Ref::new(&place.namespace, service)).collect();
        let namespace = self.namespaces.entry(place.namespace.into()).or_default();
        namespace.insert(place.name.into(), held);
        touched
    }

    /// Forgets a pod; gives its service.
    pub fn remove(&mut self, place: &Ref) -> Option<Ref> {
        let namespace = self.namespaces.get_mut(place.namespace.as_str())?;
        let held = namespace.remove(place.name.as_str())?;
        if namespace.is_empty() {
            self.namespaces.remove(place.namespace.as_str());
        }
        Some(Ref::new(&place.namespace, &held.service))
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
        let answer = pods::answer(&pods);
        let mut hasher = DefaultHasher::new();
        answer.to_string().hash(&mut hasher);
        (Answer::Found(Arc::new(answer)), hasher.finish() | 1)
    }

    /// How long it is until the answer for a service changes by time alone.
    pub fn changes_in(&self, service: &Ref, now: Instant) -> Option<Duration> {
        let due = self.of(service).filter_map(|held| Some(held.waiting.as_ref()?.since + PATIENCE));
        due.filter(|due| *due > now).min().map(|due| due - now)
    }

    fn of<'a>(&'a self, service: &'a Ref) -> impl Iterator<Item = &'a Held> {
        let pods = self.namespaces.get(service.namespace.as_str()).into_iter().flat_map(BTreeMap::values);
        pods.filter(|held| *held.service == *service.name)
    }
}

impl Held {
    fn looks_like(&self, other: &Self) -> bool {
        let why = |held: &Self| held.waiting.as_ref().map(|waiting| waiting.why.clone());
        self.service == other.service && self.json == other.json && why(self) == why(other)
    }
}

/// A pod as its watch delivers it.
#[derive(Clone, Debug)]
pub struct Shown {
    meta: ObjectMeta,
    /// The pod.
    pub body: Body,
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = Body::deserialize(deserializer)?;
        let version = Some(body.resource_version().to_owned());
        Ok(Self { meta: ObjectMeta { resource_version: version, ..ObjectMeta::default() }, body })
    }
}

impl Resource for Shown {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn api_version(dt: &ApiResource) -> Cow<'_, str> {
        dt.api_version.as_str().into()
    }
    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, service: &str, status: &Value) -> Body {
        let labels = json!({"app.kubernetes.io/name": service});
        let metadata = json!({"name": name, "namespace": "ns", "labels": labels, "resourceVersion": "1"});
        Body::deserialize(json!({"metadata": metadata, "status": status})).unwrap()
    }

    fn waiting(why: &str) -> Value {
        let scheduled =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why});
        json!({"conditions": [scheduled]})
    }

    fn m() -> Ref {
        Ref::new("ns", "m")
    }

    fn seen(pods: &Pods) -> Vec<Pod> {
        pods::read(pods.answer(&m(), Instant::now()).0.found().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_is_blocked_once_it_has_waited_for_half_a_minute() {
        let mut pods = Pods::default();
        assert_eq!(pods.put(pod("a", "m", &waiting("no room")), Instant::now()), [m()].into());
        assert_eq!(pods.changes_in(&m(), Instant::now()), Some(PATIENCE));
        let before = pods.answer(&m(), Instant::now()).1;
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(pods.put(pod("a", "m", &waiting("still no room")), Instant::now()), [m()].into());
        assert_eq!((seen(&pods)[0].blocked.as_deref(), pods.answer(&m(), Instant::now()).1), (None, before));
        tokio::time::advance(pods.changes_in(&m(), Instant::now()).unwrap()).await;
        assert_eq!(seen(&pods)[0].blocked.as_deref(), Some("still no room"));
        assert_eq!(pods.changes_in(&m(), Instant::now()), None);
        pods.put(pod("a", "m", &json!({})), Instant::now());
        assert_eq!(seen(&pods)[0].blocked, None);
    }

    #[tokio::test]
    async fn only_a_change_that_counts_touches_a_service() {
        let mut pods = Pods::default();
        let now = Instant::now();
        assert_eq!(pods.put(pod("a", "m", &json!({})), now), [m()].into());
        assert!(pods.put(pod("a", "m", &json!({"startTime": "now"})), now).is_empty());
        assert_eq!(pods.put(pod("a", "other", &json!({})), now), [m(), Ref::new("ns", "other")].into());
        assert!(seen(&pods).is_empty());
        assert_eq!(pods.remove(&Ref::new("ns", "a")), Some(Ref::new("ns", "other")));
        assert_eq!(pods.remove(&Ref::new("ns", "a")), None);
    }

    #[tokio::test]
    async fn a_new_list_tells_which_pods_are_gone() {
        let mut pods = Pods::default();
        for name in ["a", "b"] {
            pods.put(pod(name, "m", &json!({})), Instant::now());
        }
        assert_eq!(pods.unlisted(&[Ref::new("ns", "a")].into()), [Ref::new("ns", "b")].into());
    }

    #[test]
    fn the_watch_gets_the_version_of_a_pod_and_nothing_else_of_its_metadata() {
        let text = r#"{"metadata": {"name": "a", "resourceVersion": "7", "managedFields": [{}]}}"#;
        let shown: Shown = serde_json::from_str(text).unwrap();
        let expected = ObjectMeta { resource_version: Some("7".to_owned()), ..ObjectMeta::default() };
        assert_eq!(shown.meta, expected);
    }
}
