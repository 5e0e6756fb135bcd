//! One pass from a service to its desired objects.

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_api::conditions::reason;
use llmisvc_api::v1alpha2::AppliedConfig;

use crate::adopt::{Adopted, adopt};
use crate::build::build;
use crate::ca_bundle;
use crate::facts::Key;
use crate::fit::{self, Note};
use crate::handover::{Held, handover};
use crate::node::Node;
use crate::object::Object;
use crate::pass::{Fault, Finding, Inputs, is_stopped};
use crate::plan::{Action, plan, seal};
use crate::resolve::resolve;
use crate::scalers;
use crate::tree;
use crate::valid::ValidService;
use crate::validate::validate;

mod assemble;

/// The result of a pass.
#[derive(Debug)]
pub enum Step {
    /// These keys have to be answered first.
    Need(BTreeSet<Key>),
    /// Decided.
    Done(Box<Decision>),
}

/// Everything decided about one service.
#[derive(Debug)]
pub struct Decision {
    /// Configs that were merged, lowest precedence first.
    pub applied_configs: Vec<AppliedConfig>,
    /// Preset names to pin in `status.annotations`.
    pub pins: BTreeMap<String, String>,
    /// Things a user should know that block nothing.
    pub warnings: Vec<Finding>,
    /// The service and its objects, or why there are none.
    pub outcome: Result<Desired, Fault>,
}

/// A validated service and its children in apply order.
#[derive(Debug)]
pub struct Desired {
    /// The service after validation.
    pub service: ValidService,
    /// Children, in apply order. Empty when the service is stopped.
    pub objects: Vec<Object>,
    /// What has to wait for others.
    pub held: Held,
    /// What stays as a former controller made it.
    pub adopted: Adopted,
}

impl Decision {
    /// The objects to apply, and to prune all others by. None when nothing may be touched: the children of a
    /// stopped service go, whatever else is wrong with it.
    pub fn objects(&self) -> Option<&[Object]> {
        match &self.outcome {
            Ok(desired) => Some(&desired.objects),
            Err(fault) if fault.reason == reason::STOPPED => Some(&[]),
            Err(_) => None,
        }
    }

    /// What is worth knowing and neither wrong nor doubtful.
    pub fn notes(&self) -> Vec<Note> {
        self.outcome.as_ref().map(|desired| fit::notes(&desired.service)).unwrap_or_default()
    }

    /// What stays as a former controller made it.
    pub fn adopted(&self) -> Option<&Adopted> {
        self.outcome.as_ref().ok().map(|desired| &desired.adopted)
    }

    /// What has to wait.
    pub fn held(&self) -> Option<&Held> {
        self.outcome.as_ref().ok().map(|desired| &desired.held)
    }
}

/// resolve → merge → render → complete → validate → build → adopt → hand over
///
/// No client, infallible: whatever is wrong is a [`Fault`] with the field it is about.
pub fn decide(inputs: &Inputs<'_>) -> Step {
    let decision = run(inputs);
    let open = inputs.seen.take_open();
    if open.is_empty() { Step::Done(Box::new(decision)) } else { Step::Need(open) }
}

fn run(inputs: &Inputs<'_>) -> Decision {
    let mut notes = Notes { warnings: settings_problems(inputs), ..Notes::default() };
    let outcome = steps(inputs, &mut notes).and_then(|desired| unless_unproven(inputs, desired));
    let outcome = outcome.map_err(|fault| unless_stopped(inputs, fault));
    Decision { applied_configs: notes.configs, pins: notes.pins, warnings: notes.warnings, outcome }
}

/// What the steps learn on the way, kept also when a later one fails.
#[derive(Default)]
struct Notes {
    configs: Vec<AppliedConfig>,
    pins: BTreeMap<String, String>,
    warnings: Vec<Finding>,
}

fn steps(inputs: &Inputs<'_>, notes: &mut Notes) -> Result<Desired, Fault> {
    let layers = resolve(inputs)?;
    let merged = assemble::merged(inputs, &layers);
    let rendered = assemble::rendered(inputs, &layers, &merged, &mut notes.warnings)?;
    let complete = assemble::completed(inputs, rendered)?;
    notes.configs = layers.configs;
    notes.pins = layers.pins;
    let service = validate(inputs, &complete, &notes.configs, &mut notes.warnings)?;
    let mut objects = build(&service);
    let adopted = adopt(inputs, &mut objects);
    seal(&mut objects);
    let namespace = &service.id.namespace;
    let copied = ca_bundle::copy(inputs.seen, inputs.settings, inputs.cluster, namespace, &objects);
    notes.warnings.extend(copied.err());
    let mut held = handover(inputs, &objects);
    scalers::hold(inputs, &service, &mut held);
    Ok(Desired { service, objects, held, adopted })
}

/// The complete spec and the configs in it, for [`crate::explain`].
pub(crate) fn effective(inputs: &Inputs<'_>) -> Result<(Node, Vec<AppliedConfig>), Fault> {
    let layers = resolve(inputs)?;
    let merged = assemble::merged(inputs, &layers);
    let rendered = assemble::rendered(inputs, &layers, &merged, &mut Vec::new())?;
    Ok((assemble::completed(inputs, rendered)?, layers.configs))
}

fn unless_stopped(inputs: &Inputs<'_>, fault: Fault) -> Fault {
    if is_stopped(inputs.service) { Fault { reason: reason::STOPPED, ..fault } } else { fault }
}

/// Nothing that runs is changed to a default because a key of the ConfigMap does not parse and nobody remembers
/// what it was (edge C-18). A service that the defaults do not change, and one that is new, go on.
fn unless_unproven(inputs: &Inputs<'_>, desired: Desired) -> Result<Desired, Fault> {
    let keys: Vec<&str> = inputs.settings.unproven.iter().copied().collect();
    let uid = tree::text(inputs.service, &["metadata", "uid"]);
    let changes = |action: &Action<'_>| matches!(action, Action::Apply { .. });
    if keys.is_empty() || !plan(&desired.objects, inputs.live, uid).actions.iter().any(changes) {
        return Ok(desired);
    }
    let message = format!(
        "inferenceservice-config: {} cannot be read, and what is running was made with other values: nothing is \
         changed until the ConfigMap is corrected",
        keys.join(", ")
    );
    Err(Fault { reason: "ValidationUnavailable", findings: vec![Finding::new("ConfigMap", message)] })
}

fn settings_problems(inputs: &Inputs<'_>) -> Vec<Finding> {
    inputs.settings.problems.iter().map(|p| Finding::new("ConfigMap", p.clone())).collect()
}

#[cfg(test)]
mod tests;
