//! The life of configs: who uses one, when it may go, presets of older releases, namespaces that end.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::presets::shipped;
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::alone::counted;
use crate::look::{
    PATIENCE, SOON, config, container, events, example, plain, says, until_ready_is, until_reason,
};

const KIND: &str = "llminferenceserviceconfigs";
const FINALIZER: &str = "serving.kserve.io/llmisvcconfig-finalizer";
const OLD: &str = "llmisvc-v0-0-1-config-llm-template";

fn user(name: &str, refs: &str) -> String {
    plain(name).replace("replicas: 1", &format!("baseRefs: [{refs}]"))
}

/// Waits until the config is used by these services and no others, and gives it.
fn until_used_by(world: &World<'_>, name: &str, services: &[&str]) -> Result<Value> {
    let of =
        |it: &Value| -> Vec<Value> { it["status"]["referencedBy"].as_array().cloned().unwrap_or_default() };
    let expected: Vec<Value> =
        services.iter().map(|name| json!({"namespace": world.namespace(), "name": name})).collect();
    let reason = if services.is_empty() { "NotInUse" } else { "InUse" };
    let holds = |it: Option<&Value>| {
        it.is_some_and(|it| of(it) == expected && says(it, "ConfigInUse", "reason") == reason)
    };
    let found = world.until(KIND, name, &format!("used by {services:?}"), holds, SOON)?;
    found.context("the config is there")
}

fn is_held(config: &Value) -> bool {
    config["metadata"]["finalizers"].as_array().into_iter().flatten().any(|f| f == FINALIZER)
}

fn until_gone(world: &World<'_>, kind: &str, name: &str, within: Duration) -> Result<()> {
    world.until(kind, name, "is gone", |it| it.is_none(), within).map(drop)
}

// E-41, E-40, G-17
#[test]
fn a_config_in_use_stays_until_its_last_user_lets_it_go() -> Result<()> {
    let world = World::with_operator()?;
    for name in ["first", "second"] {
        world.apply(&config(name, "{replicas: 1}"))?;
        assert!(!is_held(&until_used_by(&world, name, &[])?), "what nobody uses can always be deleted");
    }
    world.apply(&user("m", "{name: first}"))?;
    assert!(is_held(&until_used_by(&world, "first", &["m"])?));
    world.apply(&user("m", "{name: first}, {name: second}"))?;
    let second = until_used_by(&world, "second", &["m"])?;
    assert_eq!((is_held(&second), says(&second, "Ready", "status")), (true, "True"));

    world.delete(KIND, "second")?;
    let blocked =
        |it: Option<&Value>| it.is_some_and(|it| says(it, "ConfigInUse", "reason") == "DeletionBlocked");
    let held = world.until(KIND, "second", "the deletion waits", blocked, SOON)?.context("it is there")?;
    let message = says(&held, "ConfigInUse", "message").to_owned();
    assert_eq!(message, format!("deletion waits for 1 LLMInferenceService(s): {}/m", world.namespace()));
    world.eventually("one event", SOON, || {
        Ok((events(&world, "second", "DeletionBlocked")?.len() == 1).then_some(()))
    })?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    world.apply(&user("m", "{name: first}"))?;
    until_gone(&world, KIND, "second", SOON)?;
    assert_eq!(events(&world, "second", "DeletionBlocked")?.len(), 1);

    world.delete("llmisvc", "m")?;
    assert!(!is_held(&until_used_by(&world, "first", &[])?));
    world.delete(KIND, "first")?;
    until_gone(&world, KIND, "first", SOON)
}

// E-41
#[test]
fn a_config_that_is_shadowed_is_not_used() -> Result<()> {
    let world = World::with_operator()?;
    let name = format!("shared-{}", world.namespace());
    let shared = config(&name, "{replicas: 2}");
    world.cluster().kubectl(&["-n", "kserve", "apply", "-f", "-"], Some(&shared))?;
    let reason = |expected: &str| {
        world.eventually(expected, SOON, || {
            let config = world.cluster().get(KIND, "kserve", &name)?.context("it is there")?;
            let told = says(&config, "ConfigInUse", "reason") == expected;
            Ok((told && is_held(&config) == (expected == "InUse")).then_some(()))
        })
    };
    reason("NotInUse")?;
    world.apply(&user("m", &format!("{{name: {name}}}")))?;
    reason("InUse")?;
    world.apply(&config(&name, "{replicas: 1}"))?;
    until_used_by(&world, &name, &["m"])?;
    reason("NotInUse")?;
    world.cluster().kubectl(&["-n", "kserve", "delete", KIND, &name], None)?;
    until_ready_is(&world, "m", "True", PATIENCE).map(drop)
}

