//! Workloads on several nodes: how large a group is, and its leader and worker
//! (`reference/workloads.md §6.6, §8.3`).

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::Value;

use super::account::Account;
use super::problem::Problem;
use super::scope::Scope;
use super::template::{self, Draft};
use super::{accelerator, account, parallelism, pod};
use crate::build::argv::Spread;
use crate::names;
use crate::tree;
use crate::valid::{Group, Pods, Position, Workload};

/// Reads leader and worker into a workload that has everything else.
pub fn group(scope: &mut Scope<'_, '_>, plain: Workload) -> Option<Workload> {
    check_name(scope);
    let leader =
        at(scope, Position::Leader, |scope| scope.given(&["template"]).is_some().then(|| pod::pod(scope)));
    let worker = at(scope, Position::Worker, pod::pod);
    let (leader, worker) = (leader.map_or(Some(None), |pod| pod.map(Some))?, worker?);
    let sizes = parallelism::parallelism(scope);
    let (size, spread) = layout(scope, &sizes, main(&worker))?;
    let (account, credentials) = accounts(scope, leader.as_ref(), &worker);
    let shared =
        template::Shared { sizes: &sizes, spread: Some(spread), credentials: (&account, credentials) };
    let leader = leader
        .map(|pod| at(scope, Position::Leader, |s| template::template(s, draft(pod, &account), &shared)));
    let worker = at(scope, Position::Worker, |s| template::template(s, draft(worker, &account), &shared));
    let leader = leader.map_or(Some(None), |template| template.map(Some))?;
    let pods = Pods::Group(Box::new(Group { size, leader, worker: worker? }));
    Some(Workload { parallelism: sizes, account, pods, ..plain })
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

/// A group is reached through a Service of its own name, which must be a DNS label (W-14).
fn check_name(scope: &mut Scope<'_, '_>) {
    let name = &scope.ctx.id.name;
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || name.contains('.') {
        scope.error_at("metadata.name".to_owned(), &Problem::GroupName { name: name.clone() });
    }
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
            if nodes * count != ranks {
                scope.warn("parallelism", &Problem::Uneven { ranks, per_pod: count, size: nodes });
            }
            Some((nodes, Spread::World { nodes }))
        }
        None if sizes.pipeline.is_none() => {
            scope.error("worker", &Problem::GroupSize);
            None
        }
        _ => Some((stages, Spread::World { nodes: stages })),
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
