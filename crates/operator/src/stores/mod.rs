//! What the watches have shown, and who has to look again when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use llmisvc_core::facts::{Answer, Cluster, Key, Ref};
use llmisvc_core::namesakes::Published;
use llmisvc_core::object::Live;
use llmisvc_core::pods::Body;
use llmisvc_core::settings::Settings;
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde::Deserialize as _;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

pub mod asked;
pub mod bag;
pub mod children;
mod configs;
pub mod groups;
pub mod index;
pub mod members;
mod namesakes;
pub mod pods;
pub mod raw;
pub mod served;
pub mod services;
pub mod usage;
pub mod watched;
pub mod watching;

use crate::queue::Queue;
use asked::Asked;
use bag::{Bag, Stamp};
use children::Children;
use index::Index;
use members::Members;
use namesakes::Namesakes;
use pods::{Pods, Touched};
use raw::{Raw, Turn};
use services::Services;
use usage::Usage;
use watched::{GATEWAY_NAME, Watched};

/// Locks; a holder that panicked left nothing half done, since every change is one call.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Settings and cluster facts, shared by pointer: a pass compares pointers to know that nothing changed.
#[derive(Clone, Debug)]
pub struct View {
    /// The parsed global ConfigMap.
    pub settings: Arc<Settings>,
    /// The cluster as a whole.
    pub cluster: Arc<Cluster>,
}

/// Everything watched.
pub struct Stores {
    services: Mutex<Services>,
    children: Mutex<Children>,
    configs: Mutex<Bag>,
    gateways: Mutex<Bag>,
    gateway_services: Mutex<Bag>,
    pods: Mutex<Pods>,
    index: Mutex<Index>,
    namesakes: Mutex<Namesakes>,
    usage: Mutex<Usage>,
    members: Mutex<Members>,
    view: Mutex<View>,
    /// Configs that have to be looked at again, for their own sake: see [`crate::configs`].
    pub configs_due: Arc<Queue>,
    /// Objects asked for by name.
    pub asked: Asked,
    synced: watch::Sender<BTreeSet<Watched>>,
    /// Sent to whenever a config is shown.
    config_shown: watch::Sender<()>,
}

impl Stores {
    /// Empty stores.
    pub fn new(cluster: Cluster) -> Self {
        let settings = Arc::new(Settings::unread());
        Self {
            services: Mutex::default(),
            children: Mutex::default(),
            configs: Mutex::new(Bag::of_specs()),
            gateways: Mutex::new(Bag::with_status()),
            gateway_services: Mutex::new(Bag::with_status()),
            pods: Mutex::default(),
            index: Mutex::default(),
            namesakes: Mutex::default(),
            usage: Mutex::default(),
            members: Mutex::default(),
            view: Mutex::new(View { settings, cluster: Arc::new(cluster) }),
            configs_due: Arc::default(),
            asked: Asked::default(),
            synced: watch::Sender::default(),
            config_shown: watch::Sender::default(),
        }
    }

    /// Takes in an object that a watch shows; gives the services that have to look again.
    pub fn put(&self, watched: Watched, raw: Raw) -> BTreeSet<Ref> {
        let raw = raw.typed(&watched.served());
        match watched {
            Watched::Services => {
                self.claim(&raw);
                let peers = self.publish_names(&raw);
                lock(&self.services).put(&raw).into_iter().chain(peers).collect()
            }
            Watched::Child(kind) => lock(&self.children).put(kind, raw),
            Watched::Settings => self.configure(&tree::strings(&raw.value, &["data"])),
            Watched::Configs => self.put_config(raw),
            Watched::Gateways => {
                let changed = lock(&self.gateways).put(raw);
                changed.map_or_else(BTreeSet::new, |place| self.dependents(&Key::Gateway(place)))
            }
            Watched::GatewayServices => self.put_gateway_service(raw),
            Watched::Pods => Body::deserialize(&raw.value).map(|pod| self.put_pod(pod)).unwrap_or_default(),
        }
    }

