//! What others change on children: ours comes back, theirs stays, and nothing is written without need.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::{
    PATIENCE, SOON, children, cluster_role_bindings, config, container, example, plain, says, until_ready_is,
    until_reason,
};

const DECODE: &str = "qwen-25-7b-kserve";

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn a_deleted_child_of_any_kind_comes_back_at_once() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("qwen-2.5-7b")?)?;
    let service = world.until_condition("llmisvc", "qwen-25-7b", "Ready", "True")?;
    let all = children(&world, &service)?;
    assert!(all.len() >= 14, "{} children", all.len());
    for child in &all {
        let (kind, name) = (text(child, "/kind").to_lowercase(), text(child, "/metadata/name"));
        world.delete(&kind, name)?;
        let again = |it: Option<&Value>| {
            it.is_some_and(|it| uid(it) != uid(child) && it["metadata"]["deletionTimestamp"].is_null())
        };
        world.until(&kind, name, "comes back", again, SOON)?;
    }
    let outside = cluster_role_bindings(&world)?;
    let name =
        outside.first().map(|it| text(it, "/metadata/name").to_owned()).context("a ClusterRoleBinding")?;
    world.kubectl(&["delete", "clusterrolebinding", &name], None)?;
    let again =
        || Ok(cluster_role_bindings(&world)?.iter().any(|it| uid(it) != uid(&outside[0])).then_some(()));
    world.eventually("the ClusterRoleBinding comes back", SOON, again)?;
    until_ready_is(&world, "qwen-25-7b", "True", PATIENCE)?;
    Ok(())
}

/// Kind, name, merge patch by hand, pointer to what it changes.
const EDITS: [(&str, &str, &str, &str); 6] = [
    ("deployment", DECODE, r#"{"spec": {"replicas": 5}}"#, "/spec/replicas"),
    (
        "deployment",
        DECODE,
        r#"{"metadata": {"labels": {"app.kubernetes.io/name": "mine"}}}"#,
        "/metadata/labels",
    ),
    (
        "service",
        "qwen-25-7b-kserve-workload-svc",
        r#"{"spec": {"selector": {"llm-d.ai/role": "prefill"}}}"#,
        "/spec/selector",
    ),
    ("role", "qwen-25-7b-epp-role", r#"{"rules": []}"#, "/rules"),
    (
        "httproute",
        "qwen-25-7b-kserve-route",
        r#"{"spec": {"parentRefs": [{"name": "elsewhere"}]}}"#,
        "/spec/parentRefs",
    ),
    (
        "inferencepool",
        "qwen-25-7b-inference-pool",
        r#"{"spec": {"targetPorts": [{"number": 81}]}}"#,
        "/spec/targetPorts",
    ),
];

#[test]
fn a_field_edited_by_hand_is_set_back_at_once() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("qwen-2.5-7b")?)?;
    world.until_condition("llmisvc", "qwen-25-7b", "Ready", "True")?;
    for (kind, name, patch, pointer) in EDITS {
        let before = world.get(kind, name)?;
        world.patch(kind, name, "merge", patch)?;
        let back = |it: Option<&Value>| it.is_some_and(|it| it.pointer(pointer) == before.pointer(pointer));
        let after =
            world.until(kind, name, &format!("{pointer} is set back"), back, SOON)?.context("it is there")?;
        let version = |it: &Value| llmisvc_testkit::world::version(it);
        assert!(version(&after) > version(&before), "{kind} {name}: the edit was refused");
    }
    Ok(())
}

/// A service with a label, an environment variable and a port of its own, beside those of a config.
fn rich() -> String {
    let config = config(
        "extras",
        "{labels: {from: config}, template: {containers: [{name: main, env: [{name: CONFIG, value: a}]}]}}",
    );
    let service = plain("m").replace(
        "replicas: 1",
        "replicas: 1, baseRefs: [{name: extras}], labels: {team: a}, annotations: {note: a}, template: {containers: \
         [{name: main, env: [{name: OWN, value: a}], ports: [{name: debug, containerPort: 5005}]}]}",
    );
    format!("{config}---\n{service}")
}

fn env(deployment: &Value) -> BTreeMap<String, String> {
    let list = container(deployment, "main")["env"].as_array().cloned().unwrap_or_default();
    list.iter().map(|it| (text(it, "/name").to_owned(), text(it, "/value").to_owned())).collect()
}

fn ports(deployment: &Value) -> Vec<i64> {
    let ports = container(deployment, "main")["ports"].as_array().cloned().unwrap_or_default();
    ports.iter().filter_map(|it| it["containerPort"].as_i64()).collect()
}

