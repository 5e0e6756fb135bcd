//! Rolls of prefill and decode together: at every step the endpoint picker admits one revision, and pods of both
//! roles have it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_core::labels::{KV_REVISION, RESTARTED_AT};
use llmisvc_core::revision::filter::{Admitted, of};
use llmisvc_testkit::World;
use llmisvc_testkit::world::version;
use serde_json::{Value, json};

use crate::look::{PATIENCE, container, events, observed, says};

const SERVICE: &str = "pair";
const DECODE: &str = "pair-kserve";
const PREFILL: &str = "pair-kserve-prefill";
/// Three workloads roll one after the other, on a machine that does other things.
const ROLL: Duration = Duration::from_mins(3);

fn role(image: &str, strategy: &Value) -> Value {
    let main = json!({"name": "main", "image": format!("vllm/vllm-openai:{image}")});
    let mut role = json!({"replicas": 2, "template": {"containers": [main]}});
    if strategy.is_object() {
        role["rolloutStrategy"] = strategy.clone();
    }
    role
}

fn spec(image: &str, strategy: &Value) -> Value {
    let mut spec = role(image, strategy);
    spec["model"] = json!({"uri": "hf://org/pair"});
    spec["prefill"] = role(image, strategy);
    spec["router"] = json!({"scheduler": {}, "route": {}, "gateway": {}});
    spec
}

/// The same on two nodes each.
fn groups(image: &str) -> Value {
    let mut spec = spec(image, &Value::Null);
    let worker = spec["template"].clone();
    for role in ["", "/prefill"] {
        let role = spec.pointer_mut(role).unwrap();
        role["worker"] = worker.clone();
        role["parallelism"] = json!({"pipeline": 2});
    }
    spec
}

fn service(spec: &Value) -> String {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": SERVICE},
        "spec": spec,
    })
    .to_string()
}

/// Applies a spec and waits until it is Ready.
fn ready(world: &World<'_>, spec: &Value) -> Result<Value> {
    world.apply(&service(spec))?;
    let holds =
        |it: Option<&Value>| it.is_some_and(|it| observed(it) && says(it, "Ready", "status") == "True");
    world.until("llmisvc", SERVICE, "Ready", holds, ROLL)?.context("a service")
}

fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or_default()
}

fn is_up(pod: &Value) -> bool {
    pod["metadata"].get("deletionTimestamp").is_none() && says(pod, "Ready", "status") == "True"
}

/// What a picker's pod was started with.
fn admitted(pod: &Value) -> Option<String> {
    match of(&json!({"spec": {"template": {"spec": pod["spec"]}}})) {
        Admitted::Only(revision) => revision,
        Admitted::Everyone => None,
    }
}

/// The revisions that running pickers have admitted from `since` on, each of which had ready pods of both roles all
/// the time.
fn served(seen: &[Value], since: u64) -> BTreeSet<String> {
    let mut pods: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut served = BTreeSet::new();
    for pod in seen.iter().filter(|it| it["kind"] == "Pod") {
        pods.insert(pod["metadata"]["name"].as_str().unwrap_or_default(), pod);
        if version(pod) <= since {
            continue;
        }
        let up: Vec<&Value> = pods.values().copied().filter(|pod| is_up(pod)).collect();
        let pickers =
            up.iter().filter(|pod| label(pod, "app.kubernetes.io/component").ends_with("scheduler"));
        for picker in pickers {
            let revision = admitted(picker).expect("a picker admits one revision");
            for role in ["prefill", "decode"] {
                let has = |pod: &&Value| {
                    label(pod, "llm-d.ai/role") == role && label(pod, KV_REVISION) == revision.as_str()
                };
                assert!(up.iter().any(has), "{revision} has no {role} pod:\n{}", told(seen, version(pod)));
            }
            served.insert(revision);
        }
    }
    served
}

