//! Holds the desired objects back, as far as a roll of prefill and decode asks for it.

use std::collections::BTreeMap;

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::filter::{self, Admitted};
use super::roll::{self, Applied, Both, Picker, State, Step, Wait, Workload};
use super::{Revision, gate, live_workload, revision_of, templates};
use crate::facts::{Answer, Key, Ref, Seen};
use crate::handover::Held;
use crate::labels::{APPLIED, RESTARTED_AT};
use crate::object::{Live, Object};
use crate::plan::{covers, seal};
use crate::pods::{self, Pod};
use crate::valid::Role;
use crate::{names, tree};

/// The objects to apply now instead of the desired ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Paced {
    /// All of them, in the same order.
    pub objects: Vec<Object>,
    /// Workloads whose roll is not over although their controllers may say so.
    pub pauses: BTreeMap<(Kind, String), Pause>,
    /// Workloads of any topology, none of which is to be deleted now.
    pub retired: Vec<(Kind, String)>,
}

impl Paced {
    /// Adds what is not to be touched: held workloads, and those of another topology while the picker turns from
    /// their pods to the new ones.
    pub fn hold(&self, held: &mut Held, live: &Live) {
        for ((kind, name), pause) in self.pauses.iter().filter(|(_, pause)| pause.held) {
            held.hold(*kind, name, &pause.why);
        }
        let wanted =
            |slot: &(Kind, String)| self.objects.iter().any(|o| o.kind == slot.0 && o.name == slot.1);
        for slot in self.retired.iter().filter(|slot| live.contains_key(slot) && !wanted(slot)) {
            held.hold(slot.0, &slot.1, "the endpoint picker still admits its pods");
        }
    }
}

/// Why the roll of a workload does not go on yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// It is not to be touched.
    pub held: bool,
    /// What it waits for.
    pub why: String,
}

/// The desired pair.
struct Pair<'a> {
    service: &'a Ref,
    live: &'a Live,
    seen: &'a Seen,
    desired: Both<&'a Object>,
}

/// What to apply now; none when the desired objects can be applied as they are: without prefill always, and
/// otherwise when no roll is under way.
pub fn pace(objects: &[Object], live: &Live, seen: &Seen, service: &Ref) -> Option<Paced> {
    let pair = Pair { service, live, seen, desired: desired(objects, &service.name)? };
    let name = names::scheduler(&service.name);
    let picker = objects.iter().find(|o| o.kind == Kind::Deployment && o.name == name);
    let paced = match picker.filter(|picker| filter::is_possible(&picker.body)) {
        Some(picker) => admitting(&pair, objects, picker),
        None => one_after_the_other(&pair, objects),
    };
    paced.or_else(|| restarting(&pair, objects))
}

fn desired<'a>(objects: &'a [Object], service: &str) -> Option<Both<&'a Object>> {
    let find = |role| {
        let name = |is_group| names::workload(service, role, is_group);
        let is_it = |o: &&Object| match o.kind {
            Kind::Deployment => o.name == name(false),
            Kind::LeaderWorkerSet => o.name == name(true),
            _ => false,
        };
        objects.iter().find(is_it)
    };
    Some(Both { prefill: find(Role::Prefill)?, decode: find(Role::Decode)? })
}