    /// Takes in a pod; gives the services that look at theirs and have to look again.
    pub fn put_pod(&self, pod: Body) -> BTreeSet<Ref> {
        let touched = lock(&self.pods).put(pod, Instant::now());
        self.who_looks_at(touched)
    }

    fn who_looks_at(&self, Touched { pods, troubles }: Touched) -> BTreeSet<Ref> {
        let keys = pods.into_iter().map(Key::Pods).chain(troubles.into_iter().map(Key::Troubles));
        keys.flat_map(|key| self.dependents(&key)).collect()
    }

    /// How long it is until the answer about a service's pods changes by time alone.
    pub fn pods_change_in(&self, service: &Ref) -> Option<Duration> {
        lock(&self.pods).changes_in(service, Instant::now())
    }

    /// Takes in which model names a service publishes; gives those that have other namesakes now.
    fn publish_names(&self, raw: &Raw) -> BTreeSet<Ref> {
        let Some(place) = raw.place() else { return BTreeSet::new() };
        let touched = lock(&self.namesakes).put(&place, raw.revision(), Published::of(&raw.value));
        self.by_namesakes(touched).collect()
    }

    fn by_namesakes(&self, of: BTreeSet<Ref>) -> impl Iterator<Item = Ref> {
        of.into_iter().flat_map(|service| self.dependents(&Key::Namesakes(service)))
    }

    /// One that changes hands concerns both Gateways.
    fn put_gateway_service(&self, raw: Raw) -> BTreeSet<Ref> {
        let mut bag = lock(&self.gateway_services);
        let before = raw.place().and_then(|p| Some(Ref::new(&p.namespace, &bag.label(&p, GATEWAY_NAME)?)));
        let after = gateway_of(&raw.value);
        let changed = bag.put(raw);
        drop(bag);
        let gateways = changed.into_iter().flat_map(|_| before.clone().into_iter().chain([after.clone()]));
        gateways.flat_map(|gateway| self.dependents(&Key::GatewayService(gateway))).collect()
    }

    /// Forgets a deleted object; gives the services that have to look again.
    pub fn remove(&self, watched: Watched, raw: &Raw) -> BTreeSet<Ref> {
        let Some(place) = raw.place() else { return BTreeSet::new() };
        if let Watched::Child(kind) = watched {
            let uid = tree::text(&raw.value, &["metadata", "uid"]);
            return lock(&self.children).remove(kind, &place, uid).into_iter().collect();
        }
        self.forget(watched, &place)
    }

    /// Forgets whatever a watch showed at a place.
    pub fn forget(&self, watched: Watched, place: &Ref) -> BTreeSet<Ref> {
        match watched {
            Watched::Services => {
                lock(&self.services).remove(place);
                self.configs_due.add_all(lock(&self.usage).remove(place));
                let namesakes = lock(&self.namesakes).remove(place);
                self.by_namesakes(namesakes).chain([place.clone()]).chain(self.forget_member(place)).collect()
            }
            Watched::Settings => self.configure(&BTreeMap::new()),
            Watched::Configs => {
                lock(&self.configs).remove(place);
                self.configs_due.add_all(lock(&self.usage).rivals(place));
                self.config_dependents(place)
            }
            Watched::Gateways => {
                lock(&self.gateways).remove(place);
                self.dependents(&Key::Gateway(place.clone()))
            }
            Watched::GatewayServices => {
                let gateway = lock(&self.gateway_services).label(place, GATEWAY_NAME).unwrap_or_default();
                lock(&self.gateway_services).remove(place);
                self.dependents(&Key::GatewayService(Ref::new(&place.namespace, &gateway)))
            }
            Watched::Pods => {
                let touched = lock(&self.pods).remove(place);
                self.who_looks_at(touched)
            }
            Watched::Child(kind) => lock(&self.children).remove(kind, place, "").into_iter().collect(),
        }
    }