// E-40
#[test]
fn a_config_that_is_no_template_says_so() -> Result<()> {
    // It came in while no webhook was there.
    let cluster = Cluster::own("broken-config", Variant::Small)?;
    let options = operator::Options { webhooks: operator::Webhooks::Off, ..operator::Options::default() };
    let operator = Operator::start(&cluster, &options)?;
    let world = World::new(&cluster)?.watched_by(&operator);
    world.apply(&config("broken", "{template: {containers: [{name: main, args: ['{{ if .Name }}']}]}}"))?;
    let holds = |it: Option<&Value>| it.is_some_and(|it| says(it, "Ready", "reason") == "InvalidConfig");
    let broken = world.until(KIND, "broken", "is not ready", holds, SOON)?.context("it is there")?;
    let message = says(&broken, "Ready", "message");
    let part = "spec.template.containers[main].args[0]: template does not parse";
    assert!(message.contains(part), "{message}");
    assert_eq!(says(&broken, "ConfigInUse", "reason"), "NotInUse");
    Ok(())
}

/// The template preset of this release, as an older one would have installed it.
fn old_preset() -> Value {
    let mut preset =
        shipped("llmisvc-v0-0-1-").into_iter().find(|p| p["metadata"]["name"] == OLD).unwrap_or_default();
    preset["metadata"]["namespace"] = json!("kserve");
    preset["metadata"]["annotations"] = json!({"llmisvc.io/applied": "0"});
    if let Some(env) = preset["spec"]["template"]["containers"][0]["env"].as_array_mut() {
        env.push(json!({"name": "RELEASE", "value": "old"}));
    }
    preset
}

