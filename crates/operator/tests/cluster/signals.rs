//! Events and metrics of a service's life.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::{Operator, World};

use crate::look::{PATIENCE, SOON, example, plain};

const SERVICE: &str = "basic-llm";

/// How often each message was told about the service.
fn told(world: &World<'_>) -> Result<BTreeMap<String, u64>> {
    let mut told = BTreeMap::new();
    for event in world.list("events")?.iter().filter(|it| it["involvedObject"]["name"] == SERVICE) {
        let text = |key: &str| event[key].as_str().unwrap_or_default();
        *told.entry(format!("{}: {}", text("reason"), text("message"))).or_default() +=
            event["count"].as_u64().context("events are counted")?;
    }
    Ok(told)
}

fn condition(world: &World<'_>, of: &str) -> Result<Option<String>> {
    let metrics = Operator::shared()?.metrics()?;
    let series = format!(
        r#"llmisvc_condition{{namespace="{}",name="{SERVICE}",condition="{of}"}} "#,
        world.namespace()
    );
    Ok(metrics.lines().find_map(|line| line.strip_prefix(&series).map(str::to_owned)))
}

// G-5
#[test]
fn each_change_is_told_once_and_conditions_are_series_until_the_service_goes() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&example("basic-model")?)?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let ready = format!("LLMInferenceServiceReady: LLMInferenceService [{SERVICE}] is Ready");
    world.eventually("it is told to be Ready", SOON, || {
        Ok(told(&world)?.contains_key(&ready).then_some(()))
    })?;
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    let first = told(&world)?;
    let created = first.keys().filter(|it| it.starts_with("Created: ")).count();
    ensure!(created == 1 && first.values().all(|count| *count == 1), "{first:#?}");

    // A pass that changes nothing.
    world.kubectl(&["annotate", "llmisvc", SERVICE, "example.com/touched=yes"], None)?;
    world.apply(&plain("other"))?;
    world.until_condition("llmisvc", "other", "Ready", "True")?;
    assert_eq!(told(&world)?, first);

    world.patch("llmisvc", SERVICE, "merge", r#"{"spec": {"replicas": 3}}"#)?;
    let updated = format!("Updated: Updated Deployment {SERVICE}-kserve");
    let once = || Ok((told(&world)?.get(&updated) == Some(&1)).then_some(()));
    world.eventually("the change is told", SOON, once)?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let series = || condition(&world, "Ready");
    world.eventually("Ready is a series", SOON, || Ok(series()?.filter(|value| value == "1")))?;
    world.delete("llmisvc", SERVICE)?;
    world.eventually("the series is gone", PATIENCE, || Ok(series()?.is_none().then_some(())))
}
