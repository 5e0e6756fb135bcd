//! Validates the decode and prefill workloads.

use serde_json::Value;

use super::problem::Problem;
use super::scope::Scope;
use super::template::{self, Draft, Shared};
use super::{Context, account, group, parallelism, pod, rollout, running, scaling};
use crate::labels::{self, Component, Labels};
use crate::pass::Finding;
use crate::valid::{Pods, Position, Role, Workload};
use crate::{names, tree};

/// The main workload and the prefill one. None when something blocks.
pub fn workloads(
    ctx: &Context<'_>,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<(Workload, Option<Workload>)> {
    let prefill = ctx.spec.get("prefill").filter(|p| !p.is_null());
    let role = if prefill.is_some() { Role::Decode } else { Role::Both };
    let main = workload(ctx, role, ctx.spec, findings, warnings);
    let Some(prefill) = prefill.map(|spec| workload(ctx, Role::Prefill, spec, findings, warnings)) else {
        return Some((main?, None));
    };
    let (main, prefill) = (main?, prefill?);
    warnings.extend(scaling::apart(ctx, &main, &prefill));
    Some((main, Some(prefill)))
}

/// One workload; `spec` is `spec` or `spec.prefill` of the merged and rendered document. None when something blocks.
pub fn workload(
    ctx: &Context<'_>,
    role: Role,
    spec: &Value,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<Workload> {
    let before = findings.len();
    let mut scope = Scope { ctx, role, position: Position::Single, spec, findings, warnings };
    let workload = read(&mut scope);
    workload.filter(|_| findings.len() == before)
}

fn read(scope: &mut Scope<'_, '_>) -> Option<Workload> {
    warn_of_idle_prefill(scope);
    let plain = plain(scope);
    if scope.given(&["worker"]).is_some() { group::group(scope, plain) } else { single(scope, plain) }
}

/// Everything that does not depend on pod templates.
fn plain(scope: &mut Scope<'_, '_>) -> Workload {
    let live_selector = running::selector(scope);
    Workload {
        replicas: scaling::count(scope),
        scaling: scaling::scaling(scope),
        labels: labels(scope, live_selector.as_ref()),
        annotations: tree::strings(scope.spec, &["annotations"]),
        rollout: rollout::rollout(scope),
        live_selector,
        ..Workload::bare(scope.role)
    }
}

/// One pod is the whole replica. Without a pod the rest would only repeat that.
fn single(scope: &mut Scope<'_, '_>, plain: Workload) -> Option<Workload> {
    let pod = pod::pod(scope)?;
    let sizes = parallelism::parallelism(scope);
    parallelism::check_one_node(scope, &sizes);
    let sidecar = template::has_sidecar(scope, &pod);
    let managed = sidecar.then(|| names::decode(&scope.ctx.id.name));
    let (account, answer) = account::account(scope, tree::text(&pod, &["serviceAccountName"]), managed);
    let draft = Draft { pod, account: account.name().map(str::to_owned) };
    let shared = Shared { sizes: &sizes, spread: None, credentials: (&account, answer) };
    let template = template::template(scope, draft, &shared)?;
    Some(Workload { parallelism: sizes, account, pods: Pods::Single(Box::new(template)), ..plain })
}

/// Only an endpoint picker sends requests to prefill.
fn warn_of_idle_prefill(scope: &mut Scope<'_, '_>) {
    let scheduled = tree::get(scope.ctx.spec, &["router", "scheduler"]).is_some_and(|it| !it.is_null());
    if scope.role == Role::Prefill && !scheduled {
        scope.warn("template", &Problem::PrefillWithoutScheduler);
    }
}

/// The workload's labels without those that would change a selector on the pods (W-1).
fn labels(scope: &mut Scope<'_, '_>, live: Option<&Labels>) -> Labels {
    let component = if scope.role == Role::Prefill { Component::Prefill } else { Component::Workload };
    let mut kept = labels::base(&scope.ctx.id.name, component);
    kept.insert(labels::ENDPOINT.to_owned(), "workload".to_owned());
    kept.insert(labels::ROLE.to_owned(), scope.role.as_str().to_owned());
    kept.extend(live.cloned().unwrap_or_default());
    let given = tree::strings(scope.spec, &["labels"]);
    let (fine, ignored): (Labels, Labels) =
        given.into_iter().partition(|(key, value)| kept.get(key).is_none_or(|k| k == value));
    for (key, got) in ignored {
        let kept = kept.get(&key).cloned().unwrap_or_default();
        scope.warn(&format!("labels[{key}]"), &Problem::LabelIgnored { key, got, kept });
    }
    fine
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
