//! The scale subresource, and who writes `replicas`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::{PATIENCE, SOON, config, plain, until_ready_is};
use crate::topologies::{becomes, service};

/// The autoscaler of the control plane looks every 15 s.
const NEXT_LOOK: Duration = Duration::from_secs(45);

fn scale(world: &World<'_>, name: &str) -> Result<Value> {
    let path = format!(
        "/apis/serving.kserve.io/v1alpha2/namespaces/{}/llminferenceservices/{name}/scale",
        world.namespace()
    );
    serde_json::from_str(&world.kubectl(&["get", "--raw", &path], None)?).context("a scale")
}

/// Waits until the scale says that this many replicas are wanted and there, and gives the pods that it selects.
fn until_scaled(world: &World<'_>, name: &str, replicas: i64) -> Result<Vec<String>> {
    let at = |scale: &Value, part: &str| scale[part]["replicas"].as_i64();
    let found = world.eventually(&format!("{replicas} replicas"), PATIENCE, || {
        let scale = scale(world, name)?;
        let reached = at(&scale, "spec") == Some(replicas) && at(&scale, "status") == Some(replicas);
        Ok(reached.then_some(scale))
    })?;
    let selector = found["status"]["selector"].as_str().context("a selector")?;
    let pods = world.kubectl(&["get", "pods", "-l", selector, "-o", "name"], None)?;
    Ok(pods.lines().map(str::to_owned).collect())
}

// E-12
#[test]
fn kubectl_scale_works_on_the_service() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&plain("m"))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    assert_eq!(until_scaled(&world, "m", 1)?.len(), 1);
    world.kubectl(&["scale", "llmisvc", "m", "--replicas=3"], None)?;
    assert_eq!(until_scaled(&world, "m", 3)?.len(), 3);
    let ready = until_ready_is(&world, "m", "True", PATIENCE)?;
    let primary = &ready["status"]["workloads"]["primary"];
    assert_eq!((&primary["replicas"], &primary["readyReplicas"]), (&json!(3), &json!(3)));
    assert_eq!(world.get("deployment", "m-kserve")?["spec"]["replicas"], 3);
    world.kubectl(&["annotate", "llmisvc", "m", "serving.kserve.io/stop=true"], None)?;
    world.until("deployment", "m-kserve", "is gone", |it| it.is_none(), PATIENCE)?;
    world.eventually("no replicas", SOON, || {
        Ok((scale(&world, "m")?["status"]["replicas"] == 0).then_some(()))
    })?;
    world.kubectl(&["annotate", "llmisvc", "m", "serving.kserve.io/stop-"], None)?;
    assert_eq!(until_scaled(&world, "m", 3)?.len(), 3);
    Ok(())
}

fn group(replicas: &Value) -> Value {
    let worker = json!({"containers": [{"name": "main"}]});
    json!({"replicas": replicas, "parallelism": {"pipeline": 2, "tensor": 1}, "worker": worker})
}

// E-12
#[test]
fn of_a_service_on_several_nodes_groups_are_scaled_and_their_leaders_selected() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&service(&group(&json!(1))))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    world.kubectl(&["scale", "llmisvc", "m", "--replicas=2"], None)?;
    let leaders = until_scaled(&world, "m", 2)?;
    assert_eq!(leaders, ["pod/m-kserve-mn-0", "pod/m-kserve-mn-1"]);
    Ok(())
}

// E-12. Takes up to half a minute: the autoscaler looks at its target every 15 s.
#[test]
fn an_autoscaler_of_kubernetes_can_read_the_scale_of_a_service() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&plain("m"))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "m"},
        "spec": {
            "minReplicas": 1, "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "name": "m"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
        },
    });
    world.apply(&autoscaler.to_string())?;
    let able = |it: Option<&Value>| {
        let conditions = it.and_then(|it| it["status"]["conditions"].as_array().cloned()).unwrap_or_default();
        conditions.iter().any(|c| c["type"] == "AbleToScale" && c["reason"] == "SucceededGetScale")
    };
    let found = world.until("hpa", "m", "has read the scale", able, NEXT_LOOK)?;
    assert_eq!(found.context("it is there")?["status"]["currentReplicas"], 1);
    Ok(())
}

/// What our field manager holds of an object.
fn ours(object: &Value) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let entry = entries.iter().find(|it| {
        it["manager"] == "llmisvc-operator" && it["subresource"].is_null() && it["operation"] == "Apply"
    });
    entry.map(|it| it["fieldsV1"]["f:spec"].clone()).unwrap_or_default()
}

