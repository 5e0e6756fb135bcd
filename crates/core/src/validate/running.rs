//! What runs of a workload now. What it has, and what it lacks, is kept where a change would replace pods that the
//! user did not touch.

use serde_json::Value;

use super::scope::Scope;
use crate::labels::Labels;
use crate::tree;
use crate::valid::Position;
use crate::workloads::slot;

const GROUP: [&str; 2] = ["spec", "leaderWorkerTemplate"];

/// The live object of a workload.
pub fn object<'a>(scope: &Scope<'a, '_>, is_group: bool) -> Option<&'a Value> {
    let slot = slot(&scope.ctx.id.name, scope.role, is_group);
    scope.ctx.inputs.live.get(&slot).map(|live| live.body.as_ref())
}

/// The pod template that is looked at.
pub fn template<'a>(scope: &Scope<'a, '_>) -> Option<&'a Value> {
    let [spec, template] = GROUP;
    match scope.position {
        Position::Single => tree::get(object(scope, false)?, &["spec", "template"]),
        Position::Leader => tree::get(object(scope, true)?, &[spec, template, "leaderTemplate"]),
        Position::Worker => tree::get(object(scope, true)?, &[spec, template, "workerTemplate"]),
    }
}

/// Its pod spec.
pub fn pod<'a>(scope: &Scope<'a, '_>) -> Option<&'a Value> {
    tree::get(template(scope)?, &["spec"])
}

/// The selector of the live Deployment, which can't be changed.
pub fn selector(scope: &Scope<'_, '_>) -> Option<Labels> {
    let selector = tree::strings(object(scope, false)?, &["spec", "selector", "matchLabels"]);
    Some(selector).filter(|s| !s.is_empty())
}