// W-1, W-6, W-7, G-18, G-19
#[test]
fn what_is_taken_from_the_spec_goes_from_objects_that_were_created_by_post_and_what_is_foreign_stays()
-> Result<()> {
    let world = World::with_operator()?;
    world.apply(&rich())?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    let created = world.get("deployment", "m-kserve")?;
    let pod = |it: &Value| it["spec"]["template"]["metadata"]["labels"].clone();
    assert_eq!((&pod(&created)["team"], &pod(&created)["from"]), (&json!("a"), &json!("config")));
    assert!(ports(&created).contains(&5005) && env(&created).contains_key("OWN"), "{created:#}");
    assert!(created_only(&created), "the child was not created by POST");
    add_foreign(&world)?;

    let bare = r#"{"spec": {"labels": null, "annotations": null, "template": null}}"#;
    world.patch("llmisvc", "m", "merge", bare)?;
    world.patch(
        "llminferenceserviceconfig",
        "extras",
        "merge",
        r#"{"spec": {"labels": null, "template": null}}"#,
    )?;
    let gone = |it: Option<&Value>| {
        it.is_some_and(|it| {
            let (pod, env) = (pod(it), env(it));
            pod["team"].is_null()
                && pod["from"].is_null()
                && it["spec"]["template"]["metadata"]["annotations"]["note"].is_null()
                && !env.contains_key("OWN")
                && !env.contains_key("CONFIG")
                && !ports(it).contains(&5005)
        })
    };
    world.until("deployment", "m-kserve", "label, variable and port are gone", gone, SOON)?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    let live = world.get("deployment", "m-kserve")?;
    assert_eq!(live["metadata"]["labels"]["mine"], "stays");
    assert_eq!(live["metadata"]["annotations"]["mine"], "stays");
    assert_eq!(env(&live).get("MINE").map(String::as_str), Some("stays"));
    Ok(())
}

/// Nobody has applied anything to it yet.
fn created_only(object: &Value) -> bool {
    object["metadata"]["generation"] == 1
}

fn add_foreign(world: &World<'_>) -> Result<()> {
    let patch = r#"{"metadata": {"labels": {"mine": "stays"}, "annotations": {"mine": "stays"}},
        "spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "MINE", "value": "stays"}]}]}}}}"#;
    world.patch("deployment", "m-kserve", "strategic", patch)?;
    world.until_condition("llmisvc", "m", "Ready", "True").map(drop)
}

// W-7
#[test]
fn a_rollout_restart_survives_the_next_update() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&plain("m").replace("replicas: 1", "replicas: 1, parallelism: {tensor: 1}"))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    world.kubectl(&["rollout", "restart", "deployment/m-kserve"], None)?;
    let at = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
    let restarted = text(&world.get("deployment", "m-kserve")?, at).to_owned();
    assert!(!restarted.is_empty());
    world.patch("llmisvc", "m", "merge", r#"{"spec": {"parallelism": {"tensor": 2}}}"#)?;
    let two = |it: Option<&Value>| {
        it.is_some_and(|it| container(it, "main")["resources"]["limits"]["nvidia.com/gpu"] == "2")
    };
    let updated = world.until("deployment", "m-kserve", "two GPUs", two, SOON)?.context("it is there")?;
    assert_eq!(text(&updated, at), restarted);
    Ok(())
}

#[test]
fn a_second_pass_writes_nothing() -> Result<()> {
    // G-2
    let world = World::with_operator()?;
    world.apply(&example("qwen-2.5-7b")?)?;
    world.until_condition("llmisvc", "qwen-25-7b", "Ready", "True")?;
    world.until_quiet(Duration::from_secs(4), PATIENCE)?;
    let before = world.versions()?;
    // Brings about a pass: metadata of the service changes, and nothing that anything is made from. A second
    // service that becomes Ready in between shows that the operator was not idle.
    world.kubectl(&["annotate", "llmisvc", "qwen-25-7b", "example.com/touched=yes"], None)?;
    world.apply(&plain("other"))?;
    world.until_condition("llmisvc", "other", "Ready", "True")?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    let after = world.versions()?;
    let changed: Vec<&String> =
        before.iter().filter(|(name, version)| after.get(*name) != Some(version)).map(|it| it.0).collect();
    assert_eq!(changed, [&format!("LLMInferenceService {}/qwen-25-7b", world.namespace())]);
    Ok(())
}

// W-5. Takes half a minute: objects of others carry no label that a watch selects, so a name that is held is looked
// at again by a timer of 30 s.
#[test]
fn a_child_name_that_somebody_else_holds_is_left_alone_and_told() -> Result<()> {
    let world = World::with_operator()?;
    let theirs = "{apiVersion: v1, kind: Service, metadata: {name: m-kserve-workload-svc}, spec: {ports: [{port: 1}]}}";
    world.apply(theirs)?;
    let before = world.get("service", "m-kserve-workload-svc")?;
    world.apply(&plain("m"))?;
    let found = until_reason(&world, "m", "MainWorkloadReady", "ReconcileWorkloadServiceError", PATIENCE)?;
    let message = says(&found, "MainWorkloadReady", "message");
    assert!(
        message.contains("m-kserve-workload-svc exists and is not controlled by this service"),
        "{message}"
    );
    assert_eq!(world.get("service", "m-kserve-workload-svc")?, before);
    world.kubectl(&["delete", "service", "m-kserve-workload-svc"], None)?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    Ok(())
}
