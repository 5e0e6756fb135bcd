//! Who the shared rules list.

use super::{Backend, Listed, Members, Traffic};

/// What the service itself knows better than what it has published.
#[derive(Clone, Debug)]
pub struct Me<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its group.
    pub group: &'a str,
    /// Its weight.
    pub weight: i64,
    /// Model and adapters, sorted.
    pub models: Vec<String>,
    /// Its backend.
    pub backend: Backend,
}

/// Somebody who may be listed.
struct Candidate {
    listed: Listed,
    /// It can answer requests.
    routable: bool,
    /// The live route lists it.
    was: bool,
}

/// Who gets traffic, given what the shared rules of the live route list and whose backend the former status told.
///
/// * Members that can answer are listed with their declared weights, by name, 0 among them.
/// * One that cannot answer is not listed, unless nobody of a weight above 0 could: then those stay that were listed.
/// * Nobody stopped or deleted is listed, and a rule is never empty: the service itself is the last to stay.
/// * What is listed of services that are not known yet stays as it is (edge 28).
pub fn split(me: Me<'_>, members: Members, live: &[Listed]) -> Traffic {
    let candidates = candidates(&me, &members, live);
    let listed = choose(&me, candidates);
    let Me { group, weight, models, backend, .. } = me;
    Traffic { group: group.to_owned(), weight, models, backend, members, listed }
}

fn candidates(me: &Me<'_>, members: &Members, live: &[Listed]) -> Vec<Candidate> {
    let mut all = vec![myself(me, members, live)];
    let peers = members.members.iter().filter(|member| member.name != me.name);
    for member in peers.filter(|m| !m.stopped && !m.deleting && m.models == me.models) {
        let backend = member.backend.clone();
        let listed = Listed { name: member.name.clone(), weight: member.weight, backend };
        all.push(Candidate { was: is_in(live, &member.name), listed, routable: member.routable });
    }
    let others = live.iter().filter(|l| l.name != me.name && members.unknown.contains(&l.name));
    all.extend(others.map(|l| Candidate { listed: l.clone(), routable: true, was: true }));
    all.sort_by(|a, b| a.listed.name.cmp(&b.listed.name));
    all
}

/// Before its first pass, too, a service knows its weight and backend.
fn myself(me: &Me<'_>, members: &Members, live: &[Listed]) -> Candidate {
    let listed = Listed { name: me.name.to_owned(), weight: me.weight, backend: me.backend.clone() };
    let was = is_in(live, me.name);
    let unknown = members.unknown.contains(me.name);
    let routable = members.get(me.name).map_or(unknown && was, |member| member.routable);
    Candidate { listed, routable, was }
}

fn is_in(live: &[Listed], name: &str) -> bool {
    live.iter().any(|listed| listed.name == name)
}

fn choose(me: &Me<'_>, candidates: Vec<Candidate>) -> Vec<Listed> {
    let serves = candidates.iter().any(|c| c.routable && c.listed.weight > 0);
    let stays = |c: &Candidate| c.routable || (!serves && c.was);
    let alone = !candidates.iter().any(stays);
    let chosen = candidates.into_iter().filter(|c| stays(c) || (alone && c.listed.name == me.name));
    chosen.map(|c| c.listed).collect()
}
