//! TLS between the components, switched on and off. It is one setting for all services, so this has a control plane
//! of its own.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::look::{PATIENCE, plain, says, until_ready_is};

const CA: &str = "m-kserve-ca";
const CERTS: &str = "m-kserve-self-signed-certs";
const QUIET: Duration = Duration::from_secs(2);

fn switch(cluster: &Cluster, tls: bool) -> Result<()> {
    let name = json!({"name": "inferenceservice-config", "namespace": "kserve"});
    let ingress = json!({"enableLLMInferenceServiceTLS": tls}).to_string();
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"ingress": ingress}});
    cluster.kubectl(&["apply", "-f", "-"], Some(&map.to_string())).map(drop)
}

fn until_secret(world: &World<'_>, name: &str, what: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
    let found = world.until("secret", name, what, |it: Option<&Value>| it.is_some_and(&is), PATIENCE)?;
    found.context("it is there")
}

fn certificate(secret: &Value) -> &str {
    secret["data"]["tls.crt"].as_str().unwrap_or_default()
}

// L-1, L-2, L-4
#[test]
fn tls_is_switched_on_and_off_without_a_new_key_or_a_write_too_many() -> Result<()> {
    let cluster = Cluster::own("tls", Variant::Full)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?;
    world.apply(&plain("m"))?;
    let own = until_secret(&world, CERTS, "is issued", |it| !certificate(it).is_empty())?;
    ensure!(own["data"]["ca.crt"] == own["data"]["tls.crt"] && world.find("secret", CA)?.is_none());

    switch(&cluster, true)?;
    let ca = until_secret(&world, CA, "is made", |it| !certificate(it).is_empty())?;
    let published = |it: &Value| it["data"]["ca.crt"] != own["data"]["ca.crt"];
    let on = until_secret(&world, CERTS, "trusts both", published)?;
    ensure!(certificate(&on) == certificate(&own), "what pods serve with stays for a day");
    let talks = |it: Option<&Value>| it.is_some_and(|it| it.to_string().contains("--ssl-certfile"));
    world.until("deployment", "m-kserve", "talks TLS", talks, PATIENCE)?;
    let url = |it: &Value| it["status"]["addresses"][0]["url"].as_str().map(str::to_owned);
    let secure =
        |it: Option<&Value>| it.and_then(url).is_some_and(|url| url.starts_with("https://m-kserve-workload"));
    world.until("llmisvc", "m", "is addressed by https", secure, PATIENCE)?;
    groups_of_both_roles_talk_tls(&cluster)?;
    world.until_quiet(QUIET, PATIENCE)?;

    let gone = r#"[{"op": "remove", "path": "/data/ca.crt"}]"#;
    world.patch("secret", CERTS, "json", gone)?;
    let healed = |it: &Value| it["data"].get("ca.crt").is_some();
    let healed = until_secret(&world, CERTS, "has a ca.crt again", healed)?;
    ensure!(certificate(&healed) == certificate(&own), "and the same pair");

    world.delete("secret", CERTS)?;
    let another = |it: &Value| it["metadata"]["uid"] != own["metadata"]["uid"];
    let signed = until_secret(&world, CERTS, "comes back", another)?;
    ensure!(
        signed["data"]["ca.crt"] == ca["data"]["tls.crt"],
        "signed by the CA, and nobody else is trusted"
    );
    world.until_quiet(QUIET, PATIENCE)?;
    ensure!(world.get("secret", CA)?["data"] == ca["data"], "the CA is as it was");

    switch(&cluster, false)?;
    world.until("secret", CA, "is gone", |it| it.is_none(), PATIENCE)?;
    world.until_quiet(QUIET, PATIENCE)?;
    ensure!(world.get("secret", CERTS)?["data"] == signed["data"], "kept until it is due");
    no_key_is_logged(&operator, &[&own, &ca, &signed])
}

const GROUPS: &str = "apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: secure}
spec:
  model: {uri: 'hf://org/secure'}
  replicas: 1
  prefill: {replicas: 1, parallelism: {pipeline: 2}, worker: {}}
  router: {route: {}, gateway: {}, scheduler: {}}
";

/// Decode in single pods beside prefill in a group: all that they are asked is asked by TLS.
fn groups_of_both_roles_talk_tls(cluster: &Cluster) -> Result<()> {
    let world = World::new(cluster)?;
    world.apply(GROUPS)?;
    let ready = until_ready_is(&world, "secure", "True", PATIENCE)?;
    ensure!(says(&ready, "PrefillWorkerWorkloadReady", "status") == "True", "{ready:#}");
    let pods = world.list("pods")?;
    let has = |pod: &&Value, arg: &str| pod["spec"].to_string().contains(arg);
    let serving: Vec<&Value> = pods.iter().filter(|pod| has(pod, "--ssl-certfile")).collect();
    ensure!(serving.len() == 3, "decode, and a leader and a worker of prefill: {}", serving.len());
    for pod in &serving {
        assert_eq!(probed_without_tls(pod), Vec::<&Value>::new());
        ensure!(has(pod, "secure-kserve-self-signed-certs"), "no certificate is mounted: {pod:#}");
    }
    ensure!(serving.iter().any(|pod| has(pod, "--secure-proxy=true")), "the sidecar asks prefill by TLS");
    let pickers: Vec<&Value> = pods.iter().filter(|pod| has(pod, "--secure-serving=true")).collect();
    ensure!(pickers.len() == 1 && has(&pickers[0], "scheme: https"), "{pickers:#?}");
    let service = world.get("service", "secure-kserve-workload-svc")?;
    let port = &service["spec"]["ports"][0];
    assert_eq!((&port["name"], &port["appProtocol"]), (&json!("https"), &json!("https")));
    Ok(())
}

/// HTTP probes of a pod whose scheme is not HTTPS.
fn probed_without_tls(pod: &Value) -> Vec<&Value> {
    let lists = ["containers", "initContainers"].map(|list| pod["spec"][list].as_array());
    let containers = lists.into_iter().flatten().flatten();
    let probes = containers.flat_map(|it| {
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| &it[probe]["httpGet"])
    });
    probes.filter(|it| it.is_object() && it["scheme"] != "HTTPS").collect()
}

fn no_key_is_logged(operator: &Operator, secrets: &[&Value]) -> Result<()> {
    let logs = operator.logs();
    let keys = secrets.iter().filter_map(|secret| secret["data"]["tls.key"].as_str());
    for key in keys {
        ensure!(!key.is_empty() && !logs.contains(key), "a key is in the logs");
    }
    ensure!(!logs.contains("PRIVATE KEY"), "a key is in the logs");
    Ok(())
}
