//! TLS between the components, switched on and off. It is one setting for all services, so this has a control plane
//! of its own.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::look::{PATIENCE, plain};

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
    let cluster = Cluster::own("tls", Variant::Small)?;
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

fn no_key_is_logged(operator: &Operator, secrets: &[&Value]) -> Result<()> {
    let logs = operator.logs();
    let keys = secrets.iter().filter_map(|secret| secret["data"]["tls.key"].as_str());
    for key in keys {
        ensure!(!key.is_empty() && !logs.contains(key), "a key is in the logs");
    }
    ensure!(!logs.contains("PRIVATE KEY"), "a key is in the logs");
    Ok(())
}
