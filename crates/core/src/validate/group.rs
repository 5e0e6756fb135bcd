//! Workloads on several nodes: how large a group is, and its leader and worker
//! (`reference/workloads.md §6.6, §8.3`).

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::Value;

use super::account::Account;
use super::problem::Problem;
use super::scope::Scope;
use super::template::{self, Draft};
use super::{accelerator, account, parallelism, pod, running};
use crate::build::argv::{Spread, Version};
use crate::build::start;
use crate::names;
use crate::tree;
use crate::valid::{Group, PodTemplate, Pods, Position, Role, Workload};

/// Reads leader and worker into a workload that has everything else.
pub fn group(scope: &mut Scope<'_, '_>, plain: Workload) -> Option<Workload> {
    let leader =
        at(scope, Position::Leader, |scope| scope.given(&["template"]).is_some().then(|| pod::pod(scope)));
    let worker = at(scope, Position::Worker, pod::pod);
    let (leader, worker) = (leader.map_or(Some(None), |pod| pod.map(Some))?, worker?);
    let leader = leader.or_else(|| at(scope, Position::Worker, |scope| stand_in(scope, &worker)));
    let sizes = parallelism::parallelism(scope);
    let (size, spread) = layout(scope, &sizes, main(&worker))?;
    check_name(scope, size, plain.most_replicas());
    let (account, credentials) = accounts(scope, leader.as_ref(), &worker);
    let shared =
        template::Shared { sizes: &sizes, spread: Some(spread), credentials: (&account, credentials) };
    let leader = leader
        .map(|pod| at(scope, Position::Leader, |s| template::template(s, draft(pod, &account), &shared)));
    let worker = at(scope, Position::Worker, |s| template::template(s, draft(worker, &account), &shared));
    let (leader, worker) = (leader.map_or(Some(None), |template| template.map(Some))?, worker?);
    check_version(scope, spread, &worker);
    let sub_group = sub_group(scope, size, spread);
    let pods = Pods::Group(Box::new(Group { size, sub_group, leader, worker }));
    Some(Workload { parallelism: sizes, account, pods, ..plain })
}

/// Our workers answer no requests, so where there is no leader's template, the leader comes from the worker's (W-12).
fn stand_in(scope: &mut Scope<'_, '_>, worker: &Value) -> Option<Value> {
    let composed = main(worker).is_some_and(|main| template::composed_for(scope, main).is_some());
    composed.then(|| worker.clone())
}

fn at<'a, 'v, T>(
    scope: &mut Scope<'a, 'v>,
    position: Position,
    f: impl FnOnce(&mut Scope<'a, 'v>) -> T,
) -> T {
    let before = std::mem::replace(&mut scope.position, position);
    let result = f(scope);
    scope.position = before;
    result
}

/// Each template keeps an account of its own that it names (W-15).
fn draft(pod: Value, account: &Account) -> Draft {
    let named = Some(tree::text(&pod, &["serviceAccountName"])).filter(|name| !name.is_empty());
    let account = named.or(account.name()).map(str::to_owned);
    Draft { pod, account }
}

/// The leader's account, else the worker's, else one that is made.
fn accounts<'a>(
    scope: &mut Scope<'a, '_>,
    leader: Option<&Value>,
    worker: &Value,
) -> (Account, &'a crate::facts::Answer) {
    let name = |pod: &Value| tree::text(pod, &["serviceAccountName"]).to_owned();
    let named = leader.map(name).filter(|n| !n.is_empty()).unwrap_or_else(|| name(worker));
    let managed = names::workload(&scope.ctx.id.name, scope.role, true);
    account::account(scope, &named, Some(managed))
}

fn main(pod: &Value) -> Option<&Value> {
    tree::named(tree::list(pod, &["containers"]), "main")
}

/// A group is reached through a Service of its own name, which must be a DNS label (W-14), and its pods carry a label
/// with the name of their StatefulSet and a hash. Where groups run already, the names fit.
fn check_name(scope: &mut Scope<'_, '_>, size: i64, replicas: Option<i64>) {
    let service = scope.ctx.id.name.clone();
    let starts = service.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || service.contains('.') {
        scope.error_at("metadata.name".to_owned(), &Problem::GroupName { name: service.clone() });
    }
    let name = names::workload(&service, scope.role, true);
    let most = longest_name(size, replicas.unwrap_or(1));
    if name.len() > most && running::object(scope, true).is_none() {
        let over = name.len() - most;
        scope.error_at("metadata.name".to_owned(), &Problem::GroupNameLength { name, most, over });
    }
}

