//! Live children, as compact text by service: a tree costs ten times the memory of its text, and a child is
//! looked at only when its service is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use llmisvc_api::v1alpha2::KIND as SERVICE_KIND;
use llmisvc_core::facts::Ref;
use llmisvc_core::labels::{NAME, PART_OF, PART_OF_VALUE};
use llmisvc_core::object::{Live, LiveObject};
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::groups;
use super::raw::{Raw, Turn};

/// A child at rest.
#[derive(Debug)]
struct Child {
    uid: Box<str>,
    revision: u64,
    controller: Option<Box<str>>,
    turn: Option<Turn>,
    count_entries: Box<[usize]>,
    deleting: bool,
    guest: bool,
    json: Box<str>,
}

/// A child's address: kind, namespace (empty for cluster-scoped kinds) and name.
type Address = (Kind, Ref);

/// All children, by the service they belong to.
#[derive(Debug, Default)]
pub struct Children {
    by_service: BTreeMap<Ref, BTreeMap<(Kind, String), Child>>,
    home: BTreeMap<Address, Ref>,
}

impl Children {
    /// Takes in what a watch or a write's answer shows; gives the services whose live state changed.
    /// An older revision than the one at hand changes nothing: answers to writes overtake the watch.
    pub fn put(&mut self, kind: Kind, mut raw: Raw) -> BTreeSet<Ref> {
        let (Some(place), Some(service)) = (raw.place(), service_of(kind, &raw.value)) else {
            tracing::warn!(kind = kind.served().kind, "skipped an object that names no service");
            return BTreeSet::new();
        };
        if kind == Kind::LeaderWorkerSet {
            let known = self.body(&service, &(kind, place.name.clone()));
            groups::note_observed(known.as_ref(), &mut raw.value);
        }
        self.insert(kind, place, service, child(kind, raw, false))
    }

    /// Takes in the answer to a change. A child that the watch has shown to be gone stays gone, and so is made anew.
    pub fn refresh(&mut self, kind: Kind, raw: Raw) {
        let known = |place: Ref| self.home.contains_key(&(kind, place)) || self.is_guest(kind, &raw);
        if raw.place().is_some_and(known) {
            self.put(kind, raw);
        }
    }

    fn is_guest(&self, kind: Kind, raw: &Raw) -> bool {
        let slot = raw.place().map(|place| (kind, place.name));
        let known =
            service_of(kind, &raw.value).and_then(|service| self.by_service.get(&service)?.get(&slot?));
        known.is_some_and(|child| child.guest)
    }

    /// Takes in an object that stands where `service` wants to have one, whoever owns it.
    pub fn put_guest(&mut self, kind: Kind, service: &Ref, raw: Raw) {
        let Some(place) = raw.place() else { return };
        let guest = service_of(kind, &raw.value).as_ref() != Some(service) || !labelled(&raw.value);
        if guest {
            let children = self.by_service.entry(service.clone()).or_default();
            children.insert((kind, place.name), child(kind, raw, true));
        } else {
            self.insert(kind, place, service.clone(), child(kind, raw, false));
        }
    }

    fn insert(&mut self, kind: Kind, place: Ref, service: Ref, child: Child) -> BTreeSet<Ref> {
        let slot = (kind, place.name.clone());
        let address = (kind, place);
        let mut touched = BTreeSet::new();
        if let Some(old) = self.home.get(&address).filter(|old| **old != service).cloned() {
            self.take(&old, &slot);
            touched.insert(old);
        }
        let children = self.by_service.entry(service.clone()).or_default();
        let known = children.get(&slot);
        if known.is_none_or(|k| k.guest || k.uid != child.uid || k.revision < child.revision) {
            children.insert(slot, child);
            self.home.insert(address, service.clone());
            touched.insert(service);
        }
        touched
    }

    /// Forgets a deleted object; a later one of the same name, known by another UID, stays.
    pub fn remove(&mut self, kind: Kind, place: &Ref, uid: &str) -> Option<Ref> {
        let address = (kind, place.clone());
        let service = self.home.get(&address)?.clone();
        let slot = (kind, place.name.clone());
        let child = self.by_service.get(&service)?.get(&slot)?;
        if !uid.is_empty() && *child.uid != *uid {
            return None;
        }
        self.home.remove(&address);
        self.take(&service, &slot);
        Some(service)
    }

    /// Forgets the objects of `kind` that a complete list did not show.
    pub fn retain(&mut self, kind: Kind, listed: &BTreeSet<Ref>) -> BTreeSet<Ref> {
        let gone: Vec<Ref> = self
            .home
            .keys()
            .filter(|(k, place)| *k == kind && !listed.contains(place))
            .map(|(_, place)| place.clone())
            .collect();
        gone.iter().filter_map(|place| self.remove(kind, place, "")).collect()
    }

