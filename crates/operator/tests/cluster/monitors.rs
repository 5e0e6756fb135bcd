//! Monitors for the Prometheus operator, against its own CRDs. A control plane of its own: the CRDs come while the
//! operator runs, and the global ConfigMap changes. Nobody scrapes here, so the test works out what would be.

mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, documents, operator};
use serde_json::{Value, json};

use self::targets::{Target, of_pods, of_services};
use crate::alone::counted;
use crate::equality::{normal, rendered};
use crate::look::{PATIENCE, SOON, says, until_ready_is};

const ANNOTATION: &str = "llmisvc.io/monitoring";
const KINDS: &str = "podmonitors.monitoring.coreos.com,servicemonitors.monitoring.coreos.com";
/// Of the service with prefill, decode and a picker.
const OF_PAIR: [&str; 3] = [
    "PodMonitor pair-kserve-monitor",
    "PodMonitor pair-kserve-prefill-monitor",
    "ServiceMonitor pair-epp-monitor",
];
/// Of the service with groups of pods.
const OF_MANY: [&str; 2] = ["PodMonitor many-kserve-monitor", "ServiceMonitor many-epp-monitor"];

fn service(name: &str, wanted: Option<&str>, spec: &Value) -> String {
    let mut spec = spec.clone();
    spec["model"] = json!({"uri": "hf://org/m", "name": "m"});
    let annotations = wanted.map(|wanted| json!({ANNOTATION: wanted}));
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService",
        "metadata": {"name": name, "annotations": annotations}, "spec": spec,
    })
    .to_string()
}

fn pair() -> String {
    let router = json!({"route": {}, "gateway": {}, "scheduler": {}});
    service("pair", Some("enabled"), &json!({"replicas": 2, "prefill": {"replicas": 1}, "router": router}))
}

/// Two groups of two pods, of which only the first answers requests, at two ports. It does not say whether it is monitored.
fn many() -> String {
    let worker = json!({"containers": [{"name": "main"}]});
    let parallelism = json!({"pipeline": 2, "tensor": 1});
    let pool = json!({"spec": {"targetPorts": [{"number": 8000}, {"number": 8001}]}});
    let router = json!({"route": {}, "gateway": {}, "scheduler": {"pool": pool}});
    service(
        "many",
        None,
        &json!({"replicas": 2, "parallelism": parallelism, "worker": worker, "router": router}),
    )
}

/// All monitors, by kind and name.
fn monitors(world: &World<'_>) -> Result<BTreeMap<String, Value>> {
    let kind = |it: Value| {
        let name = format!("{} {}", it["kind"], it["metadata"]["name"]).replace('"', "");
        (name, it)
    };
    Ok(world.list(KINDS)?.into_iter().map(kind).collect())
}

fn until_there_are(world: &World<'_>, expected: &[&str]) -> Result<BTreeMap<String, Value>> {
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    let same = || Ok(Some(monitors(world)?).filter(|found| found.keys().eq(&expected)));
    world.eventually(&format!("there are {expected:?}"), PATIENCE, same)
}

fn versions(monitors: &BTreeMap<String, Value>) -> Vec<&Value> {
    monitors.values().map(|it| &it["metadata"]["resourceVersion"]).collect()
}

fn settings(cluster: &Cluster, monitoring: &Value) -> Result<()> {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {"monitoring": monitoring.to_string()},
    });
    cluster.kubectl(&["apply", "-f", "-"], Some(&map.to_string())).map(drop)
}

// Takes a minute: a control plane comes up, with pods of groups.
#[test]
fn monitors_come_with_their_kinds_and_follow_annotation_and_settings() -> Result<()> {
    let cluster = Cluster::own("monitors", Variant::Full)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?.watched_by(&operator);
    world.apply(&pair())?;
    world.apply(&many())?;
    without_the_kinds_everything_else_works(&world)?;
    cluster.add_monitors()?;
    they_are_what_render_prints(&world)?;
    what_others_change_is_set_back(&world)?;
    another_pass_writes_nothing(&world, &operator)?;
    the_settings_hold_where_a_service_does_not_say(&world, &cluster)?;
    they_read_what_serves_metrics(&world)?;
    they_go_when_nobody_wants_them(&world, &cluster)
}

fn without_the_kinds_everything_else_works(world: &World<'_>) -> Result<()> {
    let ready = until_ready_is(world, "pair", "True", PATIENCE)?;
    let told = says(&ready, "SpecIgnored", "message");
    for name in ["podmonitors.monitoring.coreos.com", "servicemonitors.monitoring.coreos.com"] {
        let at = format!("metadata.annotations[{ANNOTATION}]: monitoring is wanted");
        ensure!(told.contains(&at) && told.contains(name), "{told}");
    }
    let other = until_ready_is(world, "many", "True", PATIENCE)?;
    assert_eq!(says(&other, "SpecIgnored", "message"), "");
    Ok(())
}

