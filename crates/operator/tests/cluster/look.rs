//! What several tests look at.

use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::{World, demo, paths};
use serde_json::{Value, json};

/// Status and children follow a change within this time.
pub const SOON: Duration = Duration::from_secs(5);
/// Pods come and go on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The kinds that the operator makes.
pub const CHILDREN: &str = "secrets,serviceaccounts,roles,rolebindings,services,deployments.apps,\
     inferencepools.inference.networking.k8s.io,httproutes.gateway.networking.k8s.io";

/// The objects of an example.
pub fn example(name: &str) -> Result<String> {
    demo::example_text(&paths::repository().join("examples").join(name))
}

/// A service with one GPU and no router.
pub fn plain(name: &str) -> String {
    format!(
        "apiVersion: serving.kserve.io/v1alpha2\nkind: LLMInferenceService\nmetadata: {{name: {name}}}\n\
         spec: {{model: {{uri: 'hf://org/{name}'}}, replicas: 1}}\n"
    )
}

/// A config of this name with this spec.
pub fn config(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: serving.kserve.io/v1alpha2\nkind: LLMInferenceServiceConfig\nmetadata: {{name: {name}}}\n\
         spec: {spec}\n"
    )
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|it| it["type"] == kind)
}

/// A field of a condition; empty when there is no such condition.
pub fn says<'a>(object: &'a Value, kind: &str, field: &str) -> &'a str {
    condition(object, kind).and_then(|it| it[field].as_str()).unwrap_or_default()
}

/// Waits until a condition of the service has this reason, and gives the service.
pub fn until_reason(
    world: &World<'_>,
    name: &str,
    kind: &str,
    reason: &str,
    within: Duration,
) -> Result<Value> {
    let holds = |it: Option<&Value>| it.is_some_and(|it| observed(it) && says(it, kind, "reason") == reason);
    let found = world.until("llmisvc", name, &format!("{kind} because of {reason}"), holds, within)?;
    found.context("the service is there")
}

/// Waits for the Ready condition of the service's newest generation, within the time that status may lag.
pub fn until_ready_is(world: &World<'_>, name: &str, status: &str, within: Duration) -> Result<Value> {
    let holds =
        |it: Option<&Value>| it.is_some_and(|it| observed(it) && says(it, "Ready", "status") == status);
    let found = world.until("llmisvc", name, &format!("Ready={status}"), holds, within)?;
    found.context("the service is there")
}

/// The status speaks of the newest generation.
pub fn observed(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// A container of a Deployment's pods; init containers count.
pub fn container<'a>(deployment: &'a Value, name: &str) -> &'a Value {
    let pod = &deployment["spec"]["template"]["spec"];
    let lists = ["containers", "initContainers"].map(|list| pod[list].as_array());
    let found = lists.into_iter().flatten().flatten().find(|it| it["name"] == name);
    found.unwrap_or(&Value::Null)
}

/// The value that follows a flag in the arguments.
pub fn flag<'a>(container: &'a Value, name: &str) -> &'a str {
    let args: Vec<&str> =
        container["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let at = args.iter().position(|arg| *arg == name);
    at.and_then(|at| args.get(at + 1).copied()).unwrap_or_default()
}

/// The children of a service, as `kind/name`; cluster-scoped ones too.
pub fn children(world: &World<'_>, service: &Value) -> Result<Vec<Value>> {
    let selector = "app.kubernetes.io/part-of=llminferenceservice";
    let text = world.kubectl(&["get", CHILDREN, "-l", selector, "-o", "json"], None)?;
    let list: Value = serde_json::from_str(&text).context("kubectl get")?;
    let owned = |it: &&Value| it["metadata"]["ownerReferences"][0]["uid"] == service["metadata"]["uid"];
    Ok(list["items"].as_array().into_iter().flatten().filter(owned).cloned().collect())
}

/// ClusterRoleBindings that belong to services of this world.
pub fn cluster_role_bindings(world: &World<'_>) -> Result<Vec<Value>> {
    let selector = format!("llmisvc.io/namespace={}", world.namespace());
    let text = world.kubectl(&["get", "clusterrolebindings", "-l", &selector, "-o", "json"], None)?;
    let mut list: Value = serde_json::from_str(&text).context("kubectl get")?;
    Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

/// The events about a service with this reason.
pub fn events(world: &World<'_>, name: &str, reason: &str) -> Result<Vec<Value>> {
    let mut events = world.list("events")?;
    events.retain(|it| it["involvedObject"]["name"] == name && it["reason"] == reason);
    Ok(events)
}

/// Makes these pods ready, or not. Nothing writes a pod's Ready condition again after KWOK has made it run.
pub fn pods_are(world: &World<'_>, pods: &[Value], ready: &str) -> Result<()> {
    let conditions = ["Ready", "ContainersReady"].map(|kind| json!({"type": kind, "status": ready}));
    let patch = json!({"status": {"conditions": conditions}}).to_string();
    for pod in pods {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        world.kubectl(
            &["patch", "pod", name, "--subresource=status", "--type=strategic", "-p", &patch],
            None,
        )?;
    }
    Ok(())
}