    /// Ends a list: what it did not show is gone, and the watch is synced.
    pub fn listed(&self, watched: Watched, shown: &BTreeSet<Ref>) -> BTreeSet<Ref> {
        let gone = match watched {
            Watched::Child(kind) => return self.children_listed(kind, shown),
            Watched::Services => lock(&self.services).unlisted(shown),
            Watched::Settings if shown.is_empty() => BTreeSet::from([Ref::new("", "")]),
            Watched::Settings => BTreeSet::new(),
            Watched::Configs => lock(&self.configs).unlisted(shown),
            Watched::Gateways => lock(&self.gateways).unlisted(shown),
            Watched::GatewayServices => lock(&self.gateway_services).unlisted(shown),
            Watched::Pods => lock(&self.pods).unlisted(shown),
        };
        let touched = gone.iter().flat_map(|place| self.forget(watched, place)).collect();
        self.mark_synced(watched);
        touched
    }

    fn children_listed(&self, kind: Kind, shown: &BTreeSet<Ref>) -> BTreeSet<Ref> {
        let touched = lock(&self.children).retain(kind, shown);
        let all = if kind.served().optional { self.serve(kind, true) } else { BTreeSet::new() };
        self.mark_synced(Watched::Child(kind));
        touched.into_iter().chain(all).collect()
    }

    /// The cluster does not serve this: it counts as an empty list.
    pub fn unserved(&self, watched: Watched) -> BTreeSet<Ref> {
        let nothing = BTreeSet::new();
        let Watched::Child(kind) = watched else { return self.listed(watched, &nothing) };
        let touched = lock(&self.children).retain(kind, &nothing);
        let all = self.serve(kind, false);
        self.mark_synced(watched);
        touched.into_iter().chain(all).collect()
    }

    fn serve(&self, kind: Kind, served: bool) -> BTreeSet<Ref> {
        let mut view = lock(&self.view);
        if view.cluster.served.contains(&kind) == served {
            return BTreeSet::new();
        }
        let mut cluster = Cluster::clone(&view.cluster);
        if served {
            cluster.served.insert(kind)
        } else {
            cluster.served.remove(&kind)
        };
        view.cluster = Arc::new(cluster);
        drop(view);
        self.everyone()
    }

    /// Parses the global ConfigMap; every service has to look again when that gives other settings.
    fn configure(&self, data: &BTreeMap<String, String>) -> BTreeSet<Ref> {
        let mut view = lock(&self.view);
        let settings = Settings::parse(data, &view.settings, &view.cluster.system_namespace);
        if settings == *view.settings {
            return BTreeSet::new();
        }
        for problem in &settings.problems {
            tracing::warn!(config_map = watched::GLOBAL_CONFIG, "{problem}");
        }
        view.settings = Arc::new(settings);
        drop(view);
        self.everyone()
    }

    fn everyone(&self) -> BTreeSet<Ref> {
        lock(&self.services).places().into_iter().collect()
    }

    /// The services that depend on a key.
    pub fn dependents(&self, key: &Key) -> BTreeSet<Ref> {
        lock(&self.index).dependents(key).into_iter().collect()
    }

    fn mark_synced(&self, watched: Watched) {
        self.synced.send_if_modified(|synced| synced.insert(watched));
    }

