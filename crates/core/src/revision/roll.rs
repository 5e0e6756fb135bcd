//! What a change of the revision does next, from what lives and nothing else.
//!
//! At each step the admitted revision is one whose pods of both roles serve:
//!
//! 1. The endpoint picker runs with a filter for the old revision. Until it does, no new pod is made.
//! 2. Both roles make their first new pods, behind a closed gate.
//! 3. When those are ready in both roles, the picker is told to admit the new revision.
//! 4. When it runs with that, the gates open and the old pods go.

use std::collections::BTreeMap;

use super::Revision;
use super::filter::Admitted;
use crate::pods::Pod;
use crate::valid::Role;

/// Something of prefill and of decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Both<T> {
    /// Of prefill.
    pub prefill: T,
    /// Of decode.
    pub decode: T,
}

impl<T> Both<T> {
    /// The same made of either.
    pub fn map<U>(&self, make: impl Fn(Role, &T) -> U) -> Both<U> {
        Both { prefill: make(Role::Prefill, &self.prefill), decode: make(Role::Decode, &self.decode) }
    }

    /// Both are such.
    pub fn all(&self, holds: impl Fn(&T) -> bool) -> bool {
        holds(&self.prefill) && holds(&self.decode)
    }

    /// The one of a role.
    pub const fn of(&self, role: Role) -> &T {
        match role {
            Role::Prefill => &self.prefill,
            Role::Both | Role::Decode => &self.decode,
        }
    }
}

/// Everything that decides.
#[derive(Clone, Debug)]
pub struct State {
    /// The revision that is wanted.
    pub new: Revision,
    /// The live endpoint picker.
    pub picker: Option<Picker>,
    /// The workloads.
    pub roles: Both<Workload>,
    /// The pods of the service; none when they could not be read.
    pub pods: Option<Vec<Pod>>,
}

/// A live endpoint picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picker {
    /// What its Deployment says.
    pub admitted: Admitted,
    /// Its pods run with that, and with nothing else.
    pub settled: bool,
}

/// The workload of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The revision of the live one; none while there is none.
    pub live: Option<Revision>,
    /// Replicas that are wanted.
    pub want: i64,
    /// How many of them a closed gate lets be new.
    pub step: i64,
    /// Pods of a replica: one, or all of a group.
    pub size: usize,
    /// The live gate is closed.
    pub closed: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the picker shall admit.
    pub admitted: Admitted,
    /// How the workloads are applied.
    pub applied: Both<Applied>,
    /// What the roll waits for; none once it can finish by itself.
    pub wait: Option<Wait>,
}

/// How a workload is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// As it shall be.
    Open,
    /// With a closed gate.
    Closed,
    /// Not at all: it stays as it lives.
    Held,
}

/// What a roll waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The picker has to run with what it shall admit.
    Picker,
    /// The pods have to be read.
    Pods,
    /// New pods have to be ready: so many are, so many have to be.
    Ready(Both<(i64, i64)>),
}

/// The next step.
pub fn step(state: &State) -> Step {
    match incumbent(state).filter(|old| *old != state.new) {
        None => finish(state),
        Some(old) => hand_over(state, old),
    }
}

/// Nothing but the new revision serves, or the picker has been told so.
fn finish(state: &State) -> Step {
    let only = Admitted::Only(state.new.clone());
    let told = state.picker.as_ref().is_some_and(|picker| picker.admitted == only);
    // Pods that were made before there was a label go on without a filter.
    let admitted = if told || state.new.is_some() { only } else { Admitted::Everyone };
    let runs = state.picker.as_ref().is_none_or(|picker| picker.settled || picker.admitted != admitted);
    let applied =
        state.roles.map(|_, role| if role.closed && !runs { Applied::Closed } else { Applied::Open });
    let wait = (!applied.all(|a| *a == Applied::Open)).then_some(Wait::Picker);
    Step { admitted, applied, wait }
}

fn hand_over(state: &State, old: Revision) -> Step {
    let admitted = Admitted::Only(old);
    let runs = state.picker.as_ref().is_none_or(|picker| picker.admitted == admitted && picker.settled);
    // A role that has no workload yet has nothing to be held back.
    let held = || state.roles.map(|_, r| if r.live.is_some() { Applied::Held } else { Applied::Open });
    let pods = match &state.pods {
        _ if !runs => return Step { admitted, applied: held(), wait: Some(Wait::Picker) },
        None => return Step { admitted, applied: held(), wait: Some(Wait::Pods) },
        Some(pods) => pods,
    };
    let applied = state.roles.map(|role, workload| gate(state, pods, role, workload));
    let counts = state.roles.map(|role, _| Counts::of(state, pods, role));
    let need = need(state, applied);
    let is_enough = |role: Role| counts.of(role).is_enough(*need.of(role));
    if is_enough(Role::Prefill) && is_enough(Role::Decode) {
        return Step { admitted: Admitted::Only(state.new.clone()), applied, wait: Some(Wait::Picker) };
    }
    let ready = counts.map(|role, counts| (counts.ready, *need.of(role)));
    Step { admitted, applied, wait: Some(Wait::Ready(ready)) }
}

