//! apply, get, describe, stop and delete, as a user of kubectl sees them.

use std::time::Duration;

use anyhow::Result;
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::{
    PATIENCE, children, cluster_role_bindings, events, example, plain, says, until_ready_is, until_reason,
};

/// A row of `kubectl get` by column; an empty cell is an empty string.
fn row(table: &str, column: &str) -> Option<String> {
    let (head, line) = (table.lines().next()?, table.lines().nth(1)?);
    let begin = head.find(column)?;
    let width = head.get(begin..)?.find("  ").map_or(usize::MAX, |name| {
        let gap = head.get(begin + name..).unwrap_or_default();
        name + gap.len() - gap.trim_start().len()
    });
    Some(line.chars().skip(begin).take(width).collect::<String>().trim().to_owned())
}

#[test]
fn a_basic_model_becomes_ready_and_get_and_describe_tell_it() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("basic-model")?)?;
    let service = world.until_condition("llmisvc", "basic-llm", "Ready", "True")?;

    let table = world.kubectl(&["get", "llmisvc", "basic-llm"], None)?;
    let head: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head, ["NAME", "URL", "READY", "REASON", "AGE"]);
    let url = format!("http://203.0.113.1/{}/basic-llm", world.namespace());
    let cells = ["NAME", "URL", "READY", "REASON"].map(|column| row(&table, column).unwrap_or_default());
    assert_eq!(cells, ["basic-llm", &url, "True", ""], "{table}");
    assert!(row(&table, "AGE").is_some_and(|age| age.ends_with('s') || age.contains('m')), "{table}");
    assert_eq!(service["status"]["url"], json!(url));

    let told = |_: &World<'_>| -> Result<Option<Vec<Value>>> {
        let events = events(&world, "basic-llm", "LLMInferenceServiceReady")?;
        Ok((!events.is_empty()).then_some(events))
    };
    world.eventually("the event that it is Ready", PATIENCE, || told(&world))?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    let described = world.kubectl(&["describe", "llmisvc", "basic-llm"], None)?;
    for part in ["PresetsCombined", "WorkloadsReady", "RouterReady", "MainWorkloadReady", "HTTPRoutesReady"] {
        assert!(described.contains(part), "{part} is missing:\n{described}");
    }
    assert_eq!(described.matches("LLMInferenceServiceReady").count(), 1, "{described}");
    assert_eq!(service["metadata"]["finalizers"], Value::Null, "nothing outside owner references");
    Ok(())
}

#[test]
fn a_scheduler_needs_a_finalizer_and_deleting_leaves_nothing_behind() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("qwen-2.5-7b")?)?;
    let service = world.until_condition("llmisvc", "qwen-25-7b", "Ready", "True")?;
    assert_eq!(service["metadata"]["finalizers"], json!(["serving.kserve.io/llmisvc-finalizer"]));
    assert_eq!(cluster_role_bindings(&world)?.len(), 1);

    world.delete("llmisvc", "qwen-25-7b")?;
    world.until("llmisvc", "qwen-25-7b", "is gone", |it| it.is_none(), PATIENCE)?;
    world.eventually("nothing is left", PATIENCE, || {
        let left = everything(&world)?;
        Ok(left.is_empty().then_some(()))
    })?;
    assert_eq!(cluster_role_bindings(&world)?, Vec::<Value>::new());
    Ok(())
}

/// Every object of every kind in the namespace, but what each namespace has and events, which expire.
fn everything(world: &World<'_>) -> Result<Vec<String>> {
    let kinds =
        world.kubectl(&["api-resources", "--namespaced", "--verbs=list,delete", "-o", "name"], None)?;
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !kind.starts_with("events")).collect();
    let text = world.kubectl(&["get", &kinds.join(","), "-o", "name", "--ignore-not-found"], None)?;
    let usual = ["configmap/kube-root-ca.crt", "serviceaccount/default"];
    Ok(text.lines().filter(|name| !usual.contains(name)).map(str::to_owned).collect())
}

