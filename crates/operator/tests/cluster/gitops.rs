//! The operator never writes what a user or a GitOps tool writes.

use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::Value;

use crate::look::{PATIENCE, example, until_ready_is};

/// Managers that own something below `spec` of an object.
fn writers_of_spec(world: &World<'_>, kind: &str, name: &str) -> Result<Vec<String>> {
    let text = world.kubectl(&["get", kind, name, "-o", "json", "--show-managed-fields"], None)?;
    let object: Value = serde_json::from_str(&text).context("kubectl get")?;
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let of_spec = entries.iter().filter(|it| !it["fieldsV1"]["f:spec"].is_null());
    Ok(of_spec.map(|it| it["manager"].as_str().unwrap_or_default().to_owned()).collect())
}

// E-15
#[test]
fn the_spec_is_never_edited_and_a_diff_against_git_stays_empty() -> Result<()> {
    let world = World::with_operator()?;
    let git = format!("{}---\n{}", example("qwen-2.5-7b")?, example("config-inheritance")?);
    // As a GitOps tool applies it.
    world.kubectl(&["apply", "--server-side", "--field-manager=git", "-f", "-"], Some(&git))?;
    for (name, changed) in
        [("qwen-25-7b", r#"{"spec": {"replicas": 3}}"#), ("my-llm", r#"{"spec": {"replicas": 2}}"#)]
    {
        world.until_condition("llmisvc", name, "Ready", "True")?;
        world.until_quiet(Duration::from_secs(2), PATIENCE)?;
        assert_eq!(writers_of_spec(&world, "llmisvc", name)?, ["git"], "{name}");
        let diff = &["diff", "--server-side", "--field-manager=git", "-f", "-"];
        world.kubectl(diff, Some(&git)).with_context(|| format!("{name} differs from git"))?;
        world.patch("llmisvc", name, "merge", changed)?;
        until_ready_is(&world, name, "True", PATIENCE)?;
        let writers = writers_of_spec(&world, "llmisvc", name)?;
        assert!(!writers.iter().any(|it| it.starts_with("llmisvc")), "{name}: {writers:?}");
        assert!(world.kubectl(diff, Some(&git)).is_err(), "{name}: a change by hand is a difference");
        world.kubectl(
            &["apply", "--server-side", "--force-conflicts", "--field-manager=git", "-f", "-"],
            Some(&git),
        )?;
    }
    Ok(())
}
