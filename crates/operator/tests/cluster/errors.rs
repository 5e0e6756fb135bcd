//! What a user gets told about a bad service, and that nobody else suffers from it.

use std::time::Duration;

use anyhow::Result;
use llmisvc_testkit::World;
use serde_json::Value;

use crate::look::{PATIENCE, SOON, config, observed, plain, says, until_ready_is, until_reason};

/// A service with this in its spec, beside a model and a replica.
fn with(name: &str, spec: &str) -> String {
    plain(name).replace("replicas: 1", spec)
}

/// Name, spec, configs it needs, reason and message of PresetsCombined.
fn bad(namespace: &str) -> Vec<(&'static str, String, &'static str, String)> {
    let args =
        |template: &str| format!("{{template: {{containers: [{{name: main, args: ['{template}']}}]}}}}");
    let from = |name: &str| format!("(from config {namespace}/{name})");
    vec![
        (
            "uri",
            String::new(),
            "InvalidRenderedConfig",
            "spec.model.uri: model has no uri: set spec.model.uri".into(),
        ),
        (
            "scheme",
            String::new(),
            "InvalidRenderedConfig",
            r#"spec.model.uri: unsupported scheme "abfs" in "abfs://b/m", supported: hf, s3, gs"#.into(),
        ),
        (
            "missing",
            String::new(),
            "ConfigNotFound",
            r#"spec.baseRefs[0].name: LLMInferenceServiceConfig "missing" not found in namespaces"#.into(),
        ),
        (
            "nothing",
            args("{{.Spec.Prefill.Replicas}}"),
            "CombineBaseError",
            format!(
                "spec.template.containers[main].args[0]: template does not render: nil pointer evaluating \
                     *v1alpha2.WorkloadSpec.Replicas; guard it with `if` {}",
                from("nothing")
            ),
        ),
        ("failing", args("{{index .Spec.BaseRefs 7}}"), "CombineBaseError", from("failing")),
    ]
}

fn service(name: &str) -> String {
    match name {
        "uri" => plain(name).replace("model: {uri: 'hf://org/uri'}", "model: {name: m}"),
        "scheme" => plain(name).replace("hf://org/scheme", "abfs://b/m"),
        _ => with(name, &format!("baseRefs: [{{name: {name}}}]")),
    }
}

#[test]
fn a_bad_service_is_told_what_to_do_and_the_others_go_on() -> Result<()> {
    let world = World::with_operator()?;
    let cases = bad(world.namespace());
    for (name, spec, ..) in &cases {
        let config = if spec.is_empty() { String::new() } else { config(name, spec) + "---\n" };
        world.apply(&(config + &service(name)))?;
    }
    world.apply(&plain("good"))?;
    for (name, _, reason, part) in &cases {
        let found = until_reason(&world, name, "PresetsCombined", reason, PATIENCE)?;
        let message = says(&found, "PresetsCombined", "message");
        assert!(message.contains(part.as_str()), "{name}: {message}\nlacks {part}");
        assert_eq!(says(&found, "PresetsCombined", "status"), "False");
        assert_eq!((says(&found, "Ready", "status"), says(&found, "Ready", "reason")), ("False", *reason));
        assert_eq!(world.find("deployment", &format!("{name}-kserve"))?, None);
    }
    until_ready_is(&world, "good", "True", PATIENCE)?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)
}

#[test]
fn a_config_that_can_be_right_for_no_service_is_refused_and_one_that_can_is_taken() -> Result<()> {
    let world = World::with_operator()?;
    let args =
        |arg: &str| config("c", &format!("{{template: {{containers: [{{name: main, args: ['{arg}']}}]}}}}"));
    let message = world.refuses(&args("{{upper .Name}}"))?;
    let part =
        "spec.template.containers[main].args[0]: template does not parse: function \"upper\" not defined";
    assert!(message.contains(part), "{message}");
    world.apply(&args("{{.Spec.Prefill.Replicas}}"))
}

#[test]
fn the_api_server_refuses_values_of_unknown_kinds() -> Result<()> {
    let world = World::with_operator()?;
    let cases = [
        ("replicas: many", "spec.replicas"),
        ("parallelism: {expert: 16}", "spec.parallelism.expert"),
        ("parallelism: {tensor: 0}", "spec.parallelism.tensor"),
        ("router: {route: {http: {spec: {rules: [{timeouts: {request: soon}}]}}}}", "timeouts.request"),
    ];
    for (spec, field) in cases {
        let message = world.refuses(&with("m", spec))?;
        assert!(message.contains(field), "{spec}: {message}");
    }
    Ok(())
}