/// Where no old pod is left, a gate has nothing to hold.
fn gate(state: &State, pods: &[Pod], role: Role, workload: &Workload) -> Applied {
    let has_old = serving(pods, role).any(|pod| revision_of(pod) != state.new);
    if has_old && workload.live.is_some() { Applied::Closed } else { Applied::Open }
}

/// The revision that gets the requests now. A picker that looks at no label, or none at all, sends them to whatever
/// is ready: then it is the one with most of the ready pods, complete ones first.
fn incumbent(state: &State) -> Option<Revision> {
    if let Some(Picker { admitted: Admitted::Only(revision), .. }) = &state.picker {
        return Some(revision.clone());
    }
    let Some(pods) = &state.pods else {
        return state.roles.decode.live.clone().or_else(|| state.roles.prefill.live.clone());
    };
    let mut ready: BTreeMap<Revision, Both<usize>> = BTreeMap::new();
    for pod in serving(pods, Role::Decode).filter(|pod| pod.ready && revision_of(pod) != state.new) {
        ready.entry(revision_of(pod)).or_default().decode += 1;
    }
    for pod in serving(pods, Role::Prefill).filter(|pod| pod.ready) {
        ready.entry(revision_of(pod)).and_modify(|count| count.prefill += 1);
    }
    let best = ready.into_iter().max_by_key(|(_, count)| (count.prefill > 0, count.decode));
    best.map(|(revision, _)| revision)
}

/// Pods of a role that answer requests and are not on their way out; of a group, the first one. What was made before
/// there was a prefill role decodes.
pub fn serving(pods: &[Pod], role: Role) -> impl Iterator<Item = &Pod> {
    let is_of = move |pod: &&Pod| match role {
        Role::Prefill => pod.role == Role::Prefill.as_str(),
        Role::Both | Role::Decode => {
            [Role::Decode.as_str(), Role::Both.as_str()].contains(&pod.role.as_str())
        }
    };
    pods.iter().filter(|pod| !pod.deleting && pod.worker_index.is_none_or(|index| index == 0)).filter(is_of)
}

/// Whether all pods of a group are ready, of one revision and stay. A group whose former worker is still on its way out
/// is made anew, its ready leader with it.
fn is_whole(pods: &[Pod], leader: &Pod, size: usize) -> bool {
    let is_worker = |pod: &&Pod| {
        let index = pod.name.strip_prefix(&leader.name).and_then(|rest| rest.strip_prefix('-'));
        pod.worker_index.is_some_and(|at| at > 0 && index.is_some_and(|index| index == at.to_string()))
    };
    let stays = |pod: &&Pod| pod.ready && !pod.deleting && pod.revision == leader.revision;
    pods.iter().filter(is_worker).filter(stays).count() + 1 >= size
}

fn revision_of(pod: &Pod) -> Revision {
    Some(pod.revision.clone()).filter(|label| !label.is_empty())
}

/// Pods of the new revision in a role.
struct Counts {
    ready: i64,
    /// No node takes them as long as the old ones are there.
    blocked: i64,
    starting: i64,
}

impl Counts {
    fn of(state: &State, pods: &[Pod], role: Role) -> Self {
        let mut counts = Self { ready: 0, blocked: 0, starting: 0 };
        for pod in serving(pods, role).filter(|pod| revision_of(pod) == state.new) {
            let is_ready = pod.ready && is_whole(pods, pod, state.roles.of(role).size);
            let count = match (is_ready, &pod.blocked) {
                (true, _) => &mut counts.ready,
                (false, Some(_)) => &mut counts.blocked,
                (false, None) => &mut counts.starting,
            };
            *count += 1;
        }
        counts
    }

    /// Pods that find no room are not waited for, as long as there is one that does.
    fn is_enough(&self, need: i64) -> bool {
        let as_far_as_possible = self.ready > 0 && self.starting == 0 && self.ready + self.blocked >= need;
        self.ready >= need || as_far_as_possible
    }
}

/// How many new pods each role needs to take over: as large a share in both as the tighter gate lets through.
fn need(state: &State, applied: Both<Applied>) -> Both<i64> {
    let shares = state.roles.map(|role, workload| {
        let all = *applied.of(role) != Applied::Closed;
        (if all { workload.want } else { workload.step.min(workload.want) }, workload.want)
    });
    let (a, b) = (shares.prefill, shares.decode);
    // A role that is scaled to zero is waited for by nobody.
    let (part, whole) = if b.1 == 0 || (a.1 > 0 && a.0 * b.1 <= b.0 * a.1) { a } else { b };
    state
        .roles
        .map(|_, workload| if workload.want == 0 { 0 } else { (workload.want * part / whole.max(1)).max(1) })
}

#[cfg(test)]
#[path = "roll_tests.rs"]
mod tests;
