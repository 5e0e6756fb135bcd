//! Objects that were stored as v1alpha1.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::look::{PATIENCE, config, plain};

const CRDS: [&str; 2] =
    ["llminferenceservices.serving.kserve.io", "llminferenceserviceconfigs.serving.kserve.io"];
/// More than one page.
const CONFIGS: usize = 60;

/// Makes v1alpha1 a version of the CRD, with any content, and stores objects in `version` from now on.
fn store_in(cluster: &Cluster, crd: &str, version: &str) -> Result<()> {
    let mut object = cluster.get("crd", "", crd)?.context("the CRD")?;
    let versions = object["spec"]["versions"].as_array_mut().context("versions")?;
    if !versions.iter().any(|it| it["name"] == "v1alpha1") {
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        versions.push(
            json!({"name": "v1alpha1", "served": true, "storage": false, "subresources": {"status": {}},
                             "schema": {"openAPIV3Schema": schema}}),
        );
    }
    for it in versions.iter_mut() {
        it["storage"] = json!(it["name"] == version);
    }
    object["spec"]["conversion"] = json!({"strategy": "None"});
    cluster.kubectl(&["replace", "-f", "-"], Some(&object.to_string())).map(drop)
}

fn stored(cluster: &Cluster, crd: &str) -> Result<Value> {
    Ok(cluster.get("crd", "", crd)?.context("the CRD")?["status"]["storedVersions"].take())
}

fn versions(world: &World<'_>) -> Result<BTreeMap<String, String>> {
    let text = |it: &Value, key: &str| it["metadata"][key].as_str().unwrap_or_default().to_owned();
    let configs = world.list("llminferenceserviceconfigs")?;
    Ok(configs.iter().map(|it| (text(it, "name"), text(it, "resourceVersion"))).collect())
}

fn until_stored(world: &World<'_>) -> Result<()> {
    let all = || {
        let mut all = CRDS.iter().map(|crd| stored(world.cluster(), crd));
        Ok(all.all(|it| it.is_ok_and(|it| it == json!(["v1alpha2"]))).then_some(()))
    };
    world.eventually("only v1alpha2 is stored", PATIENCE, all)
}

#[test]
fn objects_of_an_older_version_are_stored_anew_once() -> Result<()> {
    let cluster = Cluster::own("storage", Variant::Small)?;
    let world = World::new(&cluster)?;
    CRDS.iter().try_for_each(|crd| store_in(&cluster, crd, "v1alpha1"))?;
    let configs = (0..CONFIGS).fold(String::new(), |mut text, i| {
        let _ = write!(text, "---\n{}", config(&format!("c{i}"), "{replicas: 1}"));
        text
    });
    world.apply(&configs)?;
    world.apply(&plain("m"))?;
    CRDS.iter().try_for_each(|crd| store_in(&cluster, crd, "v1alpha2"))?;
    for crd in CRDS {
        assert_eq!(stored(&cluster, crd)?, json!(["v1alpha2", "v1alpha1"]), "{crd}");
    }
    let before = versions(&world)?;
    assert_eq!(before.len(), CONFIGS);

    let operator = Operator::start(&cluster, &operator::Options::default())?;
    until_stored(&world)?;
    let after = versions(&world)?;
    let same: Vec<&String> =
        before.iter().filter(|(name, at)| after.get(*name) == Some(at)).map(|it| it.0).collect();
    assert!(same.is_empty(), "not written: {same:?}");
    let count = r#"llmisvc_stored_anew_total{kind="LLMInferenceServiceConfig",result="done"} "#;
    let metrics = operator.metrics()?;
    let counted = metrics.lines().find_map(|line| line.strip_prefix(count)?.parse::<usize>().ok());
    assert!(counted.is_some_and(|counted| counted >= CONFIGS), "{metrics}");

    // A CRD that changes while the operator runs is looked at again, and what is of the version already is not written.
    store_in(&cluster, CRDS[1], "v1alpha1")?;
    store_in(&cluster, CRDS[1], "v1alpha2")?;
    until_stored(&world)?;
    assert_eq!(versions(&world)?, after);
    Ok(())
}
