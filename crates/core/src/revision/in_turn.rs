//! Prefill first, then decode: where the endpoint picker cannot tell revisions apart, and for a restart.

use serde_json::Value;

use super::pace::{Paced, Pause};
use super::pair::Pair;
use super::revision_of;
use crate::labels::RESTARTED_AT;
use crate::object::Object;
use crate::plan::covers;
use crate::pods::Pod;
use crate::tree;
use crate::valid::Role;
use crate::workloads::templates;

/// Where the picker admits pods of all revisions, decode stays as it is until prefill has rolled out.
pub(super) fn one_after_the_other(pair: &Pair<'_>, objects: &[Object]) -> Option<Paced> {
    let (new, live) = (pair.revision(), pair.same(pair.desired.decode)?);
    if revision_of(live) == new {
        return None;
    }
    let is_new = |pod: &Pod| pod.revision == new.as_deref().unwrap_or_default();
    let why =
        "decode waits until prefill has rolled out: the endpoint picker cannot tell old pods from new ones";
    (!pair.prefill_is(is_new)).then(|| decode_held(pair, objects, why))
}

/// A restart that changes nothing else goes through prefill first.
pub(super) fn restarting(pair: &Pair<'_>, objects: &[Object]) -> Option<Paced> {
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