#[test]
fn a_preset_of_an_older_release_goes_when_the_last_service_has_moved_on() -> Result<()> {
    let world = World::with_operator()?;
    let asks = |version: &str| {
        plain("m").replace(
            "{name: m}",
            &format!("{{name: m, annotations: {{llmisvc.io/preset-version: {version}}}}}"),
        )
    };
    world.apply(&asks("0.0.1"))?;
    let waits = until_reason(&world, "m", "PresetsCombined", "ConfigNotFound", PATIENCE)?;
    let message = says(&waits, "PresetsCombined", "message");
    assert!(message.starts_with("metadata.annotations[llmisvc.io/preset-version]: "), "{message}");
    world.cluster().kubectl(&["apply", "-f", "-"], Some(&old_preset().to_string()))?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    let release = |deployment: &Value| {
        let env = container(deployment, "main")["env"].as_array().cloned().unwrap_or_default();
        env.into_iter().find(|it| it["name"] == "RELEASE").map(|it| it["value"].clone())
    };
    assert_eq!(release(&world.get("deployment", "m-kserve")?), Some(json!("old")));
    let preset = || world.cluster().get(KIND, "kserve", OLD);
    world.eventually("it is held", SOON, || Ok(preset()?.filter(is_held)))?;

    // The pin holds without the annotation, too.
    world.kubectl(&["annotate", "llmisvc", "m", "llmisvc.io/preset-version-"], None)?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    assert!(preset()?.is_some_and(|it| is_held(&it)));
    let text = planned(&world)?;
    let current = shipped(OWN_PREFIX)[0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let expected = format!(
        "{}/m\n  preset kserve/{OLD} -> kserve/{current}\n  Deployment m-kserve: \
         spec.template.spec.containers[main].env[RELEASE]\n  pods restart: Deployment m-kserve\n",
        world.namespace()
    );
    ensure!(text.contains(&expected), "not what is about to happen:\n{expected}\nin\n{text}");
    world.apply(&asks("latest"))?;
    world.eventually("it is gone", PATIENCE, || Ok(preset()?.is_none().then_some(())))?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    assert_eq!(release(&world.get("deployment", "m-kserve")?), None);
    Ok(())
}

/// What the command line tool says about a move of all that `kubectl` shows, whatever becomes of the other services.
fn planned(world: &World<'_>) -> Result<String> {
    let all = world.cluster().kubectl(&["get", &format!("llmisvc,{KIND}"), "-A", "-o", "yaml"], None)?;
    let mut tool = Command::new(operator::cli()?);
    tool.args(["presets", "plan", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut running = tool.spawn().context("llmisvc")?;
    running.stdin.take().context("a pipe")?.write_all(all.as_bytes())?;
    Ok(String::from_utf8_lossy(&running.wait_with_output()?.stdout).into_owned())
}

/// Waits for the end of a namespace; gives how long it took.
pub fn until_namespace_is_gone(cluster: &Cluster, name: &str, within: Duration) -> Result<Duration> {
    let began = Instant::now();
    while !cluster.kubectl(&["get", "namespace", name, "--ignore-not-found", "-o", "name"], None)?.is_empty()
    {
        let left = || cluster.kubectl(&["get", "namespace", name, "-o", "yaml"], None).unwrap_or_default();
        ensure!(began.elapsed() < within, "{name} is still there:\n{}", left());
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(began.elapsed())
}

#[test]
fn a_namespace_with_services_and_their_configs_ends() -> Result<()> {
    let world = World::with_operator()?;
    for name in ["early", "late"] {
        world.apply(&config(name, "{replicas: 1}"))?;
    }
    world.apply(&user("m", "{name: early}, {name: late}"))?;
    world.apply(&example("qwen-2.5-7b")?)?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    until_used_by(&world, "late", &["m"])?;
    world.delete(KIND, "early")?;
    world.cluster().kubectl(&["delete", "namespace", world.namespace(), "--wait=false"], None)?;
    let took = until_namespace_is_gone(world.cluster(), world.namespace(), PATIENCE)?;
    println!("the namespace ended within {took:?}");
    Ok(())
}

/// Stopped services cost the cluster no children.
fn stopped(name: &str, refs: &str) -> String {
    user(name, refs).replace(
        &format!("{{name: {name}}}\n"),
        &format!("{{name: {name}, annotations: {{serving.kserve.io/stop: 'true'}}}}\n"),
    )
}

// C-14, G-4
#[test]
fn a_change_of_a_config_is_a_pass_over_its_users_and_the_system_namespace_ends_although_they_are_there()
-> Result<()> {
    let cluster = Cluster::own("configs", Variant::Small)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?;
    world.apply(&config("base", "{replicas: 1}"))?;
    world.apply(&config("other", "{replicas: 1}"))?;
    // Each of the presets gets one, too, when the operator has begun.
    world.eventually("every config has a status", PATIENCE, || {
        let mut configs = cluster.list(KIND, "kserve")?;
        configs.extend(world.list(KIND)?);
        Ok((configs.len() > 30 && configs.iter().all(|it| it["status"].is_object())).then_some(()))
    })?;
    let writes =
        || Ok::<_, anyhow::Error>(counted(&operator.metrics()?, "llmisvc_config_writes_total", "status"));
    let before = writes()?;
    let services: Vec<String> = (0..60)
        .map(|i| stopped(&format!("m{i:02}"), if i % 2 == 0 { "{name: base}" } else { "{name: other}" }))
        .collect();
    let began = Instant::now();
    world.apply(&services.join("---\n"))?;
    world.until_quiet(Duration::from_secs(3), PATIENCE)?;
    let used = world.get(KIND, "base")?;
    assert_eq!(used["status"]["referencedBy"].as_array().map(Vec::len), Some(30), "{used:#}");
    // Two configs and the template preset, each at most once a second.
    let (written, seconds) = (writes()? - before, began.elapsed().as_secs());
    ensure!(written <= 3 * (seconds + 1), "{written} writes in {seconds} s");
    println!("60 services: {written} status writes to configs in {seconds} s");

    let passes = || Ok::<_, anyhow::Error>(counted(&operator.metrics()?, "llmisvc_reconciles_total", ""));
    let before = passes()?;
    world.patch(KIND, "base", "merge", r#"{"spec": {"replicas": 2}}"#)?;
    world.eventually("a pass over each user", PATIENCE, || Ok((passes()? >= before + 30).then_some(())))?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    assert_eq!(passes()?, before + 30, "{}", operator.metrics()?);

    // In a cluster the operator is a pod, which goes before anything else in its namespace does.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "finalizers": ["test/stays"]},
        "spec": {"containers": [{"name": "main", "image": "operator"}]}});
    cluster.kubectl(&["-n", "kserve", "apply", "-f", "-"], Some(&pod.to_string()))?;
    cluster.kubectl(&["delete", "namespace", "kserve", "--wait=false"], None)?;
    ensure!(operator.stop()?.success(), "SIGTERM ends it with 0");
    let held: Vec<Value> = cluster.list(KIND, "kserve")?.into_iter().filter(is_held).collect();
    assert_eq!(held, Vec::<Value>::new(), "nobody is left to let them go");
    let done = r#"{"metadata": {"finalizers": null}}"#;
    cluster.kubectl(&["-n", "kserve", "patch", "pod", "operator", "--type=merge", "-p", done], None)?;
    let took = until_namespace_is_gone(&cluster, "kserve", PATIENCE)?;
    println!("the system namespace ended within {took:?}");
    assert_eq!(world.list("llmisvc")?.len(), 60, "services stay");
    Ok(())
}

// Its cluster has no CRDs when it is done.
#[test]
fn both_crds_end_with_services_and_configs_in_use() -> Result<()> {
    let cluster = Cluster::own("crds", Variant::Small)?;
    let _operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?;
    world.apply(&config("base", "{replicas: 1, router: {route: {}, scheduler: {}}}"))?;
    world.apply(&user("m", "{name: base}"))?;
    assert!(is_held(&until_used_by(&world, "base", &["m"])?));
    let held = |it: Option<&Value>| it.is_some_and(|it| it["metadata"]["finalizers"].as_array().is_some());
    world.until("llmisvc", "m", "has a finalizer", held, PATIENCE)?;
    let crds = ["llminferenceserviceconfigs.serving.kserve.io", "llminferenceservices.serving.kserve.io"];
    cluster.kubectl(&["delete", "crd", crds[0], crds[1], "--wait=false"], None)?;
    world.eventually("both are gone", PATIENCE, || {
        let left = cluster.kubectl(&["get", "crd", "-o", "name"], None)?;
        Ok(crds.iter().all(|crd| !left.contains(crd)).then_some(()))
    })
}
