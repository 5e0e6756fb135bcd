//! Services of groups of pods, with the real LeaderWorkerSet controller.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::look::{PATIENCE, events, example, says, until_ready_is, until_reason};

const GROUP: &str = "leaderworkerset.sigs.k8s.io/group-index";
const INDEX: &str = "leaderworkerset.sigs.k8s.io/worker-index";
const SET: &str = "leaderworkerset.sigs.k8s.io/name";

fn label<'a>(pod: &'a Value, key: &str) -> &'a str {
    pod["metadata"]["labels"][key].as_str().unwrap_or_default()
}

/// Pods of each group of a LeaderWorkerSet, by the group's index: the indices of the pods.
pub fn groups(pods: &[Value], set: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| label(pod, SET) == set) {
        groups.entry(label(pod, GROUP).to_owned()).or_default().insert(label(pod, INDEX).to_owned());
    }
    groups
}

fn indices(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(ToString::to_string).collect()
}

/// What the pool's selector matches, as `set/index`.
fn endpoints(world: &World<'_>, pool: &str, pods: &[Value]) -> Result<Vec<String>> {
    let pool = world.get("inferencepool", pool)?;
    let wanted = pool["spec"]["selector"]["matchLabels"].as_object().context("a selector")?;
    let matches = |pod: &&Value| wanted.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value);
    let names = pods.iter().filter(matches).map(|pod| format!("{}/{}", label(pod, SET), label(pod, INDEX)));
    let mut names: Vec<String> = names.filter(|name| name != "/").collect();
    names.sort();
    Ok(names)
}

fn main_of(pod: &Value) -> &Value {
    let all = pod["spec"]["containers"].as_array();
    all.into_iter().flatten().find(|it| it["name"] == "main").unwrap_or(&Value::Null)
}

#[test]
// W-12, W-19
fn a_405b_pipeline_is_two_groups_of_four_whose_leaders_answer() -> Result<()> {
    let world = World::with_operator()?;
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    world.kubectl(&["label", "namespace", world.namespace(), restricted], None)?;
    world.apply(&example("llama-405b-pipeline")?)?;
    let service = world.until_condition("llmisvc", "llama-405b", "Ready", "True")?;

    let pods = world.list("pods")?;
    let set = "llama-405b-kserve-mn";
    let four = indices(&["0", "1", "2", "3"]);
    let expected = BTreeMap::from([("0".to_owned(), four.clone()), ("1".to_owned(), four)]);
    assert_eq!(groups(&pods, set), expected);
    let nodes: BTreeSet<&str> = pods
        .iter()
        .filter(|pod| label(pod, SET) == set)
        .filter_map(|pod| pod["spec"]["nodeName"].as_str())
        .collect();
    assert_eq!(nodes.len(), 8, "eight GPUs are a node: {nodes:?}");
    let leader = format!("{set}/0");
    assert_eq!(endpoints(&world, "llama-405b-inference-pool", &pods)?, [leader.clone(), leader]);

    assert_eq!(says(&service, "WorkerWorkloadReady", "status"), "True");
    assert_eq!(says(&service, "MainWorkloadReady", "status"), "", "there is no Deployment of model servers");
    let primary = json!({"apiGroup": "leaderworkerset.x-k8s.io", "kind": "LeaderWorkerSet", "name": set, "replicas": 2, "readyReplicas": 2});
    assert_eq!(service["status"]["workloads"]["primary"], primary);
    the_start_and_the_end_of_a_change_are_told(&world)
}