#[test]
fn children_of_a_service_whose_spec_becomes_bad_are_left_alone() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&config("base", "{replicas: 1}"))?;
    world.apply(&with("m", "baseRefs: [{name: base}], router: {route: {}, gateway: {}}"))?;
    world.until_condition("llmisvc", "m", "Ready", "True")?;
    world.until_quiet(Duration::from_secs(4), PATIENCE)?;
    let children = |world: &World<'_>| -> Result<Vec<(String, String)>> {
        let all = world.versions()?.into_iter();
        Ok(all.filter(|(name, _)| !name.starts_with("LLMInferenceService")).collect())
    };
    let before = children(&world)?;
    assert!(before.len() >= 7, "{before:?}");
    let bad = [
        (r#"{"spec": {"model": {"uri": "abfs://b/m"}}}"#, "InvalidRenderedConfig"),
        (r#"{"spec": {"model": {"uri": "hf://org/m"}, "baseRefs": [{"name": "gone"}]}}"#, "ConfigNotFound"),
    ];
    for (patch, reason) in bad {
        world.patch("llmisvc", "m", "merge", patch)?;
        let found = until_reason(&world, "m", "PresetsCombined", reason, SOON)?;
        assert_eq!(says(&found, "Ready", "reason"), reason);
        assert_eq!(says(&found, "MainWorkloadReady", "status"), "True", "it still serves: {found:#}");
        assert_eq!(
            found["status"]["url"],
            serde_json::json!(format!("http://203.0.113.1/{}/m", world.namespace()))
        );
        world.until_quiet(Duration::from_secs(1), PATIENCE)?;
        assert_eq!(children(&world)?, before);
    }
    Ok(())
}

#[test]
fn what_the_api_server_refuses_is_told_with_its_field_and_the_others_go_on() -> Result<()> {
    let world = World::with_operator()?;
    let pod =
        "template: {containers: [{name: main, ports: [{name: THIS_IS_NO_PORT_NAME, containerPort: 99999}]}]}";
    world.apply(&with("nonsense", pod))?;
    world.apply(&plain("good"))?;
    let told = |it: Option<&Value>| {
        it.is_some_and(|it| {
            observed(it) && says(it, "MainWorkloadReady", "reason") == "ReconcileSingleNodeWorkloadError"
        })
    };
    let found = world.until("llmisvc", "nonsense", "the refusal", told, PATIENCE)?.unwrap_or_default();
    let message = says(&found, "MainWorkloadReady", "message");
    for part in ["the API server refused Deployment", "nonsense-kserve", "containerPort", "99999"] {
        assert!(message.contains(part), "{part} is missing: {message}");
    }
    until_ready_is(&world, "good", "True", PATIENCE)?;
    // Not hammered: what was refused is sent again only when something changes.
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    world.patch("llmisvc", "nonsense", "merge", r#"{"spec": {"template": null}}"#)?;
    until_ready_is(&world, "nonsense", "True", PATIENCE)?;
    Ok(())
}

#[test]
fn accelerators_that_contradict_the_parallelism_are_told_with_both_numbers() -> Result<()> {
    let world = World::with_operator()?;
    let pod = "parallelism: {tensor: 4}, template: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: '2'}}}]}";
    world.apply(&with("m", pod))?;
    let found = until_reason(&world, "m", "SpecIgnored", "ConfigurationWarnings", PATIENCE)?;
    let message = says(&found, "SpecIgnored", "message");
    assert!(message.contains("requests 2 nvidia.com/gpu, but the parallelism needs 4"), "{message}");
    // A warning: it runs as the user wants it.
    until_ready_is(&world, "m", "True", PATIENCE)?;
    world.patch("llmisvc", "m", "merge", r#"{"spec": {"parallelism": {"tensor": 2}}}"#)?;
    let told_no_more = |it: Option<&Value>| {
        it.is_some_and(|it| observed(it) && says(it, "SpecIgnored", "message").is_empty())
    };
    world.until("llmisvc", "m", "no warning", told_no_more, SOON)?;
    Ok(())
}