#[test]
fn without_a_scheduler_any_more_the_cluster_role_binding_goes() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("qwen-2.5-7b")?)?;
    world.until_condition("llmisvc", "qwen-25-7b", "Ready", "True")?;
    world.patch("llmisvc", "qwen-25-7b", "merge", r#"{"spec": {"router": {"scheduler": null}}}"#)?;
    world.until_condition("llmisvc", "qwen-25-7b", "Ready", "True")?;
    let gone = || Ok(cluster_role_bindings(&world)?.is_empty().then_some(()));
    world.eventually("no ClusterRoleBinding", PATIENCE, gone)?;
    for (kind, name) in
        [("inferencepool", "qwen-25-7b-inference-pool"), ("deployment", "qwen-25-7b-kserve-router-scheduler")]
    {
        world.until(kind, name, "is pruned", |it| it.is_none(), PATIENCE)?;
    }
    world.delete("llmisvc", "qwen-25-7b")?;
    world.until("llmisvc", "qwen-25-7b", "is gone", |it| it.is_none(), PATIENCE)?;
    Ok(())
}

#[test]
fn a_stopped_service_has_no_children_until_it_is_started_again() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("basic-model")?)?;
    let service = world.until_condition("llmisvc", "basic-llm", "Ready", "True")?;
    let before = names(&children(&world, &service)?);
    assert!(before.iter().any(|name| name.starts_with("Deployment")), "{before:?}");

    world.kubectl(&["annotate", "llmisvc", "basic-llm", "serving.kserve.io/stop=true"], None)?;
    let stopped = until_reason(&world, "basic-llm", "Ready", "Stopped", PATIENCE)?;
    for kind in ["Ready", "MainWorkloadReady", "HTTPRoutesReady"] {
        assert_eq!(
            (says(&stopped, kind, "status"), says(&stopped, kind, "reason")),
            ("False", "Stopped"),
            "{kind}"
        );
    }
    assert_eq!(stopped["status"]["url"], Value::Null);
    let table = world.kubectl(&["get", "llmisvc", "basic-llm"], None)?;
    assert_eq!(row(&table, "REASON").as_deref(), Some("Stopped"), "{table}");
    let none = || Ok(children(&world, &service)?.is_empty().then_some(()));
    world.eventually("no children", PATIENCE, none)?;

    world.kubectl(&["annotate", "llmisvc", "basic-llm", "serving.kserve.io/stop-"], None)?;
    until_ready_is(&world, "basic-llm", "True", PATIENCE)?;
    assert_eq!(names(&children(&world, &service)?), before);
    Ok(())
}

#[test]
fn a_service_that_was_never_ready_is_deleted_like_any_other() -> Result<()> {
    let world = World::with_operator()?;
    let broken = plain("broken").replace("replicas: 1", "replicas: 1, baseRefs: [{name: nowhere}]");
    world.apply(&broken)?;
    until_reason(&world, "broken", "PresetsCombined", "ConfigNotFound", PATIENCE)?;
    world.delete("llmisvc", "broken")?;
    world.until("llmisvc", "broken", "is gone", |it| it.is_none(), PATIENCE)?;
    let left = everything(&world)?;
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

/// `Kind/name`, sorted.
fn names(objects: &[Value]) -> Vec<String> {
    let text = |it: &Value, at: &str| it.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let name = |it: &Value| Some(format!("{}/{}", text(it, "/kind")?, text(it, "/metadata/name")?));
    let mut names: Vec<String> = objects.iter().filter_map(name).collect();
    names.sort();
    names
}

#[test]
fn the_columns_of_a_table_are_read_with_empty_cells() {
    let table = "NAME   URL      READY   REASON   AGE\nm      http://  True             5s\n";
    let cells =
        ["NAME", "URL", "READY", "REASON", "AGE"].map(|column| row(table, column).unwrap_or_default());
    assert_eq!(cells, ["m", "http://", "True", "", "5s"]);
}
