//! The status follows what children, gateways, routes, pools and configs say, without any resync.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::{
    PATIENCE, SOON, condition, config, events, example, plain, pods_are, says, until_ready_is, until_reason,
};

/// Writes a condition of an object's status in all its parents, for the current generation.
fn answer(world: &World<'_>, kind: &str, name: &str, status: &str) -> Result<()> {
    let mut parents = world.get(kind, name)?["status"]["parents"].take();
    for parent in parents.as_array_mut().into_iter().flatten() {
        for condition in parent["conditions"].as_array_mut().into_iter().flatten() {
            if condition["type"] == "Accepted" {
                condition["status"] = json!(status);
                condition["reason"] =
                    json!(if status == "True" { "Accepted" } else { "NotAllowedByListeners" });
            }
        }
    }
    let patch = json!({"status": {"parents": parents}}).to_string();
    world
        .kubectl(&["patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch], None)
        .map(drop)
}

fn qwen() -> Result<World<'static>> {
    let world = World::with_operator()?;
    world.apply(&example("qwen-2.5-7b")?)?;
    world.until_condition("llmisvc", "qwen-25-7b", "Ready", "True")?;
    Ok(world)
}

#[test]
fn a_route_and_a_pool_that_are_no_longer_accepted_are_told_within_seconds() -> Result<()> {
    let world = qwen()?;
    let cases = [
        ("httproute", "qwen-25-7b-kserve-route", "HTTPRoutesReady", "HTTPRoutesNotReady"),
        ("inferencepool", "qwen-25-7b-inference-pool", "InferencePoolReady", "InferencePoolNotReady"),
    ];
    for (kind, name, shown_by, reason) in cases {
        let before = world.get("llmisvc", "qwen-25-7b")?;
        answer(&world, kind, name, "False")?;
        let service = until_reason(&world, "qwen-25-7b", shown_by, reason, SOON)?;
        assert!(says(&service, shown_by, "message").contains("NotAllowedByListeners"), "{service:#}");
        assert_eq!((says(&service, "Ready", "status"), says(&service, "Ready", "reason")), ("False", reason));
        assert_eq!(says(&service, "WorkloadsReady", "status"), "True");
        answer(&world, kind, name, "True")?;
        let after = until_ready_is(&world, "qwen-25-7b", "True", SOON)?;
        let since = |it: &Value, kind: &str| condition(it, kind).map(|it| it["lastTransitionTime"].clone());
        assert_eq!(since(&before, "PresetsCombined"), since(&after, "PresetsCombined"));
    }
    Ok(())
}

#[test]
fn pods_that_are_no_longer_ready_are_told_within_seconds() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("basic-model")?)?;
    world.until_condition("llmisvc", "basic-llm", "Ready", "True")?;
    pods_are(&world, &world.list("pods")?, "False")?;
    let none = |it: Option<&Value>| {
        it.is_some_and(|it| says(it, "Ready", "message").starts_with("0 of 2 updated pods are ready"))
    };
    let service =
        world.until("llmisvc", "basic-llm", "no pod is ready", none, SOON)?.context("it is there")?;
    let ready = ["status", "reason"].map(|field| says(&service, "Ready", field));
    assert_eq!(ready, ["False", "MinimumReplicasUnavailable"]);
    world.eventually("the event that it is not Ready", SOON, || {
        let events = events(&world, "basic-llm", "LLMInferenceServiceNotReady")?;
        Ok((events.len() == 1).then_some(()))
    })?;
    pods_are(&world, &world.list("pods")?, "True")?;
    until_ready_is(&world, "basic-llm", "True", SOON)?;
    Ok(())
}

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: mine}\nspec: \
                       {gatewayClassName: localcluster, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";

// G-36
#[test]
fn a_gateway_may_come_after_the_service_and_go_before_it() -> Result<()> {
    let world = World::with_operator()?;
    let service = plain("m")
        .replace("replicas: 1", "replicas: 1, router: {gateway: {refs: [{name: mine}]}, route: {}}");
    world.apply(&service)?;
    let lost = until_reason(&world, "m", "GatewaysReady", "RefsInvalid", PATIENCE)?;
    let message = says(&lost, "GatewaysReady", "message");
    let told = format!(
        "Gateway {}/mine not found; create it or correct spec.router.gateway.refs",
        world.namespace()
    );
    assert_eq!(message, told);

    world.apply(GATEWAY)?;
    let ready = until_ready_is(&world, "m", "True", PATIENCE)?;
    assert_eq!(ready["status"]["url"], json!(format!("http://203.0.113.1/{}/m", world.namespace())));

    let broken = json!([{"type": "Programmed", "status": "False", "reason": "AddressNotAssigned", "message": "none left",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    let patch = json!({"status": {"conditions": broken}}).to_string();
    world
        .kubectl(&["patch", "gateway", "mine", "--subresource=status", "--type=merge", "-p", &patch], None)?;
    let unready = until_reason(&world, "m", "GatewaysReady", "GatewaysNotReady", SOON)?;
    assert!(says(&unready, "GatewaysReady", "message").contains("none left"), "{unready:#}");

    world.kubectl(&["delete", "gateway", "mine"], None)?;
    until_reason(&world, "m", "GatewaysReady", "RefsInvalid", SOON)?;
    assert!(world.find("deployment", "m-kserve")?.is_some(), "what runs is not taken down");
    Ok(())
}

#[test]
fn a_config_may_come_after_the_service() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&plain("m").replace("replicas: 1", "baseRefs: [{name: late}]"))?;
    let service = until_reason(&world, "m", "PresetsCombined", "ConfigNotFound", PATIENCE)?;
    let message = says(&service, "PresetsCombined", "message");
    assert!(
        message.starts_with("spec.baseRefs[0].name: LLMInferenceServiceConfig \"late\" not found"),
        "{message}"
    );
    assert_eq!(
        (says(&service, "Ready", "status"), says(&service, "Ready", "reason")),
        ("False", "ConfigNotFound")
    );
    world.apply(&config("late", "{replicas: 2}"))?;
    until_reason(&world, "m", "PresetsCombined", "", SOON)?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    assert_eq!(world.get("deployment", "m-kserve")?["spec"]["replicas"], 2);
    Ok(())
}

// C-14
#[test]
fn a_changed_config_rolls_the_services_that_use_it_and_no_others() -> Result<()> {
    let world = World::with_operator()?;
    let elsewhere = World::with_operator()?;
    let shared = |value: &str| {
        config(
            "shared",
            &format!("{{template: {{containers: [{{name: main, env: [{{name: A, value: '{value}'}}]}}]}}}}"),
        )
    };
    for place in [&world, &elsewhere] {
        place.apply(&shared("1"))?;
        place.apply(&plain("user").replace("replicas: 1", "baseRefs: [{name: shared}]"))?;
        place.apply(&plain("other"))?;
        for service in ["user", "other"] {
            place.until_condition("llmisvc", service, "Ready", "True")?;
        }
    }
    for place in [&world, &elsewhere] {
        place.until_quiet(Duration::from_secs(2), PATIENCE)?;
    }
    let (before, untouched) = (world.versions()?, elsewhere.versions()?);
    world.apply(&shared("2"))?;
    let second = |it: Option<&Value>| it.is_some_and(|it| it["metadata"]["generation"] == 2);
    world.until("deployment", "user-kserve", "rolls", second, SOON)?;
    until_ready_is(&world, "user", "True", PATIENCE)?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    let of_other = |versions: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        versions.clone().into_iter().filter(|(name, _)| name.contains("/other")).collect()
    };
    assert!(of_other(&before).len() >= 4, "{before:?}");
    assert_eq!(of_other(&world.versions()?), of_other(&before));
    assert_eq!(elsewhere.versions()?, untouched, "a config of the same name in another namespace");
    Ok(())
}

#[test]
fn the_status_tells_replicas_names_and_applied_configs() -> Result<()> {
    let world = qwen()?;
    let service = world.get("llmisvc", "qwen-25-7b")?;
    let status = &service["status"];
    assert_eq!(status["workloads"]["primary"]["name"], "qwen-25-7b-kserve");
    assert_eq!(status["workloads"]["primary"]["readyReplicas"], 2, "{status:#}");
    let configs = status["appliedConfigs"].as_array().context("appliedConfigs")?;
    assert!(configs.iter().all(|it| it["source"] == "Preset" && it["namespace"] == "kserve"), "{configs:?}");
    assert_eq!(status["observedGeneration"], service["metadata"]["generation"]);
    Ok(())
}
