//! Traffic groups: what each service has published for the others, and who waits for the routes of others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use llmisvc_core::facts::{Answer, Key, Ref};
use llmisvc_core::traffic::{Backend, Member, Members as Told, Standing, leave};
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::bag::{Stamp, stamp};
use super::{Stores, lock};

/// Where services stand, as of their last pass.
#[derive(Debug, Default)]
pub struct Members {
    standing: BTreeMap<Ref, Standing>,
    /// Services that keep what routes of others lead to.
    waiting: BTreeSet<Ref>,
}

impl Members {
    /// Takes in where a service stands; gives the groups to which it looks different now.
    fn put(&mut self, place: &Ref, standing: Standing) -> BTreeSet<Ref> {
        let former = self.standing.get(place).cloned().unwrap_or_default();
        if former == standing {
            return BTreeSet::new();
        }
        let both = [&former, &standing].map(|s| s.member().map(|m| Ref::new(&place.namespace, &m.group)));
        self.standing.insert(place.clone(), standing);
        both.into_iter().flatten().collect()
    }

    fn of<'a>(&'a self, group: &'a Ref) -> impl Iterator<Item = &'a Member> {
        let from = self.standing.range(Ref::new(&group.namespace, "")..);
        let here = from.take_while(|(place, _)| place.namespace == group.namespace);
        here.filter_map(|(_, standing)| standing.member()).filter(|member| member.group == group.name)
    }
}

impl Stores {
    /// Where a service stands.
    pub fn standing(&self, place: &Ref) -> Standing {
        lock(&self.members).standing.get(place).cloned().unwrap_or_default()
    }

    /// Takes in where a service stands after a pass; gives the services that have to look again: members of its groups
    /// when that is news, and those in its namespace that wait for routes.
    pub fn publish(&self, place: &Ref, service: &Value, standing: Standing) -> BTreeSet<Ref> {
        let groups = self.stands(place, service, standing);
        let members = lock(&self.members);
        let waiting = members.waiting.iter().filter(|w| w.namespace == place.namespace && *w != place);
        let waiting: BTreeSet<Ref> = waiting.cloned().collect();
        drop(members);
        self.members_of(groups).union(&waiting).cloned().collect()
    }

    /// A service that is being deleted gets no requests of its group; gives the services that have to look again.
    pub fn leave(&self, place: &Ref, service: &Value) -> BTreeSet<Ref> {
        let standing = match self.standing(place) {
            Standing::Member(member) => Standing::Member(Member { deleting: true, ..member }),
            Standing::Unknown | Standing::Single => Standing::Single,
        };
        self.members_of(self.stands(place, service, standing))
    }

    /// The groups to which it looks different. One that nobody knew before was in the group that its status tells.
    fn stands(&self, place: &Ref, service: &Value, standing: Standing) -> BTreeSet<Ref> {
        let mut members = lock(&self.members);
        let was_unknown = !members.standing.contains_key(place);
        let mut groups = members.put(place, standing);
        if was_unknown && members.standing.contains_key(place) {
            let told = tree::text(service, &["status", "router", "group", "name"]);
            groups.extend((!told.is_empty()).then(|| Ref::new(&place.namespace, told)));
        }
        groups
    }

    /// Forgets a service that is gone; gives the services that have to look again.
    pub(super) fn forget_member(&self, place: &Ref) -> BTreeSet<Ref> {
        let mut members = lock(&self.members);
        members.waiting.remove(place);
        let groups = members.put(place, Standing::Unknown);
        members.standing.remove(place);
        drop(members);
        self.members_of(groups)
    }

    fn members_of(&self, groups: BTreeSet<Ref>) -> BTreeSet<Ref> {
        groups.into_iter().flat_map(|group| self.dependents(&Key::Group(group))).collect()
    }

    /// Notes whether a service waits for routes of others.
    pub fn wait_for_routes(&self, place: &Ref, waits: bool) {
        let mut members = lock(&self.members);
        if waits {
            members.waiting.insert(place.clone());
        } else {
            members.waiting.remove(place);
        }
    }

    /// The services of the same namespace, deleted ones aside, whose routes lead to one of these backends.
    pub fn leading_to(&self, place: &Ref, backends: &[Backend]) -> Vec<String> {
        let places = lock(&self.services).places_in(&place.namespace);
        let peers = places.into_iter().filter(|peer| peer != place);
        let leads = |peer: &Ref| {
            let routes = lock(&self.children).bodies(peer, Kind::HTTPRoute);
            routes.iter().any(|route| leave::leads_to(route, backends))
        };
        let lives = |peer: &Ref| self.service(peer).is_some_and(|(service, _)| !is_deleting(&service));
        peers.filter(|peer| leads(peer) && lives(peer)).map(|peer| peer.name).collect()
    }