/// Its pods are all of the new template when the service says that it is Ready.
// W-8
fn the_start_and_the_end_of_a_change_are_told(world: &World<'_>) -> Result<()> {
    let env = json!([{"name": "ROUND", "value": "2"}]);
    let pod = |gpus: &Value| json!({"containers": [{"name": "main", "env": env, "resources": gpus}]});
    let before = world.get("llmisvc", "llama-405b")?;
    let gpus = &before["spec"]["template"]["containers"][0]["resources"];
    let patch = json!({"spec": {"template": pod(gpus), "worker": pod(gpus)}});
    world.patch("llmisvc", "llama-405b", "merge", &patch.to_string())?;
    let ready = until_ready_is(world, "llama-405b", "True", PATIENCE)?;
    assert_ne!(ready["metadata"]["generation"], before["metadata"]["generation"]);
    // None of the old ones is left. The controller of LeaderWorkerSets sometimes makes a group anew once more, when the
    // garbage collector is late with what belonged to the old one.
    let new = |pod: &Value| main_of(pod)["env"].as_array().is_some_and(|all| all.contains(&env[0]));
    let there = |pods: Vec<Value>| {
        let of_the_set = pods.into_iter().filter(|pod| label(pod, SET) == "llama-405b-kserve-mn");
        of_the_set.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect::<Vec<_>>()
    };
    let pods = there(world.list("pods")?);
    assert!(!pods.is_empty() && pods.iter().all(new), "{pods:#?}");
    let all = || Ok((there(world.list("pods")?).iter().filter(|pod| new(pod)).count() == 8).then_some(()));
    world.eventually("eight new pods", PATIENCE, all)
}

#[test]
fn wide_expert_parallelism_is_a_group_for_each_role_and_stops_and_starts() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("deepseek-wide-ep")?)?;
    let service = world.until_condition("llmisvc", "deepseek-r1", "Ready", "True")?;
    let (decode, prefill) = ("deepseek-r1-kserve-mn", "deepseek-r1-kserve-mn-prefill");
    let pods = world.list("pods")?;
    let group = BTreeMap::from([("0".to_owned(), indices(&["0", "1"]))]);
    for set in [decode, prefill] {
        assert_eq!(groups(&pods, set), group, "{set}");
    }
    let leaders = [format!("{prefill}/0"), format!("{decode}/0")];
    let mut found = endpoints(&world, "deepseek-r1-inference-pool", &pods)?;
    found.sort_by_key(|name| !name.starts_with(prefill));
    assert_eq!(found, leaders);
    for pod in pods.iter().filter(|pod| !label(pod, SET).is_empty()) {
        let added = &main_of(pod)["securityContext"]["capabilities"]["add"];
        assert_eq!(*added, json!(["IPC_LOCK", "SYS_RAWIO", "NET_RAW"]));
        assert_eq!(pod["spec"]["serviceAccountName"], label(pod, SET));
    }
    for kind in ["WorkerWorkloadReady", "PrefillWorkerWorkloadReady"] {
        assert_eq!(says(&service, kind, "status"), "True", "{kind}");
    }
    stops_and_starts(&world, "deepseek-r1", &[decode, prefill])
}

// W-2
fn stops_and_starts(world: &World<'_>, service: &str, sets: &[&str]) -> Result<()> {
    world.kubectl(&["annotate", "llmisvc", service, "serving.kserve.io/stop=true"], None)?;
    let stopped = until_reason(world, service, "Ready", "Stopped", PATIENCE)?;
    for kind in ["WorkerWorkloadReady", "PrefillWorkerWorkloadReady"] {
        assert_eq!(says(&stopped, kind, "reason"), "Stopped", "{kind}");
    }
    for set in sets {
        for kind in ["leaderworkerset", "serviceaccount"] {
            world.until(kind, set, "is gone", |it| it.is_none(), PATIENCE)?;
        }
    }
    for (kind, name) in [("role", "deepseek-r1-kserve-mn-role"), ("rolebinding", "deepseek-r1-kserve-mn-rb")]
    {
        world.until(kind, name, "is gone", |it| it.is_none(), PATIENCE)?;
    }
    world.kubectl(&["annotate", "llmisvc", service, "serving.kserve.io/stop-"], None)?;
    until_ready_is(world, service, "True", PATIENCE)?;
    Ok(())
}

/// Prefill in groups of so many ranks, one in each pod.
const CONFIGS: &str = "llminferenceserviceconfigs";

fn ranks(data: i64) -> String {
    json!({"spec": {"prefill": {"parallelism": {"data": data, "dataLocal": 1}}}}).to_string()
}