/// The label `controller-revision-hash` holds 63 bytes, of which a hash takes up to 10 and a dash one. The workers of
/// a group are a StatefulSet of their own, with the group's index in its name.
fn longest_name(size: i64, replicas: i64) -> usize {
    let last = (replicas - 1).max(0).to_string();
    let index = if size > 1 { last.len() + 1 } else { 0 };
    63 - 11 - index
}

/// What one version of vLLM does over nodes, an older one can do with Ray only.
fn check_version(scope: &mut Scope<'_, '_>, spread: Spread, worker: &PodTemplate) {
    let Some(version) = worker.composed_for.as_deref().and_then(Version::parse) else { return };
    let needed = start::needed(spread);
    if version < needed {
        let got = worker.composed_for.clone().unwrap_or_default();
        let problem = Problem::GroupVersion { got, needed: format!("{}.{}", needed.0, needed.1) };
        at(scope, Position::Worker, |scope| {
            let path = scope.main_path("image");
            scope.error_at(path, &problem);
        });
    }
}

/// Sub-groups can be neither added, removed nor resized: those of a live object stay while they fit the size.
fn sub_group(scope: &Scope<'_, '_>, size: i64, spread: Spread) -> Option<i64> {
    let new = (scope.role == Role::Prefill && matches!(spread, Spread::Data { .. })).then_some(size);
    let Some(live) = running::object(scope, true) else { return new };
    let path = ["spec", "leaderWorkerTemplate", "subGroupPolicy", "subGroupSize"];
    let live = tree::get(live, &path).and_then(Value::as_i64)?;
    let fits = live > 0 && live <= size && (size % live == 0 || (size - 1) % live == 0);
    if fits { Some(live) } else { new }
}

/// Pods in a group, and how the ranks are spread over them. Data parallel: `dataLocal` ranks in each. Otherwise
/// one world of `tensor × pipeline` ranks: a stage in each pod, or as many ranks as a pod has accelerators.
fn layout(scope: &mut Scope<'_, '_>, sizes: &Parallelism, worker: Option<&Value>) -> Option<(i64, Spread)> {
    if sizes.data.is_some() || sizes.data_local.is_some() {
        return Some(data(scope, sizes));
    }
    let (tensor, stages) = (i64::from(sizes.tensor.unwrap_or(1)), i64::from(sizes.pipeline.unwrap_or(1)));
    let per_pod = worker.and_then(accelerator::requested).map(|(_, count)| count).filter(|count| *count > 0);
    match per_pod {
        Some(count) if count < tensor || sizes.pipeline.is_none() => {
            let ranks = tensor.saturating_mul(stages);
            let nodes = ceiling(ranks, count);
            check_even(scope, ranks, count, nodes);
            Some((nodes, Spread::World { nodes }))
        }
        None if sizes.pipeline.is_none() => {
            scope.error("worker", &Problem::GroupSize);
            None
        }
        _ => Some((stages, Spread::World { nodes: stages })),
    }
}

/// vLLM runs the same number of ranks in each pod.
fn check_even(scope: &mut Scope<'_, '_>, ranks: i64, per_pod: i64, nodes: i64) {
    if ranks % nodes != 0 {
        scope.warn("parallelism", &Problem::Indivisible { ranks, per_pod, size: nodes });
    } else if nodes * per_pod != ranks {
        scope.warn("parallelism", &Problem::Unused { ranks, per_pod, size: nodes, each: ranks / nodes });
    }
}

fn data(scope: &mut Scope<'_, '_>, sizes: &Parallelism) -> (i64, Spread) {
    let (size, local) = (sizes.data.unwrap_or(1), sizes.data_local.unwrap_or(1));
    let nodes = ceiling(i64::from(size), i64::from(local)).max(1);
    if size % local != 0 && size > local {
        let problem = Problem::Uneven { ranks: i64::from(size), per_pod: i64::from(local), size: nodes };
        scope.warn("parallelism.dataLocal", &problem);
    }
    let port = sizes.data_rpc_port.unwrap_or(5555);
    (nodes, Spread::Data { size, local: local.min(size), port })
}

/// Rounded up: a rank that has no pod would be waited for in vain (W-13).
fn ceiling(ranks: i64, per_pod: i64) -> i64 {
    (ranks + per_pod - 1) / per_pod.max(1)
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