    fn take(&mut self, service: &Ref, slot: &(Kind, String)) {
        if let Some(children) = self.by_service.get_mut(service) {
            children.remove(slot);
            if children.is_empty() {
                self.by_service.remove(service);
            }
        }
    }

    /// Forgets guests, so that they are looked at again.
    pub fn dismiss_guests(&mut self, service: &Ref) {
        if let Some(children) = self.by_service.get_mut(service) {
            children.retain(|_, child| !child.guest);
            if children.is_empty() {
                self.by_service.remove(service);
            }
        }
    }

    /// Forgets one guest: it is gone.
    pub fn dismiss(&mut self, service: &Ref, slot: &(Kind, String)) {
        if self.guests(service).contains(slot) {
            self.take(service, slot);
        }
    }

    /// The live children of a service, guests among them.
    pub fn live(&self, service: &Ref) -> Live {
        let children = self.by_service.get(service).into_iter().flatten();
        children.filter_map(|(slot, child)| Some((slot.clone(), wake(child)?))).collect()
    }

    /// Kinds and names of the guests: objects of others under names that the service wants.
    pub fn guests(&self, service: &Ref) -> BTreeSet<(Kind, String)> {
        let children = self.by_service.get(service).into_iter().flatten();
        children.filter(|(_, child)| child.guest).map(|(slot, _)| slot.clone()).collect()
    }

    /// Which entry among the managed fields of the revision at hand has to become ours.
    pub fn turn(&self, service: &Ref, slot: &(Kind, String)) -> Option<Turn> {
        self.by_service.get(service)?.get(slot)?.turn
    }

    /// The revision at hand, and where among its managed fields our entries stand that hold `spec.replicas`.
    pub fn count_entries(&self, service: &Ref, slot: &(Kind, String)) -> Option<(u64, Box<[usize]>)> {
        let child = self.by_service.get(service)?.get(slot)?;
        Some((child.revision, child.count_entries.clone())).filter(|(_, held)| !held.is_empty())
    }

    /// The children of one kind, whole.
    pub fn bodies(&self, service: &Ref, kind: Kind) -> Vec<Value> {
        let children = self.by_service.get(service).into_iter().flatten();
        let of_kind = children.filter(|((of, _), child)| *of == kind && !child.guest);
        of_kind.filter_map(|(_, child)| serde_json::from_str(&child.json).ok()).collect()
    }

    fn body(&self, service: &Ref, slot: &(Kind, String)) -> Option<Value> {
        serde_json::from_str(&self.by_service.get(service)?.get(slot)?.json).ok()
    }

    /// How many children are held.
    pub fn len(&self) -> usize {
        self.home.len()
    }
}

fn wake(child: &Child) -> Option<LiveObject> {
    Some(LiveObject {
        uid: child.uid.to_string(),
        resource_version: child.revision.to_string(),
        controller: child.controller.as_deref().map(str::to_owned),
        created_by_post: child.turn.is_some(),
        deleting: child.deleting,
        body: Arc::new(serde_json::from_str(&child.json).ok()?),
    })
}

fn child(kind: Kind, mut raw: Raw, guest: bool) -> Child {
    if kind == Kind::Secret {
        drop_keys(&mut raw.value);
    }
    let owner = controller(&raw.value);
    Child {
        uid: tree::text(&raw.value, &["metadata", "uid"]).into(),
        revision: raw.revision(),
        controller: owner.map(|o| tree::text(o, &["uid"]).into()),
        turn: raw.turn,
        count_entries: raw.count_entries,
        deleting: tree::get(&raw.value, &["metadata", "deletionTimestamp"]).is_some(),
        guest,
        json: raw.value.to_string().into(),
    }
}

/// Of a Secret's data only the certificates are kept, which are public, and that there is a key.
fn drop_keys(secret: &mut Value) {
    let Some(data) = secret.get_mut("data").and_then(Value::as_object_mut) else { return };
    data.retain(|key, value| matches!(key.as_str(), "tls.crt" | "ca.crt" | "tls.key") && *value != "");
    if let Some(key) = data.get_mut("tls.key") {
        *key = Value::String(String::new());
    }
}

fn controller(value: &Value) -> Option<&Value> {
    let owners = tree::list(value, &["metadata", "ownerReferences"]);
    owners.iter().find(|o| tree::get(o, &["controller"]) == Some(&Value::Bool(true)))
}

fn labelled(value: &Value) -> bool {
    tree::text(value, &["metadata", "labels", PART_OF]) == PART_OF_VALUE
}

