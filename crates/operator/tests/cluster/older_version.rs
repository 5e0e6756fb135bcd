//! Services and configs as users of v1alpha1 write them, unchanged.

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::{World, documents, paths};
use serde_json::Value;

use crate::examples::{ALL, alone};
use crate::look::{observed, says};

/// The file names a namespace in its objects where a user would have left it to kubectl.
const DEFAULT: &str = "default";

struct Story {
    name: String,
    text: String,
    objects: Vec<Value>,
}

fn stories() -> Result<Vec<Story>> {
    let files = documents::files(&paths::repository().join("tests/v1alpha1"))?;
    let story = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path)?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Story { name, objects: documents::parse(&text)?, text })
    };
    files.iter().map(story).collect()
}

fn namespace<'a>(world: &'a World<'_>, object: &'a Value) -> &'a str {
    object["metadata"]["namespace"].as_str().unwrap_or(world.namespace())
}

/// What a client of v1alpha1 reads is what it wrote.
fn reads_back(world: &World<'_>, written: &Value) -> Result<()> {
    let plural = if written["kind"] == "LLMInferenceService" {
        "llminferenceservices"
    } else {
        "llminferenceserviceconfigs"
    };
    let name = written["metadata"]["name"].as_str().context("a name")?;
    let resource = format!("{plural}.v1alpha1.serving.kserve.io");
    let read = world.cluster().get(&resource, namespace(world, written), name)?.context("it is there")?;
    assert_eq!(read["apiVersion"], "serving.kserve.io/v1alpha1");
    assert_eq!(read["spec"], written["spec"], "{resource}/{name}");
    Ok(())
}

fn until_ready(world: &World<'_>, service: &Value) -> Result<()> {
    let name = service["metadata"]["name"].as_str().context("a name")?;
    world.eventually(&format!("{name} is Ready"), ALL, || {
        let found = world.cluster().get("llmisvc", namespace(world, service), name)?;
        Ok(found.filter(|it| observed(it) && says(it, "Ready", "status") == "True").map(drop))
    })
}

fn becomes_ready(story: &Story) -> Result<()> {
    let world = World::with_operator()?;
    let elsewhere = story.objects.iter().any(|it| it["metadata"]["namespace"] == DEFAULT);
    let home = if elsewhere { DEFAULT } else { world.namespace() };
    world.cluster().kubectl(&["-n", home, "apply", "-f", "-"], Some(&story.text))?;
    let services = || story.objects.iter().filter(|it| it["kind"] == "LLMInferenceService");
    ensure!(services().count() > 0, "no service");
    for object in &story.objects {
        reads_back(&world, object)?;
    }
    for service in services() {
        until_ready(&world, service)?;
        reads_back(&world, service)?;
    }
    world.cluster().kubectl(&["-n", home, "delete", "-f", "-"], Some(&story.text)).map(drop)
}

#[test]
fn what_users_wrote_as_v1alpha1_is_taken_unchanged_and_becomes_ready() -> Result<()> {
    let _alone = alone();
    let stories = stories()?;
    ensure!(stories.len() >= 6, "{} stories", stories.len());
    for story in &stories {
        becomes_ready(story).with_context(|| format!("tests/v1alpha1/{}.yaml", story.name))?;
    }
    Ok(())
}
