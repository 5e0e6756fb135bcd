//! Holds the desired objects back, as far as a roll of prefill and decode asks for it.

use std::collections::BTreeMap;

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::filter::{self, Admitted};
use super::pair::{self, Pair};
use super::roll::{self, Applied, Both, Picker, State, Step, Wait, Workload};
use super::{gate, in_turn, revision_of};
use crate::facts::{Ref, Seen};
use crate::handover::Held;
use crate::labels::APPLIED;
use crate::object::{Live, Object};
use crate::plan::seal;
use crate::valid::Role;
use crate::workloads::group_size;
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

/// What to apply now; none when the desired objects can be applied as they are: without prefill always, and
/// otherwise when no roll is under way.
pub fn pace(objects: &[Object], live: &Live, seen: &Seen, service: &Ref) -> Option<Paced> {
    let pair = Pair { service, live, seen, desired: pair::desired(objects, &service.name)? };
    let name = names::scheduler(&service.name);
    let picker = objects.iter().find(|o| o.kind == Kind::Deployment && o.name == name);
    let paced = match picker.filter(|picker| filter::is_possible(&picker.body)) {
        Some(picker) => admitting(&pair, objects, picker),
        None => in_turn::one_after_the_other(&pair, objects),
    };
    paced.or_else(|| in_turn::restarting(&pair, objects))
}

fn admitting(pair: &Pair<'_>, objects: &[Object], picker: &Object) -> Option<Paced> {
    let live_picker = pair.same(picker);
    let state = State {
        new: pair.revision(),
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
    Workload { live, want, step, size: size(object), closed: same.is_some_and(gate::is_closed) }
}

fn size(object: &Object) -> usize {
    group_size(&object.body).and_then(|size| usize::try_from(size).ok()).unwrap_or(1)
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

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