/// The service that an object belongs to: its controller's name where that is one of our services, else the
/// name label. A ClusterRoleBinding has no namespace; its subject's tells services of one name apart.
fn service_of(kind: Kind, value: &Value) -> Option<Ref> {
    let namespace = if kind.served().namespaced {
        tree::text(value, &["metadata", "namespace"])
    } else {
        tree::text(tree::list(value, &["subjects"]).first()?, &["namespace"])
    };
    let owner = controller(value).filter(|o| tree::text(o, &["kind"]) == SERVICE_KIND);
    let name = match owner {
        Some(owner) => tree::text(owner, &["name"]),
        None => tree::text(value, &["metadata", "labels", NAME]),
    };
    (!name.is_empty()).then(|| Ref::new(namespace, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, uid: &str, revision: u64) -> Raw {
        Raw::new(json!({
            "metadata": {
                "name": name, "namespace": "ns", "uid": uid, "resourceVersion": revision.to_string(),
                "labels": {NAME: "m", PART_OF: PART_OF_VALUE},
            },
        }))
    }

    fn m() -> Ref {
        Ref::new("ns", "m")
    }

    #[test]
    fn an_older_revision_does_not_undo_a_newer_one() {
        let mut children = Children::default();
        assert_eq!(children.put(Kind::Service, object("a", "1", 9)), BTreeSet::from([m()]));
        assert!(children.put(Kind::Service, object("a", "1", 8)).is_empty());
        assert_eq!(children.live(&m())[&(Kind::Service, "a".to_owned())].resource_version, "9");
    }

    #[test]
    fn the_delete_of_an_earlier_object_leaves_its_successor() {
        let mut children = Children::default();
        children.put(Kind::Service, object("a", "2", 9));
        assert_eq!(children.remove(Kind::Service, &Ref::new("ns", "a"), "1"), None);
        assert_eq!(children.remove(Kind::Service, &Ref::new("ns", "a"), "2"), Some(m()));
        assert!(children.live(&m()).is_empty());
    }

    #[test]
    fn the_late_answer_to_a_change_does_not_bring_a_deleted_child_back() {
        let mut children = Children::default();
        children.put(Kind::Service, object("a", "1", 9));
        children.remove(Kind::Service, &Ref::new("ns", "a"), "1");
        children.refresh(Kind::Service, object("a", "1", 10));
        assert!(children.live(&m()).is_empty());
        children.put_guest(Kind::Service, &m(), {
            let mut bare = object("a", "2", 11);
            bare.value["metadata"]["labels"] = json!({});
            bare
        });
        children.refresh(Kind::Service, object("a", "2", 12));
        assert_eq!((children.len(), children.guests(&m()).len()), (1, 0));
    }

    #[test]
    fn a_new_list_forgets_what_it_does_not_show() {
        let mut children = Children::default();
        children.put(Kind::Service, object("a", "1", 1));
        children.put(Kind::Service, object("b", "2", 2));
        let gone = children.retain(Kind::Service, &BTreeSet::from([Ref::new("ns", "a")]));
        assert_eq!((gone, children.len()), (BTreeSet::from([m()]), 1));
    }

    #[test]
    fn a_private_key_is_not_kept() {
        let mut children = Children::default();
        let mut raw = object("s", "1", 1);
        raw.value["data"] = json!({"tls.crt": "Y2VydA==", "tls.key": "a2V5", "ca.crt": "Y2E="});
        children.put(Kind::Secret, raw);
        let live = children.live(&m());
        assert_eq!(
            live[&(Kind::Secret, "s".to_owned())].body["data"],
            json!({"tls.crt": "Y2VydA==", "tls.key": "", "ca.crt": "Y2E="})
        );
    }

    #[test]
    fn cluster_role_bindings_of_namesakes_are_told_apart() {
        // G-9
        let binding = |namespace: &str| {
            Raw::new(json!({
                "metadata": {"name": "x", "labels": {NAME: "m", PART_OF: PART_OF_VALUE}},
                "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": namespace}],
            }))
        };
        let mut children = Children::default();
        children.put(Kind::ClusterRoleBinding, binding("other"));
        assert!(children.live(&m()).is_empty());
        children.put_guest(Kind::ClusterRoleBinding, &m(), binding("other"));
        assert_eq!(children.guests(&m()).len(), 1);
        children.dismiss_guests(&m());
        assert!(children.guests(&m()).is_empty());
    }

    #[test]
    fn an_object_without_its_labels_is_a_guest_until_it_has_them_again() {
        let mut bare = object("a", "1", 3);
        bare.value["metadata"]["labels"] = json!({});
        let mut children = Children::default();
        children.put_guest(Kind::Service, &m(), bare);
        assert_eq!(children.guests(&m()).len(), 1);
        children.put(Kind::Service, object("a", "1", 4));
        assert!(children.guests(&m()).is_empty());
    }
}
