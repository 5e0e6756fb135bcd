//! Topology changes: whatever a service was, it ends as if it had been created so.

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::equality::normal;
use crate::look::{cluster_role_bindings, until_ready_is};

const SERVICE: &str = "m";
/// A hand-over is a rollout of several workloads, one after the other, beside seven others on two cores.
const LONG: Duration = Duration::from_mins(2);

/// Everything that the operator makes.
const KINDS: &str = "secrets,serviceaccounts,roles,rolebindings,services,inferencepools,deployments,leaderworkersets,httproutes";

type Objects = BTreeMap<String, Value>;

/// {single, several nodes} × {no prefill, prefill on one node, prefill on several} with a scheduler, and both
/// without.
fn topologies() -> [(&'static str, Value); 8] {
    let one = |replicas: i64| json!({"replicas": replicas});
    let group = |replicas: i64| json!({"replicas": replicas, "parallelism": {"pipeline": 2, "tensor": 1}, "worker": {"containers": [{"name": "main"}]}});
    let routed = |main: Value| with(main, "router", json!({"route": {}, "gateway": {}}));
    let scheduled = |main: Value| with(main, "router", json!({"route": {}, "gateway": {}, "scheduler": {}}));
    [
        ("single", scheduled(one(1))),
        ("single, prefill", with(scheduled(one(1)), "prefill", one(1))),
        ("single, prefill groups", with(scheduled(one(1)), "prefill", group(1))),
        ("groups", scheduled(group(1))),
        ("groups, prefill", with(scheduled(group(1)), "prefill", one(1))),
        ("groups, prefill groups", with(scheduled(group(1)), "prefill", group(1))),
        ("single, no scheduler", routed(one(1))),
        ("groups, no scheduler", routed(group(1))),
    ]
}

fn with(mut spec: Value, key: &str, value: Value) -> Value {
    spec[key] = value;
    spec
}

fn with_model(spec: &Value) -> Value {
    with(spec.clone(), "model", json!({"uri": "hf://org/m", "name": "m"}))
}

/// A service of this spec.
pub fn service(spec: &Value) -> String {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": SERVICE},
        "spec": with_model(spec),
    })
    .to_string()
}

/// Replaces the spec, whatever else is written to the service at that moment.
pub fn becomes(world: &World<'_>, spec: &Value) -> Result<()> {
    let ops = json!([{"op": "replace", "path": "/spec", "value": with_model(spec)}]);
    world.patch("llmisvc", SERVICE, "json", &ops.to_string())
}

/// One walk for each topology. The k-th step of every walk is equally wide, so the 8 walks of 7 steps are all 56
/// ordered pairs, each once.
// W-18 W-1
#[test]
fn all_56_transitions_end_at_the_objects_of_a_fresh_create() -> Result<()> {
    let (fresh, started) = (Mutex::new(BTreeMap::new()), Barrier::new(8));
    let walks: Vec<Result<()>> = thread::scope(|scope| {
        let walks: Vec<_> = (0..8)
            .map(|start| {
                scope.spawn({
                    let (fresh, started) = (&fresh, &started);
                    move || walk(start, fresh, started)
                })
            })
            .collect();
        walks.into_iter().map(|walk| walk.join().expect("a walk panicked")).collect()
    });
    walks.into_iter().collect()
}

fn walk(start: usize, fresh: &Mutex<BTreeMap<usize, Objects>>, started: &Barrier) -> Result<()> {
    let created = create(start);
    if let Ok((_, objects)) = &created {
        fresh.lock().expect("no walk panics with it").insert(start, objects.clone());
    }
    // Also when it failed: the others wait.
    started.wait();
    let (world, _) = created?;
    let topologies = topologies();
    let mut at = start;
    for width in 1..8 {
        let to = (at + width) % 8;
        let (name, spec) = &topologies[to];
        let expected = fresh.lock().expect("no walk panics with it").get(&to).cloned();
        let expected = expected.with_context(|| format!("{name} was not created afresh"))?;
        becomes(&world, spec)?;
        let what = format!("{} becomes {name}", topologies[at].0);
        ends_as(&world, &expected).with_context(|| what)?;
        at = to;
    }
    Ok(())
}

fn create(topology: usize) -> Result<(World<'static>, Objects)> {
    let world = World::with_operator()?;
    let topologies = topologies();
    let (name, spec) = &topologies[topology];
    world.apply(&service(spec))?;
    settled(&world).with_context(|| format!("{name}, new"))?;
    let objects = objects(&world)?;
    Ok((world, objects))
}

/// Ready at the newest generation.
fn settled(world: &World<'_>) -> Result<Value> {
    until_ready_is(world, SERVICE, "True", LONG)
}

fn ends_as(world: &World<'_>, expected: &Objects) -> Result<()> {
    settled(world)?;
    let same = world.eventually("the objects of a fresh create", LONG, || {
        Ok((objects(world)? == *expected).then_some(()))
    });
    if let Err(error) = same {
        return Err(error.context(difference(&objects(world)?, expected)));
    }
    settled(world).map(drop)
}

fn difference(found: &Objects, expected: &Objects) -> String {
    let all = found.keys().chain(expected.keys());
    let differs = all.filter(|key| found.get(*key) != expected.get(*key));
    let shown = differs.map(|key| {
        let text = |side: &Objects| side.get(key).map_or("absent".to_owned(), |it| format!("{it:#}"));
        format!("{key}: found {}\nexpected {}", text(found), text(expected))
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// What there is of the service, without what names the namespace.
fn objects(world: &World<'_>) -> Result<Objects> {
    let text = world.kubectl(&["get", KINDS, "-l", "app.kubernetes.io/name=m", "-o", "json"], None)?;
    let mut list: Value = serde_json::from_str(&text).context("kubectl get")?;
    let mut all = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    all.extend(cluster_role_bindings(world)?);
    let anywhere = |object: Value| -> Result<(String, Value)> {
        let (identity, object) = normal(object);
        let text = object.to_string().replace(world.namespace(), "NAMESPACE");
        Ok((identity.replace(world.namespace(), "NAMESPACE"), serde_json::from_str(&text)?))
    };
    // Services of the groups are the LeaderWorkerSet controller's.
    let ours = |object: &Value| object["metadata"]["ownerReferences"][0]["kind"] != "LeaderWorkerSet";
    all.into_iter().filter(ours).map(anywhere).collect()
}