/// The child with its managed fields, which kubectl leaves out by default.
fn whole(world: &World<'_>, kind: &str, name: &str) -> Result<Value> {
    let text = world.kubectl(&["get", kind, name, "-o", "json", "--show-managed-fields"], None)?;
    serde_json::from_str(&text).context("kubectl get")
}

/// Waits until the operator has applied to the child what it did not have before.
fn until_touched(world: &World<'_>, kind: &str, name: &str, before: &Value) -> Result<Value> {
    let hash = "/metadata/annotations/llmisvc.io~1applied";
    let touched = |it: Option<&Value>| it.is_some_and(|it| it.pointer(hash) != before.pointer(hash));
    world.until(kind, name, "is applied", touched, SOON)?;
    whole(world, kind, name)
}

/// Everything that can happen to the count of one child, one after the other. `at` is the member of the spec that has
/// `replicas`, none for the main workload.
fn one_writer(world: &World<'_>, (kind, name): (&str, &str), at: Option<&str>) -> Result<()> {
    let count = |it: &Value| it["spec"]["replicas"].as_i64();
    let patch = |member: Value| {
        let body = at.map_or_else(|| member.clone(), |at| json!({at: member}));
        world.patch("llmisvc", "m", "merge", &json!({"spec": body}).to_string())
    };
    let scaled = |replicas: i64| {
        world.kubectl(&["scale", kind, name, &format!("--replicas={replicas}")], None).map(drop)
    };

    // Nobody says a number: whoever scales does, and a later apply of ours leaves that.
    let created = whole(world, kind, name)?;
    assert_eq!(count(&created), Some(1));
    scaled(3)?;
    patch(json!({"labels": {"pass": "one"}}))?;
    until_touched(world, kind, name, &created)?;
    until_ready_is(world, "m", "True", PATIENCE)?;
    let kept = whole(world, kind, name)?;
    assert_eq!((count(&kept), ours(&kept)["f:replicas"].is_null()), (Some(3), true), "{name}: one");

    // The service says a number: it is written once, and set back when somebody else scales.
    patch(json!({"replicas": 2}))?;
    let given = until_touched(world, kind, name, &kept)?;
    assert_eq!((count(&given), ours(&given)["f:replicas"].is_null()), (Some(2), false), "{name}: two");
    let generation = |it: &Value| it["metadata"]["generation"].as_i64().unwrap_or_default();
    assert_eq!(generation(&given), generation(&kept) + 1, "{name}: written once");
    scaled(4)?;
    world.until(kind, name, "is set back", |it| it.and_then(count) == Some(2), SOON)?;

    // It says none any more: what was there last stays, and the field is let go, for others to write.
    until_ready_is(world, "m", "True", PATIENCE)?;
    let before = whole(world, kind, name)?;
    patch(json!({"replicas": null}))?;
    let left = until_touched(world, kind, name, &before)?;
    assert_eq!((count(&left), ours(&left)["f:replicas"].is_null()), (Some(2), true), "{name}: three");
    assert_eq!(left["spec"], before["spec"]);
    // One write at most, so that it never was another in between: of a Deployment annotations count, too.
    assert!(generation(&left) <= generation(&before) + 1, "{name}: its count never was another");
    scaled(5)?;
    patch(json!({"labels": {"pass": "two"}}))?;
    let after = until_touched(world, kind, name, &left)?;
    assert_eq!(count(&after), Some(5), "{name}: four");
    Ok(())
}

#[test]
fn replicas_of_deployments_have_one_writer() -> Result<()> {
    let world = World::with_operator()?;
    let spec =
        json!({"prefill": {}, "template": {"containers": [{"name": "main", "resources": {"limits": {}}}]}});
    world.apply(&service(&spec))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    one_writer(&world, ("deployment", "m-kserve"), None)?;
    one_writer(&world, ("deployment", "m-kserve-prefill"), Some("prefill"))
}

#[test]
fn replicas_of_leader_worker_sets_have_one_writer() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&service(&group(&Value::Null)))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    one_writer(&world, ("leaderworkerset", "m-kserve-mn"), None)
}

#[test]
fn a_count_that_a_config_gives_is_ours_as_well() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&config("two", "{replicas: 2}"))?;
    world.apply(&plain("m").replace("replicas: 1", "baseRefs: [{name: two}]"))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    world.kubectl(&["scale", "deployment", "m-kserve", "--replicas=4"], None)?;
    let two = |it: Option<&Value>| it.is_some_and(|it| it["spec"]["replicas"] == 2);
    world.until("deployment", "m-kserve", "is set back", two, SOON)?;
    becomes(&world, &json!({}))?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    assert_eq!(world.get("deployment", "m-kserve")?["spec"]["replicas"], 2);
    Ok(())
}
