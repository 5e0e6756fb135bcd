//! From the older group of pools to the newer one and back, with a gateway that is played by hand: no other gateway
//! runs on this control plane, which takes some seconds to come up.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::world::Recording;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::look::{PATIENCE, SOON, says, until_reason};
use crate::takeover::{OLDER_POOL, Story, older_pool};

const NEWER_POOL: &str = "inferencepools.inference.networking.k8s.io";
const ROUTE: &str = "picked-kserve-route";
const POOL: &str = "picked-inference-pool";
const OLDER: &str = "inference.networking.x-k8s.io";
const NEWER: &str = "inference.networking.k8s.io";

fn parent() -> Value {
    json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "kserve-ingress-gateway", "namespace": "kserve"})
}

fn condition(kind: &str, status: &str, reason: &str, generation: &Value) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "by hand", "observedGeneration": generation,
           "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

/// The gateway says this about the references of the route, as the route is now.
fn resolves(world: &World<'_>, status: &str, reason: &str) -> Result<()> {
    let generation = &world.get("httproute", ROUTE)?["metadata"]["generation"];
    let accepted = condition("Accepted", "True", "Accepted", generation);
    let conditions = [accepted, condition("ResolvedRefs", status, reason, generation)];
    answer(world, "httproute", ROUTE, "parents", &conditions)
}

/// The gateway takes a pool; the older group calls the list `parent`.
fn takes(world: &World<'_>, kind: &str, list: &str) -> Result<()> {
    let generation = &world.get(kind, POOL)?["metadata"]["generation"];
    answer(world, kind, POOL, list, &[condition("Accepted", "True", "Accepted", generation)])
}

