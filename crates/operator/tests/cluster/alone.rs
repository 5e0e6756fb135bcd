//! What would disturb the others: restarts, an API server that goes away, the global ConfigMap. Each has a control
//! plane of its own, which takes some seconds to come up.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::look::{PATIENCE, SOON, cluster_role_bindings, container, example, plain, says, until_ready_is};

const EXAMPLES: [&str; 3] = ["basic-model", "template-variables", "qwen-2.5-7b"];

/// Without webhooks: services are changed here while no operator runs.
fn elected() -> operator::Options {
    let args = vec!["--leader-elect".to_owned()];
    operator::Options { args, webhooks: operator::Webhooks::Off, ..operator::Options::default() }
}

/// The sum of a counter over all labels that hold this value; over all labels when it is empty.
pub fn counted(metrics: &str, name: &str, value: &str) -> u64 {
    let wanted = format!("\"{value}\"");
    let lines =
        metrics.lines().filter(|line| line.starts_with(name) && (value.is_empty() || line.contains(&wanted)));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

/// Versions of all objects, those outside the namespace too.
fn versions(world: &World<'_>) -> Result<BTreeMap<String, String>> {
    let mut versions = world.versions()?;
    for binding in cluster_role_bindings(world)? {
        versions.insert(
            binding["metadata"]["name"].to_string(),
            binding["metadata"]["resourceVersion"].to_string(),
        );
    }
    Ok(versions)
}

#[test]
fn a_restart_over_settled_services_writes_nothing_and_catches_up_with_what_was_missed() -> Result<()> {
    // G-2
    let cluster = Cluster::own("restart", Variant::Full)?;
    let first = Operator::start(&cluster, &elected())?;
    let world = World::new(&cluster)?;
    for name in EXAMPLES {
        world.apply(&example(name)?)?;
    }
    let services = ["basic-llm", "templated-llm", "qwen-25-7b"];
    for name in services {
        world.until_condition("llmisvc", name, "Ready", "True")?;
    }
    world.until_quiet(Duration::from_secs(4), PATIENCE)?;
    let before = versions(&world)?;
    let writes = |metrics: &str| -> Vec<u64> {
        let verbs = ["created", "applied", "pruned", "refused"]
            .map(|verb| counted(metrics, "llmisvc_objects_total", verb));
        let others = ["llmisvc_status_writes_total", "llmisvc_config_writes_total", "llmisvc_events_total"];
        verbs.into_iter().chain(others.map(|name| counted(metrics, name, ""))).collect()
    };
    let made = writes(&first.metrics()?);
    ensure!(first.stop()?.success(), "SIGTERM ends it with 0");

    let second = Operator::start(&cluster, &elected())?;
    let looked = || Ok((counted(&second.metrics()?, "llmisvc_reconciles_total", "") >= 3).then_some(()));
    world.eventually("a pass over each service", PATIENCE, looked)?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    assert_eq!(versions(&world)?, before);
    let metrics = second.metrics()?;
    assert_eq!(writes(&metrics), [0; 7], "{metrics}");
    assert!(
        made[0] >= 20 && made[4] >= 3 && made[5] >= 17,
        "what is counted here is counted when it happens: {made:?}"
    );

    second.kill()?;
    world.kubectl(&["delete", "service", "basic-llm-kserve-workload-svc"], None)?;
    world.patch("llmisvc", "basic-llm", "merge", r#"{"spec": {"replicas": 3}}"#)?;
    world.delete("llmisvc", "qwen-25-7b")?;
    let alone = operator::Options { args: Vec::new(), ..elected() };
    let third = Operator::start(&cluster, &alone)?;
    until_ready_is(&world, "basic-llm", "True", PATIENCE)?;
    assert_eq!(world.get("deployment", "basic-llm-kserve")?["status"]["availableReplicas"], 3);
    world.get("service", "basic-llm-kserve-workload-svc")?;
    world.until("llmisvc", "qwen-25-7b", "is gone", |it| it.is_none(), PATIENCE)?;
    assert_eq!(cluster_role_bindings(&world)?, Vec::<Value>::new());
    ensure!(third.stop()?.success(), "SIGTERM ends it with 0");
    Ok(())
}

#[test]
fn an_api_server_that_goes_away_is_waited_for() -> Result<()> {
    let cluster = Cluster::own("away", Variant::Small)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?.watched_by(&operator);
    world.apply(&plain("before"))?;
    let there = |it: Option<&Value>| it.is_some();
    world.until("deployment", "before-kserve", "is created", there, PATIENCE)?;

    let server = cluster.part("kube-apiserver")?;
    server.kill()?;
    let down =
        || Ok((counted(&operator.metrics()?, "llmisvc_watch_interruptions_total", "") >= 1).then_some(()));
    world.eventually("the operator notices", PATIENCE, down)?;
    ensure!(operator.is_alive(), "it ended:\n{}", operator.logs());
    server.start()?;
    let answers = || Ok(cluster.kubectl(&["get", "--raw", "/readyz"], None).is_ok().then_some(()));
    world.eventually("the API server is back", PATIENCE, answers)?;
    goes_on(&world, "after-a-crash")?;

    server.freeze()?;
    let frozen = cluster.kubectl(&["get", "--raw", "/readyz", "--request-timeout=2s"], None);
    server.thaw()?;
    assert!(frozen.is_err(), "the API server answered while it was stopped");
    world.eventually("the API server is back", PATIENCE, answers)?;
    goes_on(&world, "after-a-freeze")?;
    ensure!(operator.is_alive() && operator.is_ready(), "it ended:\n{}", operator.logs());
    let lines =
        operator.logs().lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).count();
    ensure!(lines < 100, "{lines} warnings:\n{}", operator.logs());
    Ok(())
}

/// A new service gets its children, and one that was deleted in the meantime comes back.
fn goes_on(world: &World<'_>, name: &str) -> Result<()> {
    let before = world.get("deployment", "before-kserve")?;
    world.delete("deployment", "before-kserve")?;
    world.apply(&plain(name))?;
    world.until("deployment", &format!("{name}-kserve"), "is created", |it| it.is_some(), PATIENCE)?;
    let another =
        |it: Option<&Value>| it.is_some_and(|it| it["metadata"]["uid"] != before["metadata"]["uid"]);
    world.until("deployment", "before-kserve", "comes back", another, PATIENCE)?;
    let told = |it: Option<&Value>| it.is_some_and(|it| says(it, "PresetsCombined", "status") == "True");
    world.until("llmisvc", name, "has a status", told, PATIENCE).map(drop)
}

fn settings(storage: &str) -> String {
    let name = json!({"name": "inferenceservice-config", "namespace": "kserve"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"storageInitializer": storage}}).to_string()
}

