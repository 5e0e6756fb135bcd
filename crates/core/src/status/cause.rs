//! Root causes: what keeps the pods of a workload that is not ready from serving (asks A7).

use super::condition::Judgement;
use super::view::{Part, Sight, View};
use crate::cause::{Cause, Claim, Workload, of_workload};
use crate::facts::{Key, Ref};
use crate::pods;

/// What is known of a workload that is not ready.
pub(super) struct Unready<'a> {
    pub(super) part: Part,
    /// Hash of its newest pod template, if it is known and any pod is made from that.
    pub(super) newest: Option<&'a str>,
    /// How many pods it shall have.
    pub(super) wanted: i64,
}

/// The trouble of its pods. Only who is not ready looks: a change of the pods of others wakes nobody.
pub(super) fn of_pods(view: &View<'_>, unready: &Unready<'_>) -> Option<Cause> {
    if view.stopped {
        return None;
    }
    let troubles = view.look(&Key::Troubles(Ref::new(view.namespace, view.name)));
    let pods = pods::read(troubles.found()?);
    let name = unready.part.name(view.name);
    let workload = Workload {
        kind: unready.part.kind(),
        namespace: view.namespace,
        name: &name,
        newest: unready.newest,
        wanted: unready.wanted,
    };
    of_workload(&workload, &pods, |claim| match view.look(&Key::Claim(Ref::new(view.namespace, claim))) {
        Sight::Found(found) => Claim::Found(found),
        Sight::Absent => Claim::Absent,
        Sight::Unreadable(_) | Sight::Unasked => Claim::Unknown,
    })
}

impl Cause {
    /// As a judgement; `counts` says how far the workload is.
    pub(super) fn judgement(self, counts: &str) -> Judgement {
        Judgement::no(self.reason, format!("{}; {counts}", self.message))
    }
}

/// What is said where older pods serve while newer ones fail.
pub(super) const STILL_SERVE: &str = "; older pods still serve";
