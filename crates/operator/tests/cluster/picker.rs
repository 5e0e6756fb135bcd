//! Generated configurations and a real endpoint picker, and configurations that a platform keeps in ConfigMaps.
//!
//! The picker is that of the Gateway API Inference Extension. It lacks the plugins of llm-d, and its documents are of
//! the group that llm-d's had before 0.9: that one line is changed. What it lacks is checked against the table of
//! plugins; the rest of the document it reads all the same, without them.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use llmisvc_core::build::scheduler_config::{Topology, Version, default_text, plugins};
use llmisvc_testkit::cluster::capture;
use llmisvc_testkit::picker::{Verdict, verdict};
use llmisvc_testkit::{Cluster, World, documents, operator, paths};
use serde_json::{Value, json};

use crate::look::{PATIENCE, SOON, container, flag, until_reason};

/// What llm-d's picker has and this one lacks.
const OF_LLM_D: [&str; 11] = [
    "active-request-scorer",
    "always-disagg-pd-decider",
    "decode-filter",
    "disagg-headers-handler",
    "disagg-profile-handler",
    "no-hit-lru-scorer",
    "precise-prefix-cache-producer",
    "prefill-filter",
    "prefix-based-pd-decider",
    "token-producer",
    "tokenizer",
];

/// Folder of a golden case, and how many of the plugins in its configuration are llm-d's own.
const PROFILES: [(&str, usize); 8] = [
    ("scheduler-load-aware", 0),
    ("scheduler-prefix-cache", 1),
    ("scheduler-precise-prefix-cache", 3),
    ("scheduler-prefill-decode", 5),
    ("scheduler-predicted-latency", 0),
    ("scheduler-tiered-prefix-cache", 1),
    ("scheduler-flow-control", 0),
    ("scheduler-of-older-picker", 5),
];

/// LoRA, TLS, and requests that wait for a workload which may have no replicas.
const VARIANTS: [(bool, bool, bool); 5] = [
    (false, false, false),
    (true, false, false),
    (false, true, false),
    (true, true, false),
    (false, false, true),
];

#[test]
fn generated_configurations_load_in_a_real_picker() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    for (prefill, own) in [(false, 1), (true, 6)] {
        for (lora, tls, holds) in VARIANTS {
            let topology = Topology { prefill, lora, tls, holds };
            examine(&world, &format!("{topology:?}"), &default_text(topology), own)?;
        }
    }
    for (case, own) in PROFILES {
        examine(&world, case, &rendered(case)?, own)?;
    }
    Ok(())
}

#[test]
fn a_picker_says_what_is_wrong_with_a_configuration() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    let wrong = [
        ("plugins: [{type: que-scorer}]", "plugin type 'que-scorer' is not registered"),
        (
            "plugins: [{type: queue-scorer}]\nschedulingProfiles: [{name: default, plugins: [{pluginRef: no}]}]",
            "no",
        ),
        ("plugins: 5", "cannot unmarshal"),
    ];
    for (text, expected) in wrong {
        let document = format!(
            "apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: EndpointPickerConfig\n{text}\n"
        );
        match verdict(world.cluster(), world.namespace(), "pool", &document)? {
            Verdict::Refused(log) if log.contains(expected) => {}
            other => bail!("{text}: {other:?}"),
        }
    }
    Ok(())
}

/// The configuration in what the command line tool renders.
fn rendered(case: &str) -> Result<String> {
    let folder = paths::repository().join("tests/golden").join(case).join("input");
    let text = capture(Command::new(operator::cli()?).arg("render").arg("-f").arg(folder), None)?;
    let objects = documents::parse(&text)?;
    let is_picker = |it: &&Value| {
        let name = it["metadata"]["name"].as_str().unwrap_or_default();
        it["kind"] == "Deployment" && name.ends_with("-kserve-router-scheduler")
    };
    let picker = objects.iter().find(is_picker).with_context(|| format!("{case} has no picker"))?;
    Ok(flag(container(picker, "main"), "--config-text").to_owned())
}

