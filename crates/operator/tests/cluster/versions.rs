//! The CRDs on a real API server: both variants, both versions, with and without a conversion webhook. One control
//! plane has all of it, one after the other, since they are the same two objects.

use anyhow::{Context as _, Result, ensure};
use llmisvc_api::crd::{Conversion, Options, generate};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::operator::Webhooks;
use llmisvc_testkit::{Cluster, World, net, paths};
use serde_json::{Value, json};

use crate::look::{PATIENCE, example, plain};
use crate::standby::standby;

const KINDS: [&str; 2] = ["llminferenceservices", "llminferenceserviceconfigs"];
const OLDER: &str = "llminferenceservices.v1alpha1.serving.kserve.io";

fn folder(name: &str) -> String {
    paths::repository().join("config").join(name).display().to_string()
}

/// Puts these CRDs in place of those that are there. Another way of conversion is no change that an apply makes.
/// kubectl reads before it writes, and the API server and the operator write to CRDs too: a conflict is tried again.
fn replace(world: &World<'_>, crds: &[Value]) -> Result<()> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": crds}).to_string();
    world.eventually("the CRDs are replaced", PATIENCE, || {
        match world.kubectl(&["replace", "-f", "-"], Some(&list)) {
            Err(error) if format!("{error:#}").contains("(Conflict)") => Ok(None),
            replaced => replaced.map(Some),
        }
    })?;
    let versions = crds[0]["spec"]["versions"].as_array().context("versions")?;
    until_served(world, versions.len())
}

fn until_served(world: &World<'_>, versions: usize) -> Result<()> {
    world.eventually("the API server serves these versions", PATIENCE, || {
        let group: Value =
            serde_json::from_str(&world.kubectl(&["get", "--raw", "/apis/serving.kserve.io"], None)?)?;
        Ok((group["versions"].as_array().map(Vec::len) == Some(versions)).then_some(()))
    })
}

/// Removes the CRDs that every cluster of the tests has.
fn remove_crds(world: &World<'_>) -> Result<()> {
    let names = KINDS.map(|plural| format!("{plural}.serving.kserve.io"));
    world.kubectl(&["delete", "crd", &names[0], &names[1], "--wait"], None).map(drop)
}

#[test]
fn both_versions_on_an_api_server() -> Result<()> {
    let cluster = Cluster::own("versions", Variant::Small)?;
    let world = World::new(&cluster)?;
    a_plain_apply_takes_the_crds_twice(&world)?;
    services_can_be_scaled_and_adapters_are_typed(&world)?;
    without_a_webhook_v1alpha1_says_why_it_fails(&world)?;
    the_full_variant_explains_pods(&world)?;
    a_client_of_v1alpha1_loses_nothing_of_v1alpha2(&world)?;
    // Without webhooks v1alpha1 is gone, and v1alpha2 as it was.
    replace(&world, &generate(&Options { conversion: Conversion::Off, ..Options::default() }))?;
    world.get("llmisvc", "scaled").map(drop)
}

fn a_plain_apply_takes_the_crds_twice(world: &World<'_>) -> Result<()> {
    remove_crds(world)?;
    let crds = folder("crd");
    let apply = || world.kubectl(&["apply", "-f", &crds], None);
    let said = apply()?;
    ensure!(said.lines().all(|line| line.ends_with("created")), "{said}");
    let said = apply()?;
    ensure!(said.lines().count() == 2 && said.lines().all(|line| line.ends_with("unchanged")), "{said}");
    until_served(world, 2)
}

fn services_can_be_scaled_and_adapters_are_typed(world: &World<'_>) -> Result<()> {
    // E-12
    world.apply(&plain("scaled"))?;
    world.kubectl(&["scale", "llmisvc", "scaled", "--replicas=3"], None)?;
    assert_eq!(world.get("llmisvc", "scaled")?["spec"]["replicas"], 3);
    let status = r#"{"status": {"replicas": 2, "selector": "app=llama"}}"#;
    world.kubectl(
        &["patch", "llmisvc", "scaled", "--subresource=status", "--type=merge", "-p", status],
        None,
    )?;
    let path = format!(
        "/apis/serving.kserve.io/v1alpha2/namespaces/{}/llminferenceservices/scaled/scale",
        world.namespace()
    );
    let scale: Value = serde_json::from_str(&world.kubectl(&["get", "--raw", &path], None)?)?;
    assert_eq!(scale["status"], json!({"replicas": 2, "selector": "app=llama"}));

    // E-8
    let typo = plain("typo").replace("replicas: 1", "replicas: 1, model: {lora: {adapters: [{name: 3}]}}");
    let said = world.refuses(&typo.replace("model: {uri: 'hf://org/typo'}, ", ""))?;
    ensure!(said.contains("spec.model.lora.adapters[0].name"), "{said}");
    Ok(())
}