/// The size comes from a config: that of a service's own cannot change.
const PREFILL: &str = "apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: grown}
spec:
  baseRefs: [{name: ranks}]
  model: {uri: 'hf://org/grown'}
  replicas: 1
  prefill: {replicas: 1}
  router: {scheduler: {}}
---
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceServiceConfig
metadata: {name: ranks}
spec:
  prefill:
    parallelism: {data: 4, dataLocal: 1}
    worker: {}
";

#[test]
fn a_change_that_sub_groups_do_not_allow_makes_the_set_anew_and_says_so() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(PREFILL)?;
    until_ready_is(&world, "grown", "True", PATIENCE)?;
    let name = "grown-kserve-mn-prefill";
    let seen = || -> Result<(Value, Value, Value)> {
        let set = world.get("leaderworkerset", name)?;
        let pods = &set["spec"]["leaderWorkerTemplate"];
        let sub_groups = pods["subGroupPolicy"]["subGroupSize"].clone();
        Ok((set["metadata"]["uid"].clone(), pods["size"].clone(), sub_groups))
    };
    let (first, size, sub_groups) = seen()?;
    assert_eq!((size, sub_groups), (json!(4), json!(4)));

    // Pods of two can't be in sub-groups of four.
    world.patch(CONFIGS, "ranks", "merge", &ranks(2))?;
    let small = || Ok(seen().ok().filter(|seen| seen.1 == 2).map(drop));
    world.eventually("a set of groups of two", PATIENCE, small)?;
    until_ready_is(&world, "grown", "True", PATIENCE)?;
    let (second, size, sub_groups) = seen()?;
    assert_ne!(second, first);
    assert_eq!((size, sub_groups), (json!(2), json!(2)));
    let told = events(&world, "grown", "Recreating")?;
    let message = format!(
        "LeaderWorkerSet {name} is deleted with its pods and created anew: its sub-groups can't be changed"
    );
    assert_eq!(told.iter().map(|it| it["message"].as_str()).collect::<Vec<_>>(), [Some(message.as_str())]);

    // Four are two sub-groups of two, so the set only changes.
    world.patch(CONFIGS, "ranks", "merge", &ranks(4))?;
    let large = || Ok(seen().ok().filter(|seen| seen.1 == 4));
    assert_eq!(world.eventually("groups of four", PATIENCE, large)?, (second, json!(4), json!(2)));
    until_ready_is(&world, "grown", "True", PATIENCE)?;
    let four = BTreeMap::from([("0".to_owned(), indices(&["0", "1", "2", "3"]))]);
    let grown = || Ok((groups(&world.list("pods")?, name) == four).then_some(()));
    world.eventually("a group of four", PATIENCE, grown)
}

#[test]
// W-16
fn without_leader_worker_sets_only_the_services_that_need_them_wait_and_they_go_on_by_themselves()
-> Result<()> {
    let cluster = Cluster::own("groups", Variant::WithoutLeaderWorkerSets)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?.watched_by(&operator);
    world.apply(&example("llama-405b-pipeline")?)?;
    world.apply(&example("basic-model")?)?;
    until_ready_is(&world, "basic-llm", "True", PATIENCE)?;
    let reason = "CRDNotFound";
    let waits = until_reason(&world, "llama-405b", "WorkerWorkloadReady", reason, PATIENCE)?;
    let message = says(&waits, "WorkerWorkloadReady", "message");
    assert!(message.contains("leaderworkersets.leaderworkerset.x-k8s.io"), "{message}");
    assert_eq!(says(&waits, "Ready", "message"), message);

    cluster.add_leader_worker_sets()?;
    let ready = until_ready_is(&world, "llama-405b", "True", PATIENCE)?;
    assert_eq!(ready["metadata"]["generation"], waits["metadata"]["generation"], "nobody touched it");
    assert_eq!(groups(&world.list("pods")?, "llama-405b-kserve-mn").len(), 2);
    Ok(())
}
