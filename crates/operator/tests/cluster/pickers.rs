//! Several endpoint pickers of a service, of which one leads.

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::World;
use llmisvc_testkit::world::has_condition;
use serde_json::{Value, json};

use crate::look::{PATIENCE, until_ready_is};

const SERVICE: &str = "m";
const PICKER: &str = "m-kserve-router-scheduler";
const PODS: &str = "app.kubernetes.io/component=llminferenceservice-router-scheduler";

/// A service with pickers that stand by until a test makes one lead.
fn service(replicas: i64, round: &str) -> String {
    let scheduler = json!({"replicas": replicas, "labels": {"localcluster/standby": "true", "round": round}});
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": SERVICE},
        "spec": {"model": {"uri": "hf://org/m"}, "router": {"route": {}, "gateway": {}, "scheduler": scheduler}},
    })
    .to_string()
}

/// The pickers that run and are not about to end.
fn pickers(world: &World<'_>) -> Result<Vec<Value>> {
    let text = world.kubectl(&["get", "pods", "-l", PODS, "-o", "json"], None)?;
    let list: Value = serde_json::from_str(&text).context("kubectl get pods")?;
    let stays =
        |it: &&Value| it["metadata"]["deletionTimestamp"].is_null() && it["status"]["phase"] == "Running";
    Ok(list["items"].as_array().into_iter().flatten().filter(stays).cloned().collect())
}

/// Waits until exactly so many pickers of this round run, and no other.
fn until_all_are(world: &World<'_>, count: usize, round: &str) -> Result<Vec<Value>> {
    let what = format!("{count} pickers of round {round}");
    world.eventually(&what, PATIENCE, || {
        let pods = pickers(world)?;
        let same = pods.iter().all(|pod| pod["metadata"]["labels"]["round"] == round);
        Ok((same && pods.len() == count).then_some(pods))
    })
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Plays the Lease.
fn lead(world: &World<'_>, pod: &str) -> Result<()> {
    let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let patch = json!({"status": {"conditions": [ready]}}).to_string();
    world
        .kubectl(&["patch", "pod", pod, "--subresource=status", "--type=strategic", "-p", &patch], None)
        .map(drop)
}

/// As `kubectl drain` does it; an error while the budget does not allow it.
fn evict(world: &World<'_>, pod: &str) -> Result<()> {
    let metadata = json!({"name": pod, "namespace": world.namespace()});
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata});
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", world.namespace());
    world.cluster().kubectl(&["create", "--raw", &path, "-f", "-"], Some(&eviction.to_string())).map(drop)
}

fn until_budget_allows(world: &World<'_>, evictions: i64) -> Result<()> {
    let allows = |it: Option<&Value>| {
        it.is_some_and(|it| {
            it["status"]["disruptionsAllowed"] == evictions
                && it["status"]["observedGeneration"] == it["metadata"]["generation"]
        })
    };
    let what = format!("{evictions} evictions allowed");
    world.until("poddisruptionbudget", PICKER, &what, allows, PATIENCE).map(drop)
}

#[test]
fn a_rollout_of_several_pickers_needs_one_that_is_ready_and_no_more() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&service(2, "one"))?;
    let pods = until_all_are(&world, 2, "one")?;
    let nodes: Vec<&Value> = pods.iter().map(|pod| &pod["spec"]["nodeName"]).collect();
    ensure!(nodes[0] != nodes[1], "both are on {}", nodes[0]);
    until_ready_is(&world, SERVICE, "False", PATIENCE)?;
    lead(&world, name(&pods[0]))?;
    until_ready_is(&world, SERVICE, "True", PATIENCE)?;

    world.apply(&service(2, "two"))?;
    let pods = until_all_are(&world, 2, "two")?;
    ensure!(pods.iter().all(|pod| !has_condition(pod, "Ready", "True")), "none of the new ones leads yet");
    lead(&world, name(&pods[1]))?;
    until_ready_is(&world, SERVICE, "True", PATIENCE)?;

    // To one picker and back: the strategy changes, and the budget comes and goes.
    world.apply(&service(1, "three"))?;
    let pods = until_all_are(&world, 1, "three")?;
    world.until("poddisruptionbudget", PICKER, "gone", |it| it.is_none(), PATIENCE)?;
    let strategy = |world: &World<'_>| {
        Ok::<_, anyhow::Error>(world.get("deployment", PICKER)?["spec"]["strategy"].clone())
    };
    ensure!(strategy(&world)? == json!({"type": "Recreate"}), "{}", strategy(&world)?);
    lead(&world, name(&pods[0]))?;
    until_ready_is(&world, SERVICE, "True", PATIENCE)?;
    world.apply(&service(2, "four"))?;
    let pods = until_all_are(&world, 2, "four")?;
    lead(&world, name(&pods[0]))?;
    until_ready_is(&world, SERVICE, "True", PATIENCE).map(drop)
}

#[test]
fn pickers_leave_their_nodes_one_by_one() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&service(2, "one"))?;
    let pods = until_all_are(&world, 2, "one")?;
    let (leader, standby) = (name(&pods[0]), name(&pods[1]));
    until_budget_allows(&world, 0)?;
    lead(&world, leader)?;
    until_budget_allows(&world, 1)?;
    evict(&world, leader)?;
    until_budget_allows(&world, 0)?;
    let refused = evict(&world, standby).expect_err("while no picker is Ready none is evicted");
    ensure!(format!("{refused:#}").contains("disruption budget"), "{refused:#}");
    lead(&world, standby)?;
    until_budget_allows(&world, 1)?;
    evict(&world, standby)
}