impl Pair<'_> {
    fn live(&self, role: Role, of: &Object) -> Option<&Value> {
        live_workload(self.live, &self.service.name, role, of.kind == Kind::LeaderWorkerSet)
    }

    /// The live object of the same kind and name.
    fn same(&self, of: &Object) -> Option<&Value> {
        let live = self.live.get(&(of.kind, of.name.clone()))?;
        (!live.deleting).then_some(live.body.as_ref())
    }

    fn pods(&self) -> Option<Vec<Pod>> {
        match self.seen.get(&Key::Pods(self.service.clone())) {
            Answer::Found(answer) => Some(pods::read(answer)),
            Answer::Absent => Some(Vec::new()),
            Answer::Unreadable(_) => None,
        }
    }

    fn new(&self) -> Revision {
        revision_of(&self.desired.decode.body)
    }

    fn slot(&self, role: Role) -> (Kind, String) {
        let object = self.desired.of(role);
        (object.kind, object.name.clone())
    }

    /// The names of workloads in all topologies.
    fn all(&self) -> Vec<(Kind, String)> {
        let kinds = [(Kind::Deployment, false), (Kind::LeaderWorkerSet, true)].into_iter();
        let name = |role, is_group| names::workload(&self.service.name, role, is_group);
        kinds
            .flat_map(|(kind, group)| [Role::Prefill, Role::Decode].map(|role| (kind, name(role, group))))
            .collect()
    }

    /// Replicas wanted now: whoever scales has the live count.
    fn want(&self, of: &Object) -> i64 {
        let given = tree::get(&of.body, &["spec", "replicas"]).and_then(Value::as_i64);
        given.unwrap_or_else(|| self.same(of).map_or(1, gate::wanted))
    }

    /// Prefill consists of such pods alone, and they are ready. A status would not do: that of a LeaderWorkerSet
    /// does not say which generation it is about.
    fn prefill_is(&self, such: impl Fn(&Pod) -> bool) -> bool {
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

fn admitting(pair: &Pair<'_>, objects: &[Object], picker: &Object) -> Option<Paced> {
    let live_picker = pair.same(picker);
    let state = State {
        new: pair.new(),
        picker: live_picker
            .map(|live| Picker { admitted: filter::of(live), settled: gate::is_picker_rolled_out(live) }),
        roles: pair.desired.map(|role, object| workload(pair, role, object)),
        pods: None,
    };
    let state = if is_quiet(&state) { state } else { State { pods: pair.pods(), ..state } };
    let step = roll::step(&state);
    let is_open = step.applied.all(|applied| *applied == Applied::Open);
    let as_desired = is_open && step.wait.is_none() && step.admitted == filter::of(&picker.body);
    (!as_desired).then(|| applied(pair, objects, (picker, live_picker), &state, &step))
}

/// Nothing rolls, or the picker has been told everything: nobody has to look at pods.
fn is_quiet(state: &State) -> bool {
    let admitted = state.picker.as_ref().map(|picker| &picker.admitted);
    let is_told = admitted == Some(&Admitted::Only(state.new.clone()));
    let has_no_label = |role: &Workload| !matches!(role.live, Some(Some(_)));
    let is_plain = state.new.is_none() && state.roles.all(has_no_label);
    let is_first = admitted.is_none() && state.roles.all(|role| role.live.is_none());
    is_told || is_first || (is_plain && admitted == Some(&Admitted::Everyone))
}

fn workload(pair: &Pair<'_>, role: Role, object: &Object) -> Workload {
    let (same, want) = (pair.same(object), pair.want(object));
    let step = gate::step(object.kind, &object.body, same.unwrap_or(&Value::Null), want);
    let live = pair.live(role, object).map(revision_of);
    Workload { live, want, step, closed: same.is_some_and(gate::is_closed) }
}

fn applied(
    pair: &Pair<'_>,
    objects: &[Object],
    (picker, live_picker): (&Object, Option<&Value>),
    state: &State,
    step: &Step,
) -> Paced {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        let slot = (object.kind, object.name.clone());
        if slot == (picker.kind, picker.name.clone()) {
            filter::admit(&mut object.body, &step.admitted);
            filter::keep_text(&mut object.body, live_picker.unwrap_or(&Value::Null));
            seal_again(object);
        }
        for role in [Role::Prefill, Role::Decode] {
            if slot == pair.slot(role) && *step.applied.of(role) == Applied::Closed {
                let workload = state.roles.of(role);
                gate::close(object, workload.want, workload.step);
                seal_again(object);
            }
        }
    }
    let retired = if step.wait == Some(Wait::Picker) { pair.all() } else { Vec::new() };
    Paced { objects, pauses: pauses(pair, picker, state, step), retired }
}