fn memory(deployment: &Value) -> &Value {
    &container(deployment, "storage-initializer")["resources"]["limits"]["memory"]
}

fn has_memory(world: &World<'_>, service: &str, limit: &str) -> Result<Value> {
    let has = |it: Option<&Value>| it.is_some_and(|it| memory(it) == limit);
    let found = world.until("deployment", &format!("{service}-kserve"), limit, has, SOON)?;
    found.context("it is there")
}

// C-18, G-64
#[test]
fn the_global_config_map_may_be_absent_and_a_key_that_does_not_parse_changes_nothing() -> Result<()> {
    let cluster = Cluster::own("settings", Variant::Small)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?;
    world.apply(&plain("m"))?;
    world.until("deployment", "m-kserve", "is created", |it| it.is_some(), PATIENCE)?;
    has_memory(&world, "m", "16Gi")?;

    cluster.kubectl(&["apply", "-f", "-"], Some(&settings(r#"{"memoryLimit": "2Gi"}"#)))?;
    let good = has_memory(&world, "m", "2Gi")?;

    cluster.kubectl(&["apply", "-f", "-"], Some(&settings("{nonsense")))?;
    the_key_is_named(&world, "m")?;
    world.apply(&plain("later"))?;
    world.until("deployment", "later-kserve", "is created", |it| it.is_some(), PATIENCE)?;
    has_memory(&world, "later", "2Gi")?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    let same =
        |now: &Value| assert_eq!(now["metadata"]["generation"], good["metadata"]["generation"], "{now:#}");
    same(&world.get("deployment", "m-kserve")?);

    // A new process has never seen the good value.
    ensure!(operator.stop()?.success(), "SIGTERM ends it with 0");
    let second = Operator::start(&cluster, &operator::Options::default())?;
    let looked = || Ok((counted(&second.metrics()?, "llmisvc_reconciles_total", "") >= 2).then_some(()));
    world.eventually("a pass over each service", PATIENCE, looked)?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    same(&world.get("deployment", "m-kserve")?);

    cluster.kubectl(&["apply", "-f", "-"], Some(&settings(r#"{"memoryLimit": "3Gi"}"#)))?;
    has_memory(&world, "m", "3Gi")?;
    let told_no_more =
        |it: Option<&Value>| it.is_some_and(|it| says(it, "SpecIgnored", "message").is_empty());
    world.until("llmisvc", "m", "no warning", told_no_more, SOON)?;
    cluster.kubectl(&["delete", "configmap", "inferenceservice-config", "-n", "kserve"], None)?;
    has_memory(&world, "m", "16Gi").map(drop)
}

fn the_key_is_named(world: &World<'_>, service: &str) -> Result<()> {
    let told = |it: Option<&Value>| {
        it.is_some_and(|it| says(it, "SpecIgnored", "message").contains("storageInitializer"))
    };
    world.until("llmisvc", service, "SpecIgnored names the key", told, SOON).map(drop)
}

#[test]
fn counters_are_summed_over_their_labels() {
    let metrics = "# TYPE a counter\na_total{kind=\"K\",verb=\"x\"} 2\na_total{kind=\"L\",verb=\"x\"} 3\na_total{verb=\"y\"} 7\n";
    assert_eq!(counted(metrics, "a_total", "x"), 5);
    assert_eq!(counted(metrics, "a_total", ""), 12);
}