    /// The backends of the other members of a group: what stays when a service goes.
    pub fn backends_of_others(&self, place: &Ref, group: &str) -> Vec<Backend> {
        let group = Ref::new(&place.namespace, group);
        let members = lock(&self.members);
        let others = members.of(&group).filter(|m| m.name != place.name && !m.deleting && !m.stopped);
        others.map(|member| member.backend.clone()).collect()
    }

    /// The answer to [`Key::Group`].
    pub(super) fn members(&self, group: &Ref) -> (Answer, Stamp) {
        let members: Vec<Member> = lock(&self.members).of(group).cloned().collect();
        let told = Told { members, unknown: self.unknown(group) };
        let told = json!(told);
        let stamp = stamp(&told, true);
        (Answer::Found(Arc::new(told)), stamp)
    }

    /// Those that the last operator knew to be in the group, and this one has not looked at.
    fn unknown(&self, group: &Ref) -> BTreeSet<String> {
        let mut unknown = lock(&self.services).places_in(&group.namespace);
        let members = lock(&self.members);
        unknown.retain(|place| !members.standing.contains_key(place));
        drop(members);
        let was_in = |service: &Value| {
            tree::text(service, &["status", "router", "group", "name"]) == group.name && !is_deleting(service)
        };
        let were = unknown
            .into_iter()
            .filter(|place| self.service(place).is_some_and(|(service, _)| was_in(&service)));
        were.map(|place| place.name).collect()
    }
}

fn is_deleting(service: &Value) -> bool {
    tree::get(service, &["metadata", "deletionTimestamp"]).is_some()
}

#[cfg(test)]
mod tests {
    use llmisvc_core::facts::Cluster;

    use super::*;
    use crate::stores::raw::Raw;
    use crate::stores::watched::Watched;

    fn at(name: &str) -> Ref {
        Ref::new("ns", name)
    }

    fn key(group: &str) -> Key {
        Key::Group(at(group))
    }

    fn member(group: &str, weight: i64) -> Standing {
        Standing::Member(Member {
            name: "m".to_owned(),
            group: group.to_owned(),
            weight,
            ..Member::default()
        })
    }

    /// `x` looks at group `x`, and `y` at `y`.
    fn stores() -> Stores {
        let stores = Stores::new(Cluster::default());
        for name in ["x", "y"] {
            stores.depends(&at(name), &key(name));
        }
        stores
    }

    fn nobody() -> BTreeSet<Ref> {
        BTreeSet::new()
    }

    #[test]
    fn only_news_wakes_the_members_of_the_groups_concerned() {
        let (stores, service) = (stores(), json!({}));
        assert_eq!(stores.publish(&at("m"), &service, member("x", 1)), [at("x")].into());
        assert_eq!(stores.publish(&at("m"), &service, member("x", 1)), nobody());
        assert_eq!(stores.publish(&at("m"), &service, member("x", 2)), [at("x")].into());
        assert_eq!(stores.publish(&at("m"), &service, member("y", 2)), [at("x"), at("y")].into());
        assert_eq!(stores.publish(&at("m"), &service, Standing::Single), [at("y")].into());
        assert_eq!(stores.publish(&Ref::new("other", "m"), &service, member("x", 2)), nobody());
    }

    // G-28
    #[test]
    fn who_has_left_while_no_operator_ran_is_news_to_those_it_left() {
        let stores = stores();
        let metadata = json!({"name": "m", "namespace": "ns", "resourceVersion": "1"});
        let service = json!({"metadata": metadata, "status": {"router": {"group": {"name": "x"}}}});
        stores.put(Watched::Services, Raw::new(service.clone()));
        let unknown = || stores.at_hand(&key("x")).unwrap().0.found().unwrap()["unknown"].clone();
        assert_eq!(unknown(), json!(["m"]));
        assert_eq!(stores.publish(&at("m"), &service, Standing::Unknown), nobody());
        assert_eq!(unknown(), json!(["m"]), "nothing was decided about it");
        assert_eq!(stores.publish(&at("m"), &service, Standing::Single), [at("x")].into());
        assert_eq!(unknown(), json!([]));
    }

    #[test]
    fn who_waits_for_routes_is_woken_by_every_pass_of_its_namespace() {
        let (stores, service) = (stores(), json!({}));
        stores.wait_for_routes(&at("w"), true);
        assert_eq!(stores.publish(&at("m"), &service, Standing::Single), [at("w")].into());
        assert_eq!(stores.publish(&at("w"), &service, Standing::Single), nobody());
        assert_eq!(stores.publish(&Ref::new("other", "m"), &service, Standing::Single), nobody());
        stores.wait_for_routes(&at("w"), false);
        assert_eq!(stores.publish(&at("m"), &service, Standing::Single), nobody());
    }
}
