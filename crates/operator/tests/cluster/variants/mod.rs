//! Every variant of the router: the objects as `render` prints them, and the whole status before a gateway answers,
//! after it has, and after it is gone. A variant is a folder in `tests/routing`; its objects are a golden case, too.
//!
//! The variants run beside each other, each in a namespace of its own. `UPDATE_GOLDEN=1` writes the statuses.

mod gateway;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use llmisvc_testkit::golden::{self, Case};
use llmisvc_testkit::{World, documents, paths};
use serde_json::{Value, json};

use crate::equality::{created, defaulted, rendered};

/// The variants run all at once.
const PATIENCE: Duration = Duration::from_mins(3);
const QUIET: Duration = Duration::from_secs(4);
const PHASES: [&str; 3] = ["waiting", "answered", "gone"];

#[test]
fn every_variant_shows_the_objects_and_the_status_that_it_must() -> Result<()> {
    let cases = golden::cases(&paths::repository().join("tests/routing"))?;
    let stories: Vec<_> = cases.into_iter().map(start).collect::<Result<_>>()?;
    let mut failures = Vec::new();
    for (name, story) in stories {
        let told = story.join().map_err(|_| anyhow!("panicked")).and_then(|told| told);
        failures.extend(told.err().map(|error| format!("{name}: {error:#}")));
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

type Story = thread::JoinHandle<Result<()>>;

/// The world is named after the thread.
fn start(case: Case) -> Result<(String, Story)> {
    let name = case.name.clone();
    let thread = thread::Builder::new().name(format!("variants::{name}"));
    Ok((name, thread.spawn(move || tell(&case)).context("a thread")?))
}

fn tell(case: &Case) -> Result<()> {
    let world = World::with_operator()?;
    // Before the services exist: the server fills in its defaults and sees nothing of the live objects.
    let there = gateway::elsewhere(&world);
    let placed = |text: String| text.replace("elsewhere", &there);
    let wanted = defaulted(&world, &placed(rendered(&world, &[case.folder.join("input")])?))?;
    let _second = Second::begin(&world, case)?;
    world.apply(&placed(case.input()?))?;
    let mut told = Vec::new();
    for phase in PHASES {
        if phase == "gone" {
            gateway::go(&world)?;
        }
        told.extend(reached(&world, case, phase)?);
        has_objects(&world, &wanted).with_context(|| phase)?;
    }
    if updates() { write(case, &told) } else { Ok(()) }
}

/// A second namespace with the objects of `elsewhere.yaml`, for variants that have such a file.
struct Second<'a>(&'a World<'a>);

impl<'a> Second<'a> {
    fn begin(world: &'a World<'a>, case: &Case) -> Result<Option<Self>> {
        let Ok(objects) = fs::read_to_string(case.folder.join("elsewhere.yaml")) else { return Ok(None) };
        let name = gateway::elsewhere(world);
        world.cluster().kubectl(&["create", "namespace", &name], None)?;
        let second = Self(world);
        world.cluster().kubectl(&["-n", &name, "apply", "-f", "-"], Some(&objects))?;
        Ok(Some(second))
    }
}

impl Drop for Second<'_> {
    fn drop(&mut self) {
        let name = gateway::elsewhere(self.0);
        let _ = self.0.cluster().kubectl(&["delete", "namespace", &name, "--wait=false"], None);
    }
}

fn updates() -> bool {
    env::var("UPDATE_GOLDEN").is_ok_and(|it| it == "1")
}

fn file(case: &Case) -> PathBuf {
    case.folder.join("expected-status.yaml")
}

fn write(case: &Case, told: &[Value]) -> Result<()> {
    let documents: Vec<String> = told.iter().map(serde_yaml_ng::to_string).collect::<Result<_, _>>()?;
    fs::write(file(case), documents.join("---\n")).context("writing the statuses")
}

fn has_objects(world: &World<'_>, wanted: &BTreeMap<String, Value>) -> Result<()> {
    let live = created(world)?;
    ensure!(live.keys().eq(wanted.keys()), "{:?} in place of {:?}", live.keys(), wanted.keys());
    for (identity, object) in &live {
        let differences = golden::between(&wanted[identity], object);
        ensure!(differences.is_empty(), "{identity}\n{}", differences.join("\n"));
    }
    Ok(())
}

/// Waits for the statuses of a phase. A gateway controller goes on working all the time.
fn reached(world: &World<'_>, case: &Case, phase: &str) -> Result<Vec<Value>> {
    let look = || {
        if phase == "answered" {
            gateway::answer(world)?;
        }
        statuses(world, phase)
    };
    if updates() {
        return settled(world, look);
    }
    let mut expected =
        documents::parse(&fs::read_to_string(file(case)).context("UPDATE_GOLDEN=1 writes it")?)?;
    expected.retain(|it| it["phase"] == phase);
    ensure!(!expected.is_empty(), "no status of phase {phase}");
    let equal = || Ok(Some(look()?).filter(|found| *found == expected));
    let reached = world.eventually(&format!("the status of phase {phase}"), PATIENCE, equal);
    reached.or_else(|error| {
        let found = json!(statuses(world, phase)?);
        bail!("{error:#}\n{}", golden::between(&json!(expected), &found).join("\n"))
    })
}

fn settled(world: &World<'_>, look: impl Fn() -> Result<Vec<Value>>) -> Result<Vec<Value>> {
    for _ in 0..2 {
        look()?;
        world.until_quiet(QUIET, PATIENCE)?;
    }
    look()
}

/// The statuses of all services, without times and with the namespace's name taken out.
fn statuses(world: &World<'_>, phase: &str) -> Result<Vec<Value>> {
    let services = world.list("llminferenceservices.serving.kserve.io")?;
    services.into_iter().map(|service| shown(world, phase, &service)).collect()
}

fn shown(world: &World<'_>, phase: &str, service: &Value) -> Result<Value> {
    let mut shown =
        json!({"phase": phase, "service": service["metadata"]["name"], "status": service["status"]});
    for condition in shown["status"]["conditions"].as_array_mut().into_iter().flatten() {
        condition.as_object_mut().and_then(|it| it.remove("lastTransitionTime"));
    }
    let text = shown.to_string().replace(world.namespace(), "NAMESPACE");
    serde_json::from_str(&text).context("a status is JSON")
}