/// Object by object, with the service as their owner.
fn they_are_what_render_prints(world: &World<'_>) -> Result<()> {
    let live = until_there_are(world, &OF_PAIR)?;
    let service = world.get("llmisvc", "pair")?;
    let owner = json!([{
        "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "name": "pair",
        "uid": service["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    let printed = printed(world)?;
    assert_eq!(live.len(), printed.len());
    for object in live.values() {
        assert_eq!(object["metadata"]["ownerReferences"], owner);
        let (name, ours) = normal(object.clone());
        assert_eq!(Some(&ours), printed.get(&name), "{name}");
    }
    let told_no_more = |it: Option<&Value>| it.is_some_and(|it| says(it, "SpecIgnored", "status") != "True");
    world.until("llmisvc", "pair", "ignores nothing any more", told_no_more, SOON)?;
    until_ready_is(world, "pair", "True", SOON).map(drop)
}

fn printed(world: &World<'_>) -> Result<BTreeMap<String, Value>> {
    let folder = tempfile::tempdir()?;
    let file: PathBuf = folder.path().join("service.yaml");
    fs::write(&file, pair())?;
    let mut objects = documents::parse(&rendered(world, &[file])?)?;
    objects.retain(|it| it["apiVersion"] == "monitoring.coreos.com/v1");
    Ok(objects.into_iter().map(normal).collect())
}

fn what_others_change_is_set_back(world: &World<'_>) -> Result<()> {
    let (kind, name) = ("podmonitor", "pair-kserve-monitor");
    let before = world.get(kind, name)?;
    let theirs = json!({
        "metadata": {"labels": {"theirs": "stays"}},
        "spec": {"podMetricsEndpoints": [{"path": "/elsewhere"}]},
    });
    world.patch(kind, name, "merge", &theirs.to_string())?;
    let ours = |it: Option<&Value>| it.is_some_and(|it| it["spec"] == before["spec"]);
    let now = world.until(kind, name, "is set back", ours, SOON)?.context("it")?;
    assert_eq!(now["metadata"]["labels"]["theirs"], "stays");
    world.delete("servicemonitor", "pair-epp-monitor")?;
    until_there_are(world, &OF_PAIR).map(drop)
}

fn another_pass_writes_nothing(world: &World<'_>, operator: &Operator) -> Result<()> {
    world.until_quiet(Duration::from_secs(2), PATIENCE)?;
    let before = monitors(world)?;
    let now = |name: &str, of: &str| -> Result<u64> { Ok(counted(&operator.metrics()?, name, of)) };
    let writes = || -> Result<Vec<u64>> {
        ["created", "applied", "pruned", "refused"]
            .iter()
            .map(|verb| now("llmisvc_objects_total", verb))
            .collect()
    };
    let (written, earlier) = (writes()?, now("llmisvc_reconciles_total", "settled")?);
    world.kubectl(&["annotate", "deployment", "pair-kserve", "touched=yes"], None)?;
    let passed = || Ok((now("llmisvc_reconciles_total", "settled")? > earlier).then_some(()));
    world.eventually("a pass", PATIENCE, passed)?;
    assert_eq!(writes()?, written);
    assert_eq!(versions(&monitors(world)?), versions(&before));
    Ok(())
}

fn the_settings_hold_where_a_service_does_not_say(world: &World<'_>, cluster: &Cluster) -> Result<()> {
    let labels = json!({"release": "prometheus"});
    settings(
        cluster,
        &json!({"podMonitors": true, "interval": "15s", "labels": labels, "schedulerTokenSecret": "reader"}),
    )?;
    let all = [&OF_MANY[..], &OF_PAIR[..]].concat();
    until_there_are(world, &all)?;
    let endpoint = |it: &Value| ["podMetricsEndpoints", "endpoints"].map(|list| it["spec"][list][0].clone());
    let changed = |it: &Value| {
        let is_slow = endpoint(it).iter().any(|it| it["interval"] == "15s");
        is_slow && it["metadata"]["labels"]["release"] == "prometheus"
    };
    let same = || Ok(Some(monitors(world)?).filter(|found| found.values().all(changed)));
    let found = world.eventually("all have the label and the interval", PATIENCE, same)?;
    let picker = &found["ServiceMonitor pair-epp-monitor"]["spec"]["endpoints"][0]["authorization"];
    assert_eq!(*picker, json!({"type": "Bearer", "credentials": {"name": "reader", "key": "token"}}));
    Ok(())
}

/// Every pod that answers, at the port of its model server, and the picker: nothing else, and nothing twice.
fn they_read_what_serves_metrics(world: &World<'_>) -> Result<()> {
    let found = monitors(world)?;
    let target = |name: &str, role: &str, port: &str| Target::new(name, role, port);
    for (monitor, expected) in [
        (OF_PAIR[0], vec![target("pair", "decode", "8001"), target("pair", "decode", "8001")]),
        (OF_PAIR[1], vec![target("pair", "prefill", "8000")]),
        (OF_MANY[0], ["8000", "8000", "8001", "8001"].map(|port| target("many", "both", port)).to_vec()),
    ] {
        let read = of_pods(world, &found[monitor])?;
        assert_eq!(read.iter().map(|it| it.target.clone()).collect::<Vec<_>>(), expected, "{monitor}");
        ensure!(read.iter().all(|it| !it.revision.is_empty()), "{monitor}: {read:?}");
    }
    for (monitor, name) in [(OF_PAIR[2], "pair"), (OF_MANY[1], "many")] {
        let picker = [(format!("{name}-epp-service"), target(name, "scheduler", "9090"))];
        assert_eq!(of_services(world, &found[monitor])?, picker);
    }
    Ok(())
}

fn they_go_when_nobody_wants_them(world: &World<'_>, cluster: &Cluster) -> Result<()> {
    world
        .kubectl(&["annotate", "--overwrite", "llmisvc", "pair", &format!("{ANNOTATION}=disabled")], None)?;
    until_there_are(world, &OF_MANY)?;
    world.kubectl(&["annotate", "llmisvc", "pair", &format!("{ANNOTATION}-")], None)?;
    until_there_are(world, &[&OF_MANY[..], &OF_PAIR[..]].concat())?;
    settings(cluster, &json!({"podMonitors": false}))?;
    until_there_are(world, &[])?;
    for name in ["many", "pair"] {
        let now = until_ready_is(world, name, "True", SOON)?;
        assert_eq!(says(&now, "MonitoringReady", "status"), "", "there is nothing to tell");
    }
    Ok(())
}
