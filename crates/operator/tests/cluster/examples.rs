//! Every example becomes Ready where Pod Security allows nothing but `restricted`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::{World, demo, documents, paths};
use serde_json::Value;

use crate::groups::groups;
use crate::look::{observed, says};

/// Examples whose pods need more than `restricted` grants, with the level that they need and why.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "deepseek-wide-ep",
    "privileged",
    "RDMA needs the capabilities IPC_LOCK, SYS_RAWIO and NET_RAW; its presets, named …-rdma, add them",
)];

/// Pods of LeaderWorkerSets by example: how many groups and how many pods in each, over both roles.
const GROUPS: [(&str, &str, [usize; 2]); 3] = [
    ("llama-405b-pipeline", "llama-405b-kserve-mn", [2, 4]),
    ("deepseek-wide-ep", "deepseek-r1-kserve-mn", [1, 2]),
    ("deepseek-wide-ep", "deepseek-r1-kserve-mn-prefill", [1, 2]),
];

/// All examples together, on a machine that does other things.
pub const ALL: Duration = Duration::from_mins(4);

/// The names of the stories in `examples/`.
pub fn names() -> Result<Vec<String>> {
    let folders = documents::stories(&paths::repository().join("examples"))?;
    let name = |it: &PathBuf| it.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: Vec<String> = folders.iter().filter_map(name).collect();
    ensure!(names.len() >= 14, "{names:?}");
    Ok(names)
}

/// Half of the cluster's GPUs go to all examples together, so only one test has them all at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALL: Mutex<()> = Mutex::new(());
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Applies an example and gives the names of its services.
pub fn apply(world: &World<'_>, name: &str) -> Result<Vec<String>> {
    let text = demo::example_text(&paths::repository().join("examples").join(name))?;
    world.apply(&text).with_context(|| format!("examples/{name}"))?;
    let objects = documents::parse(&text)?;
    let services = objects.iter().filter(|it| it["kind"] == "LLMInferenceService");
    let named = services.filter_map(|it| it["metadata"]["name"].as_str().map(str::to_owned));
    let named: Vec<String> = named.collect();
    ensure!(!named.is_empty(), "examples/{name} has no service");
    Ok(named)
}

/// Waits until all these services are Ready at their newest generation.
pub fn until_ready(world: &World<'_>, services: &[String]) -> Result<()> {
    for name in services {
        let ready =
            |it: Option<&Value>| it.is_some_and(|it| observed(it) && says(it, "Ready", "status") == "True");
        world.until("llmisvc", name, "Ready", ready, ALL)?;
    }
    Ok(())
}

fn level(example: &str) -> &'static str {
    EXCEPTIONS.iter().find(|it| it.0 == example).map_or("restricted", |it| it.1)
}

/// A world whose namespace enforces this level of Pod Security.
fn enforcing(level: &str) -> Result<World<'static>> {
    let world = World::with_operator()?;
    let label = format!("pod-security.kubernetes.io/enforce={level}");
    world.kubectl(&["label", "namespace", world.namespace(), &label], None)?;
    Ok(world)
}

#[test]
fn every_example_becomes_ready_under_restricted_pod_security() -> Result<()> {
    let _alone = alone();
    let names = names()?;
    for (exception, ..) in EXCEPTIONS {
        ensure!(names.iter().any(|name| name == exception), "there is no example {exception}");
    }
    for enforced in ["restricted", "privileged"] {
        let world = enforcing(enforced)?;
        let mut services = Vec::new();
        let mut count = 0;
        for name in names.iter().filter(|name| level(name) == enforced) {
            services.extend(apply(&world, name)?);
            count += 1;
        }
        ensure!(count > 0, "no example for {enforced}");
        until_ready(&world, &services)?;
        all_groups_are_whole(&world, enforced)?;
        let refused = refused_by_restricted(&world)?;
        ensure!(refused.is_empty() == (enforced == "restricted"), "at {enforced}: {refused}");
    }
    Ok(())
}

fn all_groups_are_whole(world: &World<'_>, enforced: &str) -> Result<()> {
    let pods = world.list("pods")?;
    for (_, set, [count, size]) in GROUPS.iter().filter(|it| level(it.0) == enforced) {
        let sizes: Vec<usize> = groups(&pods, set).values().map(BTreeSet::len).collect();
        assert_eq!(sizes, vec![*size; *count], "{set}");
    }
    Ok(())
}

/// What the API server says of the pods in a namespace when it is to enforce `restricted`.
fn refused_by_restricted(world: &World<'_>) -> Result<String> {
    let mut command = world.cluster().tool().command();
    command.args(["label", "--dry-run=server", "--overwrite", "namespace", world.namespace()]);
    let output = command.arg("pod-security.kubernetes.io/enforce=restricted").output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}
