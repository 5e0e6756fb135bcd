//! Changes of a running prefill/decode service: the patches of the Qwen example, one by one and all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::{World, documents, paths};
use serde_json::{Value, json};

use crate::look::{PATIENCE, container, example, flag, observed, says};

const SERVICE: &str = "qwen-25-7b";
const DECODE: &str = "qwen-25-7b-kserve";
const PREFILL: &str = "qwen-25-7b-kserve-prefill";

/// The patches of the example, in the order of their names.
fn patches() -> Result<Vec<String>> {
    let files = documents::files(&paths::repository().join("examples/qwen-2.5-7b/patches"))?;
    assert_eq!(files.len(), 4, "{files:?}");
    files.iter().map(|path| fs::read_to_string(path).context("a patch")).collect()
}

fn qwen() -> Result<World<'static>> {
    let world = World::with_operator()?;
    world.apply(&example("qwen-2.5-7b")?)?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    Ok(world)
}

/// Applies a merge patch and waits until its generation is Ready.
fn patched(world: &World<'_>, patch: &str) -> Result<Value> {
    world.patch("llmisvc", SERVICE, "merge", patch)?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")
}

fn readiness(deployment: &Value) -> &Value {
    &container(deployment, "main")["readinessProbe"]
}

#[test]
fn the_examples_patches_one_by_one_become_ready_with_what_they_ask_for() -> Result<()> {
    let world = qwen()?;
    let [tensor, replicas, probe, guaranteed] = patches()?.try_into().ok().context("four patches")?;
    let before = world.get("deployment", DECODE)?;
    assert_eq!(flag(container(&before, "main"), "--tensor-parallel-size"), "1");

    patched(&world, &tensor)?;
    let decode = world.get("deployment", DECODE)?;
    assert_eq!(flag(container(&decode, "main"), "--tensor-parallel-size"), "2");
    let two = json!({"nvidia.com/gpu": "2"});
    assert_eq!(container(&decode, "main")["resources"], json!({"limits": two, "requests": two}));
    let prefill = world.get("deployment", PREFILL)?;
    assert_eq!(flag(container(&prefill, "main"), "--tensor-parallel-size"), "1");
    let revision =
        |it: &Value| it["spec"]["template"]["metadata"]["labels"]["llmisvc.io/kv-revision"].clone();
    assert_eq!(revision(&prefill), revision(&decode), "what decode's caches look like concerns prefill too");

    let service = patched(&world, &replicas)?;
    let prefill = world.get("deployment", PREFILL)?;
    assert_eq!(
        (&prefill["spec"]["replicas"], &prefill["status"]["availableReplicas"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(service["status"]["workloads"]["prefill"]["readyReplicas"].as_i64().unwrap_or(2), 2);

    the_probe_is_replaced(&world, &probe, &decode)?;

    patched(&world, &guaranteed)?;
    let decode = world.get("deployment", DECODE)?;
    let all = json!({"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "2"});
    assert_eq!(container(&decode, "main")["resources"], json!({"limits": all, "requests": all}));
    Ok(())
}

// C-4
fn the_probe_is_replaced(world: &World<'_>, patch: &str, before: &Value) -> Result<()> {
    assert!(readiness(before).get("httpGet").is_some(), "{before:#}");
    patched(world, patch)?;
    let decode = world.get("deployment", DECODE)?;
    assert_eq!(readiness(&decode)["tcpSocket"], json!({"port": 8001}));
    assert_eq!(readiness(&decode).get("httpGet"), None, "the handlers are not unioned");
    assert_eq!(readiness(&decode)["periodSeconds"], 5);
    Ok(())
}

#[test]
fn the_examples_patches_within_a_second_end_in_all_of_them() -> Result<()> {
    let world = qwen()?;
    for patch in patches()? {
        world.patch("llmisvc", SERVICE, "merge", &patch)?;
    }
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let decode = world.get("deployment", DECODE)?;
    let main = container(&decode, "main");
    assert_eq!(flag(main, "--tensor-parallel-size"), "2");
    let all = json!({"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "2"});
    assert_eq!(main["resources"], json!({"limits": all, "requests": all}));
    assert_eq!(readiness(&decode)["tcpSocket"], json!({"port": 8001}));
    assert_eq!(world.get("deployment", PREFILL)?["status"]["availableReplicas"], 2);
    Ok(())
}

/// The same service with another environment variable on both roles, five times in one stream: kubectl sends the
/// five requests one after the other within some hundred milliseconds.
fn five_versions() -> Result<String> {
    let documents = documents::parse(&example("qwen-2.5-7b")?)?;
    let service = documents.into_iter().next().context("the example's service")?;
    let version = |number: usize| {
        let env = json!([{"name": "ROUND", "value": number.to_string()}]);
        let pod = json!({"containers": [{"name": "main", "env": env}]});
        let mut service = service.clone();
        service["spec"]["template"] = pod.clone();
        service["spec"]["prefill"]["template"] = pod;
        service.to_string()
    };
    Ok((1..=5).map(version).collect::<Vec<_>>().join("\n---\n"))
}

#[test]
fn five_template_patches_within_a_second_make_at_most_two_replica_sets_per_role() -> Result<()> {
    let world = qwen()?;
    let before = replica_sets(&world)?;
    let args = ["apply", "-f", "-"];
    let generation = |it: &Value| it["metadata"]["generation"].as_i64().unwrap_or_default();
    let old = generation(&world.get("llmisvc", SERVICE)?);
    world.kubectl(&args, Some(&five_versions()?))?;
    let service = world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    assert_eq!(generation(&service), old + 5, "five changes of the spec");

    for role in [DECODE, PREFILL] {
        let deployment = world.get("deployment", role)?;
        let env = container(&deployment, "main")["env"].as_array().cloned().unwrap_or_default();
        assert!(env.contains(&json!({"name": "ROUND", "value": "5"})), "{role}: {env:?}");
        let all = replica_sets(&world)?;
        let of = |sets: &BTreeMap<String, String>| -> BTreeSet<String> {
            sets.iter().filter(|(_, owner)| *owner == role).map(|(name, _)| name.clone()).collect()
        };
        let new: Vec<String> = of(&all).difference(&of(&before)).cloned().collect();
        assert!((1..=2).contains(&new.len()), "{role}: new ReplicaSets {new:?}");
    }
    Ok(())
}

/// ReplicaSets and the Deployments that own them.
fn replica_sets(world: &World<'_>) -> Result<BTreeMap<String, String>> {
    let text = |it: &Value, at: &str| it.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let pair = |it: &Value| (text(it, "/metadata/name"), text(it, "/metadata/ownerReferences/0/name"));
    Ok(world.list("replicasets")?.iter().map(pair).collect())
}

// W-8, G-41
#[test]
fn ready_is_not_true_for_a_generation_before_its_rollout_is_done() -> Result<()> {
    let world = World::with_operator()?;
    let recording = world.record(&["llmisvc", "deployment"])?;
    world.apply(&example("qwen-2.5-7b")?)?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let mut last = Value::Null;
    for tensor in [2, 4] {
        last = patched(&world, &format!(r#"{{"spec": {{"parallelism": {{"tensor": {tensor}}}}}}}"#))?;
    }
    let seen = recording.up_to(&world, &last)?;
    let mut decode = &Value::Null;
    let mut proven = BTreeSet::new();
    for object in &seen {
        match object["metadata"]["name"].as_str() {
            Some(DECODE) => decode = object,
            Some(SERVICE) if observed(object) && says(object, "Ready", "status") == "True" => {
                assert_eq!(rolled_out(decode), Ok(()), "{object:#}");
                let wanted = object["spec"]["parallelism"]["tensor"].to_string();
                assert_eq!(flag(container(decode, "main"), "--tensor-parallel-size"), wanted);
                proven.insert(wanted);
            }
            _ => {}
        }
    }
    assert_eq!(proven, ["1", "2", "4"].map(str::to_owned).into());
    Ok(())
}

/// What `kubectl rollout status` waits for.
fn rolled_out(deployment: &Value) -> Result<(), String> {
    let status = &deployment["status"];
    let wanted = &deployment["spec"]["replicas"];
    let done = status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|count| status[*count] == *wanted);
    if done { Ok(()) } else { Err(format!("not rolled out: {status:#}")) }
}

// W-8, G-41
#[test]
fn a_rollout_that_cannot_finish_is_told_and_the_old_pods_go_on() -> Result<()> {
    let world = qwen()?;
    // No node has nine GPUs.
    world.patch("llmisvc", SERVICE, "merge", r#"{"spec": {"parallelism": {"tensor": 9}}}"#)?;
    let told = |it: Option<&Value>| {
        it.is_some_and(|it| {
            observed(it) && says(it, "MainWorkloadReady", "message").contains("updated pods are ready")
        })
    };
    let service =
        world.until("llmisvc", SERVICE, "tells of the rollout", told, PATIENCE)?.context("a service")?;
    assert_eq!(says(&service, "Ready", "status"), "False", "{service:#}");
    let pending = || {
        let pods = world.list("pods")?;
        Ok(pods.iter().any(|pod| says(pod, "PodScheduled", "status") == "False").then_some(pods))
    };
    world.eventually("a pod that no node takes", PATIENCE, pending)?;
    let decode = world.get("deployment", DECODE)?;
    assert!(decode["status"]["availableReplicas"].as_i64() >= Some(1), "{decode:#}");
    patched(&world, r#"{"spec": {"parallelism": {"tensor": 1}}}"#)?;
    world.until_quiet(Duration::from_secs(1), PATIENCE)
}