    /// The watches that have not shown a complete list yet.
    pub fn unsynced(&self) -> Vec<&'static str> {
        let synced = self.synced.borrow();
        Watched::all().into_iter().filter(|w| !synced.contains(w)).map(Watched::label).collect()
    }

    /// Returns once every watch has shown a complete list.
    pub async fn synced(&self) {
        let all = Watched::all().len();
        let waited = self.synced.subscribe().wait_for(|synced| synced.len() == all).await.map(drop);
        waited.expect("the sender lives as long as the stores");
    }

    /// Settings and cluster facts as of now.
    pub fn view(&self) -> View {
        lock(&self.view).clone()
    }

    /// A service, and the stamp of all but its status.
    pub fn service(&self, place: &Ref) -> Option<(Value, Stamp)> {
        lock(&self.services).get(place)
    }

    /// Takes in the answer to a write of a service; says whether it brings more than its status. The watch will not
    /// show that as something new any more.
    pub fn put_service(&self, answer: Value) -> bool {
        let answer = Raw::new(answer);
        let taken = lock(&self.services).refresh(&answer);
        if taken.is_some() {
            self.claim(&answer);
        }
        taken == Some(true)
    }

    /// Takes in a child that was created.
    pub fn put_child(&self, kind: Kind, answer: Value) {
        lock(&self.children).put(kind, Raw::new(answer));
    }

    /// Takes in the answer to a change of a child.
    pub fn refresh_child(&self, kind: Kind, answer: Value) {
        lock(&self.children).refresh(kind, Raw::new(answer));
    }

    /// Takes in whatever stands under a name that the service wants.
    pub fn put_guest(&self, kind: Kind, service: &Ref, object: Value) {
        lock(&self.children).put_guest(kind, service, Raw::new(object));
    }

    /// Forgets a child that was deleted.
    pub fn remove_child(&self, kind: Kind, place: &Ref, uid: &str) {
        lock(&self.children).remove(kind, place, uid);
    }

    /// Live children, guests among them.
    pub fn live(&self, service: &Ref) -> Live {
        lock(&self.children).live(service)
    }

    /// Objects of others under names that the service wants.
    pub fn guests(&self, service: &Ref) -> BTreeSet<(Kind, String)> {
        lock(&self.children).guests(service)
    }

    /// A guest is gone.
    pub fn dismiss(&self, service: &Ref, slot: &(Kind, String)) {
        lock(&self.children).dismiss(service, slot);
    }

    /// Which entry among a child's managed fields has to become ours.
    pub fn turn(&self, service: &Ref, slot: &(Kind, String)) -> Option<Turn> {
        lock(&self.children).turn(service, slot)
    }

    /// The revision at hand of a child, and where our entries stand that hold its `spec.replicas`; none where they do
    /// not.
    pub fn count_entries(&self, service: &Ref, slot: &(Kind, String)) -> Option<(u64, Box<[usize]>)> {
        lock(&self.children).count_entries(service, slot)
    }

    /// How many children are known.
    pub fn child_count(&self) -> usize {
        lock(&self.children).len()
    }

    /// Forgets everything about a deleted service.
    pub fn forget_service(&self, place: &Ref) {
        lock(&self.children).dismiss_guests(place);
        self.depends_on(place, &BTreeSet::new());
    }

    /// Notes a dependency before its answer is read.
    pub fn depends(&self, service: &Ref, key: &Key) {
        lock(&self.index).add(service, key);
    }

    /// Replaces the dependencies of a service.
    pub fn depends_on(&self, service: &Ref, keys: &BTreeSet<Key>) {
        let unused = lock(&self.index).set(service, keys);
        self.asked.forget(&unused);
    }

    /// The answer that is at hand without a request; none when it has to be asked for.
    pub fn at_hand(&self, key: &Key) -> Option<(Answer, Stamp)> {
        match key {
            Key::Config(place) => Some(lock(&self.configs).answer(place)),
            Key::ConfigNames(namespace) => Some(lock(&self.configs).names(namespace)),
            Key::Gateway(place) => Some(lock(&self.gateways).answer(place)),
            Key::GatewayService(place) => {
                let found =
                    lock(&self.gateway_services).labelled(&place.namespace, GATEWAY_NAME, &place.name);
                found.0.found().is_some().then_some(found)
            }
            Key::Group(group) => Some(self.members(group)),
            Key::Namesakes(service) => Some(lock(&self.namesakes).answer(service)),
            Key::Pods(service) => Some(lock(&self.pods).answer(service, Instant::now())),
            Key::Troubles(service) => Some(lock(&self.pods).troubles(service, Instant::now())),
            _ => None,
        }
    }
}

fn gateway_of(service: &Value) -> Ref {
    let label = tree::text(service, &["metadata", "labels", GATEWAY_NAME]);
    Ref::new(tree::text(service, &["metadata", "namespace"]), label)
}