fn seal_again(object: &mut Object) {
    let metadata = tree::entry(&mut object.body, "metadata");
    tree::object(metadata, "annotations").remove(APPLIED);
    seal(std::slice::from_mut(object));
}

fn pauses(pair: &Pair<'_>, picker: &Object, state: &State, step: &Step) -> BTreeMap<(Kind, String), Pause> {
    let Some(wait) = &step.wait else { return BTreeMap::new() };
    let why = match wait {
        Wait::Picker => format!(
            "the roll waits until the endpoint picker, Deployment {}/{}, runs and admits {}",
            pair.service.namespace,
            picker.name,
            shown(&step.admitted)
        ),
        Wait::Pods => "the roll waits until the pods of the service can be read".to_owned(),
        Wait::Ready(Both { prefill, decode }) => format!(
            "the endpoint picker admits {} until the first pods of {} are ready in both roles: prefill {} of {}, \
             decode {} of {}",
            shown(&step.admitted),
            shown(&Admitted::Only(state.new.clone())),
            prefill.0,
            prefill.1,
            decode.0,
            decode.1
        ),
    };
    let pause = |role| {
        let held = *step.applied.of(role) == Applied::Held;
        (pair.slot(role), Pause { held, why: why.clone() })
    };
    [Role::Prefill, Role::Decode].map(pause).into()
}

fn shown(admitted: &Admitted) -> String {
    match admitted {
        Admitted::Only(Some(revision)) => format!("revision {revision}"),
        Admitted::Only(None) => "pods without a revision".to_owned(),
        Admitted::Everyone => "all pods".to_owned(),
    }
}

/// Where the picker admits pods of all revisions, decode stays as it is until prefill has rolled out.
fn one_after_the_other(pair: &Pair<'_>, objects: &[Object]) -> Option<Paced> {
    let (new, live) = (pair.new(), pair.same(pair.desired.decode)?);
    if revision_of(live) == new {
        return None;
    }
    let is_new = |pod: &Pod| pod.revision == new.as_deref().unwrap_or_default();
    let why =
        "decode waits until prefill has rolled out: the endpoint picker cannot tell old pods from new ones";
    (!pair.prefill_is(is_new)).then(|| decode_held(pair, objects, why))
}

/// A restart that changes nothing else goes through prefill first.
fn restarting(pair: &Pair<'_>, objects: &[Object]) -> Option<Paced> {
    let desired = pair.desired.decode;
    let live = pair.same(desired)?;
    let (from, to) = (restarted_at(live), restarted_at(&desired.body));
    if from == to || !differs_in_restart_only(live, &desired.body) {
        return None;
    }
    let why = "the restart of decode waits until prefill has restarted";
    (!pair.prefill_is(|pod| pod.restarted == to)).then(|| decode_held(pair, objects, why))
}

fn restarted_at(workload: &Value) -> String {
    let mut annotations =
        templates(workload).map(|template| tree::strings(template, &["metadata", "annotations"]));
    annotations.next().and_then(|mut all| all.remove(RESTARTED_AT)).unwrap_or_default()
}

fn differs_in_restart_only(live: &Value, desired: &Value) -> bool {
    let without = |template: &Value| {
        let mut template = template.clone();
        tree::object(tree::entry(&mut template, "metadata"), "annotations").remove(RESTARTED_AT);
        template
    };
    templates(live).count() == templates(desired).count()
        && templates(live).zip(templates(desired)).all(|(live, desired)| covers(live, &without(desired)))
}

fn decode_held(pair: &Pair<'_>, objects: &[Object], why: &str) -> Paced {
    let pause = Pause { held: true, why: why.to_owned() };
    Paced {
        objects: objects.to_vec(),
        pauses: [(pair.slot(Role::Decode), pause)].into(),
        retired: Vec::new(),
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