fn answer(world: &World<'_>, kind: &str, name: &str, list: &str, conditions: &[Value]) -> Result<()> {
    let answer =
        json!({"parentRef": parent(), "controllerName": "example.com/by-hand", "conditions": conditions});
    let patch = json!({"status": {list: [answer]}}).to_string();
    world
        .kubectl(&["patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch], None)
        .map(drop)
}

/// Groups of the pools that the route leads to.
fn led(route: &Value) -> BTreeSet<String> {
    let rules = route["spec"]["rules"].as_array().into_iter().flatten();
    let backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
    let pools = backends.filter(|backend| backend["kind"] == "InferencePool");
    pools.map(|backend| backend["group"].as_str().unwrap_or_default().to_owned()).collect()
}

fn until_led(world: &World<'_>, group: &str) -> Result<Value> {
    let there = |it: Option<&Value>| it.is_some_and(|it| led(it) == BTreeSet::from([group.to_owned()]));
    let found = world.until("httproute", ROUTE, &format!("leads to {group}"), there, PATIENCE)?;
    found.context("the route is there")
}

/// At every moment, each rule that leads to a pool led to one that was there.
fn never_without_a_pool(recording: &Recording) -> Result<usize> {
    let (mut pools, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    let changes = recording.changes();
    for (change, object) in &changes {
        let group = object["apiVersion"].as_str().and_then(|it| it.split('/').next()).unwrap_or_default();
        match (object["kind"].as_str(), change.as_str()) {
            (Some("InferencePool"), "DELETED") => drop(pools.remove(group)),
            (Some("InferencePool"), _) => drop(pools.insert(group.to_owned())),
            _ => wanted = led(object),
        }
        ensure!(wanted.is_subset(&pools), "{change}: led to {wanted:?}, there are {pools:?}\n{changes:#?}");
    }
    Ok(changes.len())
}

// G-22, G-23, G-34, G-44
#[test]
fn a_route_follows_what_its_gateway_knows_and_never_leads_to_a_pool_that_is_not_there() -> Result<()> {
    let cluster = Cluster::own("pools", Variant::Small)?;
    cluster.kubectl(&["create", "-f", "-"], Some(&older_pool()))?;
    let story = Story::made(&cluster, "scheduler")?;
    let world = &story.world;
    let recording = world.record(&["httproute", OLDER_POOL, NEWER_POOL])?;
    let _operator = Operator::start(&cluster, &operator::Options::default())?;
    until_reason(world, "picked", "HTTPRoutesReady", "HTTPRoutesNotReady", PATIENCE)?;
    assert_eq!(led(&world.get("httproute", ROUTE)?), BTreeSet::from([OLDER.to_owned()]));

    it_stays_while_it_works(world)?;
    it_turns_when_the_gateway_knows_the_newer_group_only(world)?;
    it_goes_back_when_the_gateway_does(world)?;
    let moments = never_without_a_pool(&recording)?;
    ensure!(moments > 12, "{moments} changes were seen");
    drop(recording);
    it_goes_back_when_the_newer_group_does(&cluster, world)
}

fn it_stays_while_it_works(world: &World<'_>) -> Result<()> {
    takes(world, OLDER_POOL, "parent")?;
    resolves(world, "True", "ResolvedRefs")?;
    for kind in ["HTTPRoutesReady", "InferencePoolReady"] {
        world.until_condition("llmisvc", "picked", kind, "True")?;
    }
    let service = world.get("llmisvc", "picked")?;
    assert_eq!(service["status"]["router"]["scheduler"]["inferencePool"]["group"], OLDER);
    // A backend that is missing says nothing about what the gateway knows.
    resolves(world, "False", "BackendNotFound")?;
    until_reason(world, "picked", "HTTPRoutesReady", "HTTPRoutesNotReady", SOON)?;
    assert_eq!(led(&world.get("httproute", ROUTE)?), BTreeSet::from([OLDER.to_owned()]));
    Ok(())
}

fn it_turns_when_the_gateway_knows_the_newer_group_only(world: &World<'_>) -> Result<()> {
    resolves(world, "False", "InvalidKind")?;
    let route = until_led(world, NEWER)?;
    let annotations = &route["metadata"]["annotations"];
    assert_eq!(annotations["serving.kserve.io/inference-pool-migrated"], "v1");
    let waiting = until_reason(world, "picked", "InferencePoolReady", "WaitingForGateway", SOON)?;
    assert!(says(&waiting, "InferencePoolReady", "message").contains("not yet accepted by Gateway kserve/"));
    ensure!(world.find(OLDER_POOL, POOL)?.is_some(), "the gateway has not taken the route yet");
    takes(world, NEWER_POOL, "parents")?;
    resolves(world, "True", "ResolvedRefs")?;
    world.until(OLDER_POOL, POOL, "is gone", |it| it.is_none(), PATIENCE)?;
    let service = world.until_condition("llmisvc", "picked", "InferencePoolReady", "True")?;
    assert_eq!(service["status"]["router"]["scheduler"]["inferencePool"]["group"], NEWER);
    world.until_quiet(Duration::from_secs(1), PATIENCE)
}

/// The gateway is replaced by an older one. It has refused the older group before, and so has to say now that it knows
/// it: whoever takes the annotation away asks again.
fn it_goes_back_when_the_gateway_does(world: &World<'_>) -> Result<()> {
    world.kubectl(&["annotate", "httproute", ROUTE, "llmisvc.io/refused-pool-versions-"], None)?;
    resolves(world, "False", "InvalidKind")?;
    until_led(world, OLDER)?;
    ensure!(world.find(OLDER_POOL, POOL)?.is_some(), "the pool comes before the route");
    resolves(world, "True", "ResolvedRefs")?;
    world.until_quiet(Duration::from_secs(1), PATIENCE)?;
    until_led(world, OLDER).map(drop)
}

/// The route leads to the older group for want of another; what goes with the CRD nobody can keep.
fn it_goes_back_when_the_newer_group_does(cluster: &Cluster, world: &World<'_>) -> Result<()> {
    world.kubectl(&["delete", "httproute", ROUTE], None)?;
    until_led(world, NEWER)?;
    cluster.kubectl(&["delete", "crd", NEWER_POOL, "--timeout=60s"], None)?;
    until_led(world, OLDER)?;
    world.until(OLDER_POOL, POOL, "is there", |it| it.is_some(), SOON).map(drop)
}