/// A configuration of which `own` plugins are llm-d's.
fn examine(world: &World<'_>, name: &str, text: &str, own: usize) -> Result<()> {
    let mut document: Value = serde_yaml_ng::from_str(text).with_context(|| format!("{name}:\n{text}"))?;
    let doubts = plugins::remarks(&document, Version(0, 10));
    let doubts: Vec<_> = doubts.iter().filter(|it| !it.text.contains("\"disagg-headers-handler\"")).collect();
    anyhow::ensure!(doubts.is_empty(), "{name}: {doubts:?}");
    document["apiVersion"] = json!("inference.networking.x-k8s.io/v1alpha1");
    let lacking = lacking(&document);
    anyhow::ensure!(lacking.len() == own, "{name} has {lacking:?}");
    let whole = verdict(world.cluster(), world.namespace(), "pool", &document.to_string())?;
    match &whole {
        Verdict::Loaded if own == 0 => return Ok(()),
        Verdict::Refused(log)
            if lacking.iter().any(|it| log.contains(&format!("plugin type '{it}' is not registered"))) => {}
        other => bail!("{name}: {other:?}"),
    }
    for part in known_parts(&document) {
        let part_verdict = verdict(world.cluster(), world.namespace(), "pool", &part.to_string())?;
        anyhow::ensure!(part_verdict == Verdict::Loaded, "{name}: {part_verdict:?}\n{part:#}");
    }
    Ok(())
}

fn lacking(document: &Value) -> BTreeSet<&str> {
    let types = document["plugins"].as_array().into_iter().flatten().filter_map(|it| it["type"].as_str());
    types.filter(|it| OF_LLM_D.contains(it)).collect()
}

/// What remains without llm-d's plugins, for each profile: nothing else chooses between two.
fn known_parts(document: &Value) -> Vec<Value> {
    let lacking: BTreeSet<String> = lacking(document).into_iter().map(str::to_owned).collect();
    let is_known = |it: &Value, key: &str| it[key].as_str().is_some_and(|name| !lacking.contains(name));
    let mut rest = document.clone();
    rest["plugins"].as_array_mut().into_iter().for_each(|all| all.retain(|it| is_known(it, "type")));
    for source in rest["dataLayer"]["sources"].as_array_mut().into_iter().flatten() {
        source["extractors"]
            .as_array_mut()
            .into_iter()
            .for_each(|all| all.retain(|it| is_known(it, "pluginRef")));
    }
    let profiles = document["schedulingProfiles"].as_array().cloned().unwrap_or_default();
    let parts = profiles.into_iter().map(|mut profile| {
        profile["plugins"]
            .as_array_mut()
            .into_iter()
            .for_each(|all| all.retain(|it| is_known(it, "pluginRef")));
        let mut part = rest.clone();
        part["schedulingProfiles"] = json!([profile]);
        part
    });
    parts.collect()
}

fn shared_configuration(name: &str, plugin: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: kserve}}\ndata:\n  epp: |\n    apiVersion: \
         llm-d.ai/v1alpha1\n    kind: EndpointPickerConfig\n    plugins: [{{type: {plugin}}}]\n"
    )
}

#[test]
// G-52
fn a_configuration_that_the_platform_keeps_is_followed() -> Result<()> {
    let world = World::with_operator()?;
    let map = format!("config-scheduler-{}", world.namespace());
    let service = format!(
        "apiVersion: serving.kserve.io/v1alpha2\nkind: LLMInferenceService\nmetadata: {{name: m}}\nspec:\n  model: {{uri: \
         'hf://org/m'}}\n  replicas: 0\n  router: {{scheduler: {{config: {{ref: {{name: {map}}}}}}}}}\n"
    );
    world.apply(&service)?;
    until_reason(&world, "m", "PresetsCombined", "CombineBaseError", PATIENCE)?;
    let system = |args: &[&str], text: Option<&str>| world.cluster().kubectl(args, text);
    for plugin in ["random-picker", "max-score-picker"] {
        system(&["apply", "-f", "-"], Some(&shared_configuration(&map, plugin)))?;
        let says = |it: Option<&Value>| {
            it.is_some_and(|it| flag(container(it, "main"), "--config-text").contains(plugin))
        };
        world.until("deployment", "m-kserve-router-scheduler", &format!("says {plugin}"), says, SOON)?;
    }
    system(&["apply", "-f", "-"], Some(&shared_configuration(&map, "predicted-latency-producer")))?;
    let predicts =
        |it: Option<&Value>| it.is_some_and(|it| container(it, "prediction-server")["image"].is_string());
    world.until("deployment", "m-kserve-router-scheduler", "has the servers that predict", predicts, SOON)?;
    system(&["-n", "kserve", "delete", "configmap", &map], None)?;
    until_reason(&world, "m", "PresetsCombined", "CombineBaseError", SOON)?;
    let stays = world.get("deployment", "m-kserve-router-scheduler")?;
    anyhow::ensure!(predicts(Some(&stays)), "what serves stays");
    Ok(())
}
