//! One revision of prefill and decode.
//!
//! A prefill pod hands its KV cache to a decode pod, and that fails between pods whose caches differ. Both roles
//! therefore carry one label, [`KV_REVISION`], made from what the caches depend on ([`fingerprint`]); the generated
//! scheduler configuration admits the pods of one revision ([`filter`]); and a change of it rolls both roles behind
//! a gate ([`gate`]) until the new pods can take over ([`roll`], [`pace`]).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::labels::KV_REVISION;
use crate::object::{Live, Object};
use crate::valid::{Role, ValidService};
use crate::workloads::{slot, templates, templates_mut};
use crate::{names, tree};

pub mod filter;
pub mod fingerprint;
pub mod gate;
mod in_turn;
pub mod pace;
mod pair;
pub mod roll;

/// Value of the label; none for pods that were made without it.
pub type Revision = Option<String>;

/// What runs of a service with prefill: a pair that is equal to the desired one in all that counts keeps the label
/// that it has, or goes on without one, since another label would replace pods for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePair {
    /// See [`fingerprint::fingerprint`].
    pub fingerprint: String,
    /// The label of both.
    pub revision: Revision,
}

/// Labels the pods of both roles, and has the endpoint picker admit no others where it can.
pub fn mark(svc: &ValidService, objects: &mut [Object]) {
    let Some(prefill) = &svc.prefill else { return };
    let names = [prefill, &svc.decode].map(|workload| workload.name(&svc.id.name));
    // A workload's ServiceAccount has the same name.
    let is_workload = |o: &Object, name: &String| o.name == *name && templates(&o.body).next().is_some();
    let bodies = names.each_ref().map(|name| objects.iter().find(|o| is_workload(o, name)).map(|o| &o.body));
    let [Some(prefill), Some(decode)] = bodies else { return };
    let wanted = fingerprint::fingerprint(prefill, decode);
    let same = svc.live_pair.as_ref().filter(|live| live.fingerprint == wanted);
    let revision = same.map_or(Some(wanted), |live| live.revision.clone());
    if let Some(label) = &revision {
        let workloads = objects.iter_mut().filter(|object| names.contains(&object.name));
        workloads.for_each(|workload| set_label(&mut workload.body, label));
    }
    let picker = names::scheduler(&svc.id.name);
    let picker = objects.iter_mut().find(|o| o.kind == Kind::Deployment && o.name == picker);
    if let Some(picker) = picker.filter(|picker| filter::is_possible(&picker.body)) {
        filter::admit(
            &mut picker.body,
            &revision.map_or(filter::Admitted::Everyone, filter::Admitted::labelled),
        );
    }
}

fn set_label(workload: &mut Value, revision: &str) {
    for template in templates_mut(workload) {
        let labels = tree::object(tree::entry(template, "metadata"), "labels");
        labels.insert(KV_REVISION.to_owned(), json!(revision));
    }
}

/// The revision of the pods that a workload makes.
pub fn revision_of(workload: &Value) -> Revision {
    let template = templates(workload).next()?;
    Some(tree::text(template, &["metadata", "labels", KV_REVISION]).to_owned())
        .filter(|label| !label.is_empty())
}

/// The live workload of a role, whichever kind it is of; `is_group` is looked for first.
pub fn live_workload<'a>(live: &'a Live, service: &str, role: Role, is_group: bool) -> Option<&'a Value> {
    let found = |is_group: bool| {
        let child = live.get(&slot(service, role, is_group))?;
        (!child.deleting).then_some(child.body.as_ref())
    };
    found(is_group).or_else(|| found(!is_group))
}

#[cfg(test)]
mod tests;