/// What a recording shows up to this version, a line for each change of a pod.
fn told(seen: &[Value], until: u64) -> String {
    let changes = seen.iter().filter(|pod| pod["kind"] == "Pod" && version(pod) <= until);
    let lines = changes.map(|pod| {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let ends = pod["metadata"].get("deletionTimestamp").map_or("", |_| "ends");
        let (revision, ready) = (label(pod, KV_REVISION), says(pod, "Ready", "status"));
        format!("{} {name} {revision} ready={ready} {ends}\n", version(pod))
    });
    lines.collect()
}

/// All pods of the service's model servers; there must be none of another revision.
fn revision_of_all(world: &World<'_>, count: usize) -> Result<String> {
    let pods = world.eventually("no old pod is left", PATIENCE, || {
        let mut pods = world.list("pods")?;
        pods.retain(|pod| !label(pod, KV_REVISION).is_empty());
        Ok((pods.len() == count).then_some(pods))
    })?;
    let revisions: BTreeSet<&str> = pods.iter().map(|pod| label(pod, KV_REVISION)).collect();
    assert_eq!(revisions.len(), 1, "{revisions:?}");
    Ok(revisions.into_iter().collect())
}

#[test]
fn at_every_step_the_admitted_revision_has_pods_of_both_roles() -> Result<()> {
    rolls_in_step(&Value::Null)
}

#[test]
fn at_every_step_the_admitted_revision_has_pods_of_both_roles_without_room_for_more() -> Result<()> {
    rolls_in_step(&json!({"maxSurge": 0, "maxUnavailable": 1}))
}

fn rolls_in_step(strategy: &Value) -> Result<()> {
    let world = World::with_operator()?;
    let before = ready(&world, &spec("v0.18.0", strategy))?;
    let old = revision_of_all(&world, 4)?;
    let recording = world.record(&["pods", "llmisvc"])?;

    let after = ready(&world, &spec("v0.19.0", strategy))?;
    let new = revision_of_all(&world, 4)?;
    assert_ne!(old, new);
    let seen = recording.up_to(&world, &after)?;
    assert_eq!(served(&seen, version(&before)), BTreeSet::from([old, new]));
    let waits =
        |it: &Value| says(it, "MainWorkloadReady", "message").contains("the endpoint picker admits revision");
    assert!(seen.iter().any(waits), "the status says what the roll waits for");
    for name in [DECODE, PREFILL] {
        let spec = &world.get("deployment", name)?["spec"];
        assert_eq!(
            (spec.get("minReadySeconds"), &spec["progressDeadlineSeconds"]),
            (None, &json!(600)),
            "{name}"
        );
    }

    let events = events(&world, SERVICE, "ModelServersRestart")?;
    assert_eq!(events.len(), 1, "{events:#?}");
    let message = events[0]["message"].as_str().unwrap_or_default();
    for part in ["prefill: ", "decode: ", "containers[main].image"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("v0.19.0"), "{message}");
    Ok(())
}