fn the_full_variant_explains_pods(world: &World<'_>) -> Result<()> {
    let said =
        world.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &folder("crd-full")], None)?;
    ensure!(said.lines().count() == 2, "{said}");
    let explain = |place: &str| world.kubectl(&["explain", place], None);
    let described = |place: &'static str| {
        world.eventually(&format!("{place} is described"), PATIENCE, move || {
            let text = explain(place).unwrap_or_default();
            Ok(Some(text).filter(|text| text.contains("DESCRIPTION:") && !text.contains("<empty>")))
        })
    };
    described("llmisvc.spec.template.containers.image")?;
    described("llmisvc.spec.parallelism.dataLocal")?;
    // E-7, E-13
    ensure!(described("llmisvc.spec.router.ingress")?.contains("in place of route"));
    let tokenizer = "spec: {router: {scheduler: {tokenizer: {template: {nodeSelector: {a: b}}}}}, ";
    world.apply(&plain("tokenizer").replace("spec: {", tokenizer))?;
    // Every example is taken, and what was there is still read.
    for name in ["config-inheritance", "llama-405b-pipeline", "oci-image-volume", "kv-cache-tiers", "lora"] {
        world.apply(&example(name)?)?;
    }
    world.get("llmisvc", "scaled")?;
    let typo = plain("typo").replace("spec: {", "spec: {template: {containers: [{name: main, imagee: x}]}, ");
    ensure!(world.refuses(&typo)?.contains(r#"unknown field "spec.template.containers[0].imagee""#));
    Ok(())
}

fn a_client_of_v1alpha1_loses_nothing_of_v1alpha2(world: &World<'_>) -> Result<()> {
    // E-42, E-43, E-44, E-45, G-46
    let port = net::free_port()?;
    let _operator = standby(world.cluster(), Webhooks::At(port), &[])?;
    let conversion = Conversion::Url(format!("https://127.0.0.1:{port}"));
    replace(world, &generate(&Options { conversion, ..Options::default() }))?;
    let spec = json!({
        "model": {
            "uri": "hf://org/llama", "confidential": {"enabled": true, "resourceId": "kbs:///a/b/c"},
            "lora": {"adapters": [{"name": "sql", "uri": "hf://org/sql"}, {"name": "chat", "uri": "hf://org/chat"}]},
        },
        "replicas": 1,
        "kvCacheOffloading": {"cpu": "10Gi"},
        "router": {"scheduler": {"pool": {"spec": {
            "targetPorts": [{"number": 8000}, {"number": 8001}], "appProtocol": "http",
        }}}},
    });
    let object = json!({
        "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService",
        "metadata": {"name": "llama"}, "spec": spec,
    });
    // No apply: kubectl gives what a client-side apply owned to whoever applies from the server's side next.
    world.kubectl(&["create", "-f", "-"], Some(&object.to_string()))?;
    let status = json!({"status": {
        "router": {"gateways": [{"group": "g", "kind": "Gateway", "name": "gw"}], "group": {"name": "blue"}},
        "workloads": {"primary": {"kind": "Deployment", "name": "llama-kserve", "readyReplicas": 1}},
        "appliedConfigs": [{"name": "base", "namespace": "default", "source": "UserRef"}],
    }});
    let patch = ["patch", "llmisvc", "llama", "--subresource=status", "--type=merge", "-p"];
    world.kubectl(&[&patch[..], &[&status.to_string()]].concat(), None)?;
    let before = world.get("llmisvc", "llama")?;

    // The API server takes a moment until it asks another webhook.
    let read = || Ok(world.find(OLDER, "llama").ok().flatten());
    let shown = world.eventually("v1alpha1 can be read", PATIENCE, read)?;
    assert_eq!(shown["spec"]["router"]["scheduler"]["pool"]["spec"], json!({"targetPortNumber": 8000}));
    assert_eq!(shown["status"]["router"]["gateways"], status["status"]["router"]["gateways"]);
    assert_eq!(shown["spec"].get("kvCacheOffloading"), None);

    // Read, change, write, in three ways.
    world.patch(OLDER, "llama", "merge", r#"{"spec": {"replicas": 2}}"#)?;
    let mut written = world.get(OLDER, "llama")?;
    written["spec"]["model"]["criticality"] = json!("Critical");
    written["spec"]["model"]["lora"]["adapters"][0]["criticality"] = json!("Sheddable");
    world.kubectl(&["replace", "-f", "-"], Some(&written.to_string()))?;
    let tracing = json!({
        "apiVersion": "serving.kserve.io/v1alpha1", "kind": "LLMInferenceService",
        "metadata": {"name": "llama"}, "spec": {"tracing": {"sampler": "always_on"}},
    });
    world.kubectl(
        &["apply", "--server-side", "--field-manager=other", "-f", "-"],
        Some(&tracing.to_string()),
    )?;

    let after = world.get("llmisvc", "llama")?;
    let mut expected = spec;
    expected["replicas"] = json!(2);
    expected["tracing"] = json!({"sampler": "always_on"});
    assert_eq!((&after["spec"], &after["status"]), (&expected, &before["status"]));

    // The adapters change places in v1alpha2, and keep what v1alpha1 said of them.
    let swapped = json!({"spec": {"model": {"lora": {"adapters": [{"name": "chat"}, {"name": "sql"}]}}}});
    world.patch("llmisvc", "llama", "merge", &swapped.to_string())?;
    let shown = world.get(OLDER, "llama")?;
    assert_eq!(
        shown["spec"]["model"]["lora"]["adapters"],
        json!([{"name": "chat"}, {"name": "sql", "criticality": "Sheddable"}])
    );
    assert_eq!(shown["spec"]["model"]["criticality"], "Critical");
    ensure!(world.kubectl(&["get", OLDER], None)?.lines().next().unwrap_or_default().contains("READY"));
    Ok(())
}

fn without_a_webhook_v1alpha1_says_why_it_fails(world: &World<'_>) -> Result<()> {
    // config/crd names a Service that nobody has here.
    let said = world.refuses(&plain("older").replace("v1alpha2", "v1alpha1"))?;
    ensure!(said.contains("conversion webhook for serving.kserve.io/v1alpha1"), "{said}");
    ensure!(said.contains("llmisvc-webhook-server-service"), "{said}");
    Ok(())
}
