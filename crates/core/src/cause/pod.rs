//! The trouble of one pod.

use super::container::{Seen, judge};
use super::scheduling;
use super::text::{after_colon, clean};
use super::{Trouble, Why};
use crate::pods::Body;
use crate::pods::shown::{Condition, Container, ContainerStatus};

/// What keeps a pod from serving; none while it serves, starts as it should, or goes because somebody wants it to.
pub(crate) fn of_pod(body: &Body) -> Option<Trouble> {
    let whole = |(why, detail)| trouble(body, why, None, detail);
    if body.metadata.deletion_timestamp.is_some() {
        return lost(body).map(whole);
    }
    match body.status.phase.as_str() {
        "Succeeded" => None,
        "Failed" if body.status.reason == "NodeLost" => Some(whole(node_lost(body))),
        "Failed" => Some(whole(evicted(body))),
        _ if body.status.holds("Ready") => None,
        _ if body.spec.node_name.is_empty() => unscheduled(body),
        _ if is_silent(body) => Some(whole(node_lost(body))),
        _ => in_containers(body),
    }
}

fn trouble(body: &Body, why: Why, container: Option<String>, detail: String) -> Trouble {
    let owner = body.metadata.owner_references.iter().find(|owner| owner.controller);
    let owner = owner.map(|owner| owner.name.clone()).unwrap_or_default();
    Trouble { why, owner, container, detail, claims: Vec::new() }
}

/// A pod that is deleted because its node is lost stays until the node comes back.
fn lost(body: &Body) -> Option<(Why, String)> {
    let disrupted = body.status.condition("DisruptionTarget").filter(|it| it.status == "True")?;
    matches!(disrupted.reason.as_str(), "DeletionByTaintManager" | "DeletionByPodGC").then(|| node_lost(body))
}

/// Its containers were ready when the kubelet spoke last, and somebody else has called the pod unready since.
fn is_silent(body: &Body) -> bool {
    let unready =
        body.status.condition("Ready").is_some_and(|it| it.status == "False" && it.reason.is_empty());
    unready && body.status.holds("ContainersReady")
}

fn node_lost(body: &Body) -> (Why, String) {
    (
        Why::NodeLost,
        format!("is lost with node {}, which is gone, not reachable or not ready", body.spec.node_name),
    )
}

fn evicted(body: &Body) -> (Why, String) {
    let disrupted = body.status.condition("DisruptionTarget").filter(|it| it.status == "True");
    let disrupted = disrupted.map(|it| (it.reason.as_str(), it.message.as_str()));
    let status = Some((body.status.reason.as_str(), body.status.message.as_str()));
    let told = status.filter(|(reason, _)| !reason.is_empty()).or(disrupted).unwrap_or(("Failed", ""));
    let node = if body.spec.node_name.is_empty() { "its node" } else { &body.spec.node_name };
    (Why::Evicted, format!("was ended or refused by {node} ({}){}", told.0, after_colon(&clean(told.1))))
}

fn unscheduled(body: &Body) -> Option<Trouble> {
    let claims: Vec<String> = body.spec.volumes.iter().filter_map(|v| v.claim(&body.metadata.name)).collect();
    let scheduled = body.status.condition("PodScheduled").filter(|it| it.status == "False");
    match scheduled {
        Some(it) if it.reason == "SchedulingGated" => Some(trouble(body, Why::Gated, None, gated(body))),
        Some(it) => Some(refused(body, it, claims)),
        // The scheduler waits for volumes without a word.
        None if claims.is_empty() => None,
        None => Some(Trouble { claims, ..trouble(body, Why::Volume, None, String::new()) }),
    }
}

fn gated(body: &Body) -> String {
    let gates: Vec<&str> = body.spec.scheduling_gates.iter().map(|gate| gate.name.as_str()).collect();
    format!("waits for its scheduling gates{}", after_colon(&gates.join(", ")))
}

fn refused(body: &Body, it: &Condition, claims: Vec<String>) -> Trouble {
    let about_volumes = !claims.is_empty() && scheduling::is_about_volumes(&it.message);
    let (why, claims) = if about_volumes { (Why::Volume, claims) } else { (Why::Unschedulable, Vec::new()) };
    let detail = scheduling::detail(&it.message, &body.spec.requests());
    Trouble { claims, ..trouble(body, why, None, detail) }
}

fn in_containers(body: &Body) -> Option<Trouble> {
    let (spec, status) = (&body.spec, &body.status);
    let init = seen(&spec.init_containers, &status.init_container_statuses);
    let all = init.chain(seen(&spec.containers, &status.container_statuses));
    let judged = all.filter_map(|it| Some((judge(it)?, &it.status.name)));
    // Of equals the first counts.
    let ((why, detail), name) = judged.min_by_key(|((why, _), _)| *why)?;
    Some(trouble(body, why, Some(name.clone()), detail))
}

fn seen<'a>(specs: &'a [Container], statuses: &'a [ContainerStatus]) -> impl Iterator<Item = Seen<'a>> {
    let spec = |name: &str| specs.iter().find(|spec| spec.name == name);
    statuses.iter().map(move |status| Seen { spec: spec(&status.name), status })
}