#[test]
fn groups_take_over_together_too() -> Result<()> {
    let world = World::with_operator()?;
    let before = ready(&world, &groups("v0.18.0"))?;
    let old = revision_of_all(&world, 8)?;
    let recording = world.record(&["pods"])?;
    ready(&world, &groups("v0.19.0"))?;
    let new = revision_of_all(&world, 8)?;
    assert_ne!(old, new);
    assert_eq!(served(&recording.so_far(), version(&before)), BTreeSet::from([old, new]));
    let set = world.get("leaderworkerset", "pair-kserve-mn")?;
    assert_eq!(set["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]["partition"], 0);
    Ok(())
}

#[test]
fn pods_that_do_not_start_leave_the_old_ones_serving_and_a_way_back() -> Result<()> {
    let world = World::with_operator()?;
    let before = ready(&world, &spec("v0.18.0", &Value::Null))?;
    let old = revision_of_all(&world, 4)?;
    let recording = world.record(&["pods"])?;
    let mut broken = spec("v0.19.0", &Value::Null);
    // No node has it, so decode never starts; prefill does.
    broken["template"]["nodeSelector"] = json!({"example.com/none": "there"});
    world.apply(&service(&broken))?;
    let told = |it: Option<&Value>| {
        it.is_some_and(|it| {
            says(it, "MainWorkloadReady", "message")
                .contains("ready in both roles: prefill 1 of 1, decode 0 of 1")
        })
    };
    let waiting = world.until("llmisvc", SERVICE, "waits for decode", told, ROLL)?.context("a service")?;
    assert_eq!(says(&waiting, "Ready", "status"), "False");

    let after = ready(&world, &spec("v0.18.0", &Value::Null))?;
    assert_eq!(revision_of_all(&world, 4)?, old);
    assert!(version(&after) > version(&before));
    assert_eq!(served(&recording.so_far(), version(&before)), BTreeSet::from([old]));
    Ok(())
}

/// When pods of a role were first seen with the annotation, and when all were ready with it.
fn restarted(seen: &[Value], role: &str, at: &str) -> (Option<u64>, Option<u64>) {
    let is_its = |pod: &&Value| label(pod, "llm-d.ai/role") == role;
    let mut pods: BTreeMap<&str, bool> = BTreeMap::new();
    let (mut first, mut all) = (None, None);
    for pod in seen.iter().filter(is_its) {
        let is_new = pod["metadata"]["annotations"][RESTARTED_AT] == at;
        first = first.or(is_new.then(|| version(pod)));
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        if pod["metadata"].get("deletionTimestamp").is_some() {
            pods.remove(name);
        } else {
            pods.insert(name, is_new && is_up(pod));
        }
        let done = pods.len() == 2 && pods.values().all(|is_done| *is_done);
        all = all.or(done.then(|| version(pod)));
    }
    (first, all)
}

#[test]
fn a_restart_annotation_restarts_prefill_and_then_decode() -> Result<()> {
    let world = World::with_operator()?;
    ready(&world, &spec("v0.18.0", &Value::Null))?;
    let revision = revision_of_all(&world, 4)?;
    let recording = world.record(&["pods"])?;
    let annotation = format!("{RESTARTED_AT}=monday");
    world.kubectl(&["annotate", "llmisvc", SERVICE, &annotation], None)?;
    let seen = world.eventually("decode has restarted", ROLL, || {
        let seen = recording.so_far();
        Ok(restarted(&seen, "decode", "monday").1.is_some().then_some(seen))
    })?;
    let (_, prefill) = restarted(&seen, "prefill", "monday");
    let (decode, _) = restarted(&seen, "decode", "monday");
    assert!(prefill.is_some() && prefill < decode, "{prefill:?} {decode:?}");
    assert_eq!(revision_of_all(&world, 4)?, revision);
    Ok(())
}

#[test]
fn a_restart_by_kubectl_outlives_what_is_applied_afterwards() -> Result<()> {
    let world = World::with_operator()?;
    ready(&world, &spec("v0.18.0", &Value::Null))?;
    let revision = revision_of_all(&world, 4)?;
    world.kubectl(&["rollout", "restart", "deployment", DECODE], None)?;
    let at = |deployment: &Value| {
        deployment["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].clone()
    };
    let restarted = at(&world.get("deployment", DECODE)?);
    assert!(restarted.is_string());
    let mut changed = spec("v0.18.0", &Value::Null);
    changed["template"]["containers"][0]["env"] = json!([{"name": "ROUND", "value": "2"}]);
    ready(&world, &changed)?;
    let decode = world.get("deployment", DECODE)?;
    assert_eq!(at(&decode), restarted);
    assert_eq!(container(&decode, "main")["image"], "vllm/vllm-openai:v0.18.0");
    assert_eq!(revision_of_all(&world, 4)?, revision);
    Ok(())
}
