//! Prefill and decode as they shall be, with the cluster around them.

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::roll::{self, Both};
use super::{Revision, live_workload, revision_of};
use crate::facts::{Answer, Key, Ref, Seen};
use crate::object::{Live, Object};
use crate::pods::{self, Pod};
use crate::rollout::Counts;
use crate::tree;
use crate::valid::Role;
use crate::workloads::slot;

/// The desired pair.
pub(super) struct Pair<'a> {
    pub(super) service: &'a Ref,
    pub(super) live: &'a Live,
    pub(super) seen: &'a Seen,
    pub(super) desired: Both<&'a Object>,
}

/// The desired workloads; none without prefill.
pub(super) fn desired<'a>(objects: &'a [Object], service: &str) -> Option<Both<&'a Object>> {
    let find = |role| {
        let slots = [false, true].map(|is_group| slot(service, role, is_group));
        objects.iter().find(|o| slots.iter().any(|(kind, name)| (*kind, name) == (o.kind, &o.name)))
    };
    Some(Both { prefill: find(Role::Prefill)?, decode: find(Role::Decode)? })
}

impl Pair<'_> {
    pub(super) fn live(&self, role: Role, of: &Object) -> Option<&Value> {
        live_workload(self.live, &self.service.name, role, of.kind == Kind::LeaderWorkerSet)
    }

    /// The live object of the same kind and name.
    pub(super) fn same(&self, of: &Object) -> Option<&Value> {
        let live = self.live.get(&(of.kind, of.name.clone()))?;
        (!live.deleting).then_some(live.body.as_ref())
    }

    pub(super) fn pods(&self) -> Option<Vec<Pod>> {
        match self.seen.get(&Key::Pods(self.service.clone())) {
            Answer::Found(answer) => Some(pods::read(answer)),
            Answer::Absent => Some(Vec::new()),
            Answer::Unreadable(_) => None,
        }
    }

    pub(super) fn revision(&self) -> Revision {
        revision_of(&self.desired.decode.body)
    }

    pub(super) fn slot(&self, role: Role) -> (Kind, String) {
        let object = self.desired.of(role);
        (object.kind, object.name.clone())
    }

    /// The names of workloads in all topologies.
    pub(super) fn all(&self) -> Vec<(Kind, String)> {
        let of =
            |is_group| [Role::Prefill, Role::Decode].map(|role| slot(&self.service.name, role, is_group));
        [of(false), of(true)].concat()
    }

    /// Replicas wanted now: whoever scales has the live count.
    pub(super) fn want(&self, of: &Object) -> i64 {
        let given = tree::get(&of.body, &["spec", "replicas"]).and_then(Value::as_i64);
        given.unwrap_or_else(|| self.same(of).map_or(1, |live| Counts::of(of.kind, live).wanted))
    }

    /// Prefill consists of such pods alone, and they are ready. A status would not do: that of a LeaderWorkerSet
    /// does not say which generation it is about.
    pub(super) fn prefill_is(&self, such: impl Fn(&Pod) -> bool) -> bool {
        let Some(pods) = self.pods() else { return false };
        let mut ready = 0;
        for pod in roll::serving(&pods, Role::Prefill) {
            if !such(pod) {
                return false;
            }
            ready += i64::from(pod.ready);
        }
        ready >= self.want(self.desired.prefill)
    }
}
