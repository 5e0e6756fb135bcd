//! Webhooks: what happens while nobody serves them, restarts, trust that is taken away, and certificates of others.
//! Each test has a control plane of its own, since it takes the webhooks of all tests away.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use llmisvc_testkit::cluster::{Variant, webhooks};
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::Value;

use crate::configs::until_namespace_is_gone;
use crate::look::{PATIENCE, config, plain};

const VALIDATOR: &str = "llminferenceservice.kserve-webhook-server.v1alpha2.validator";

/// Has a scheduler, hence a finalizer.
fn scheduled(name: &str) -> String {
    plain(name).replace("replicas: 1", "replicas: 1, router: {route: {}, gateway: {}, scheduler: {}}")
}

fn is_gone(it: Option<&Value>) -> bool {
    it.is_none()
}

fn is_there(it: Option<&Value>) -> bool {
    it.is_some()
}

const OTHERS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: main, image: none}]}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: b}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {a: b}}
  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: main, image: none}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: others.example.com}
spec:
  group: example.com
  names: {kind: Other, plural: others}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
";

const CONFIGS: &str = "llminferenceserviceconfigs";

// E-30
#[test]
fn a_dead_webhook_holds_up_nothing_but_new_specs_of_ours_and_says_why() -> Result<()> {
    let cluster = Cluster::own("dead-webhook", Variant::Small)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?;
    world.apply(&scheduled("m"))?;
    world.apply(&config("mine", "{replicas: 1}"))?;
    world.apply(&config("kserve-config-llm-mine", "{replicas: 1}"))?;
    let held = |it: Option<&Value>| it.is_some_and(|it| it["metadata"]["finalizers"].is_array());
    world.until("llmisvc", "m", "has a finalizer", held, PATIENCE)?;
    ensure!(operator.stop()?.success(), "SIGTERM ends it with 0");

    world.apply(OTHERS)?;
    for (name, yaml) in [
        (VALIDATOR, plain("new")),
        (VALIDATOR, scheduled("m").replace("replicas: 1", "replicas: 2")),
        (
            "llminferenceserviceconfig.kserve-webhook-server.v1alpha2.validator",
            config("new", "{replicas: 1}"),
        ),
    ] {
        let why = world.refuses(&yaml)?;
        ensure!(why.contains(&format!("failed calling webhook \"{name}\"")), "{why}");
        ensure!(why.contains("connection refused"), "{why}");
    }

    world.kubectl(&["label", "llmisvc", "m", "team=a"], None)?;
    world.kubectl(
        &[
            "patch",
            "llmisvc",
            "m",
            "--subresource=status",
            "--type=merge",
            "-p",
            r#"{"status": {"url": "x"}}"#,
        ],
        None,
    )?;
    world.delete("llminferenceserviceconfig", "mine")?;
    world.until("llminferenceserviceconfig", "mine", "is gone", is_gone, PATIENCE)?;
    world.delete("llmisvc", "m")?;
    world.patch("llmisvc", "m", "merge", r#"{"metadata": {"finalizers": []}}"#)?;
    world.until("llmisvc", "m", "is gone", is_gone, PATIENCE)?;
    // Nobody is there to see that the presets are not used any more.
    let remove = r#"{"metadata": {"finalizers": null}}"#;
    for preset in cluster.list(CONFIGS, "kserve")? {
        let name = preset["metadata"]["name"].as_str().unwrap_or_default();
        cluster.kubectl(&["-n", "kserve", "patch", CONFIGS, name, "--type=merge", "-p", remove], None)?;
    }
    // The last config goes with its namespace, and the presets with theirs.
    for namespace in [world.namespace(), "kserve"] {
        cluster.kubectl(&["delete", "namespace", namespace, "--wait=false"], None)?;
        until_namespace_is_gone(&cluster, namespace, PATIENCE)?;
    }
    Ok(())
}

fn bundles(cluster: &Cluster) -> Result<Vec<String>> {
    let name = "llminferenceservice.serving.kserve.io";
    let configuration =
        cluster.get("validatingwebhookconfiguration", "", name)?.context("it is installed")?;
    let crd = cluster.get("crd", "", "llminferenceservices.serving.kserve.io")?.context("it is installed")?;
    let hooks = configuration["webhooks"].as_array().into_iter().flatten().map(|hook| &hook["clientConfig"]);
    let clients = hooks.chain([&crd["spec"]["conversion"]["webhook"]["clientConfig"]]);
    Ok(clients.map(|client| client["caBundle"].as_str().unwrap_or_default().to_owned()).collect())
}

fn serves(operator: &Operator, metric: &str) -> Result<u64> {
    let metrics = operator.metrics()?;
    let line = metrics.lines().find(|line| line.starts_with(metric));
    Ok(line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_default())
}

#[test]
fn restarts_keep_the_certificate_and_a_bundle_that_is_taken_away_comes_back() -> Result<()> {
    let cluster = Cluster::own("webhook-restart", Variant::Small)?;
    let first = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?;
    world.apply(&plain("m"))?;
    let secret = || cluster.get("secret", "kserve", "llmisvc-webhook-server-cert");
    let made = secret()?.context("it is made")?;
    let all = || Ok(bundles(&cluster)?.iter().all(|it| *it == made["data"]["ca.crt"]).then_some(()));
    world.eventually("it is trusted", PATIENCE, all)?;
    let trusted = bundles(&cluster)?;
    first.kill()?;

    let second = Operator::start(&cluster, &operator::Options::default())?;
    world.apply(&plain("second"))?;
    ensure!(secret()?.context("it is kept")?["data"] == made["data"], "a restart makes no new certificate");

    for pointer in ["/webhooks/0/clientConfig/caBundle", "/webhooks/1/clientConfig/caBundle"] {
        let patch = format!(r#"[{{"op": "remove", "path": "{pointer}"}}]"#);
        let name = "llminferenceservice.serving.kserve.io";
        cluster
            .kubectl(&["patch", "validatingwebhookconfiguration", name, "--type=json", "-p", &patch], None)?;
    }
    let crd = "llminferenceservices.serving.kserve.io";
    let patch = r#"[{"op": "replace", "path": "/spec/conversion/webhook/clientConfig/caBundle", "value": "bm9uZQ=="}]"#;
    let refused = cluster.kubectl(&["patch", "crd", crd, "--type=json", "-p", patch], None).is_err();
    ensure!(refused, "the API server itself looks at bundles");
    let patch = patch.replace("replace", "remove").replace(r#", "value": "bm9uZQ==""#, "");
    cluster.kubectl(&["patch", "crd", crd, "--type=json", "-p", &patch], None)?;
    let back = || Ok((bundles(&cluster)? == trusted).then_some(()));
    world.eventually("the bundles are back", PATIENCE, back)?;
    // Definitions that are applied again, as with an upgrade, keep the bundle.
    let port = webhooks::port(&cluster)?.context("a local control plane has one")?;
    cluster.kubectl(
        &["apply", "--server-side", "--force-conflicts", "-f", "-"],
        Some(&webhooks::definitions(port)?.join("\n---\n")),
    )?;
    world.eventually("the bundles are there", PATIENCE, back)?;
    world.apply(&plain("third"))?;
    let old = cluster
        .get("llminferenceservices.v1alpha1.serving.kserve.io", world.namespace(), "third")?
        .context("it is converted")?;
    assert_eq!(old["apiVersion"], "serving.kserve.io/v1alpha1");
    ensure!(serves(&second, "llmisvc_webhook_requests_total{path=\"convert\",result=\"ok\"}")? > 0);

    // A Secret that is lost is made again, and trusted.
    cluster.kubectl(&["delete", "secret", "llmisvc-webhook-server-cert", "-n", "kserve"], None)?;
    let another = || Ok(secret()?.filter(|it| it["data"]["ca.crt"] != made["data"]["ca.crt"]));
    let another = world.eventually("another Secret", PATIENCE, another)?;
    let all = || Ok(bundles(&cluster)?.iter().all(|it| *it == another["data"]["ca.crt"]).then_some(()));
    world.eventually("it is trusted", PATIENCE, all)?;
    webhooks::until_admitted(&cluster)
}

/// A new pair for 127.0.0.1 that is its own CA.
fn write_pair(folder: &Path) -> Result<String> {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    for (name, text) in
        [("tls.crt", cert.pem()), ("ca.crt", cert.pem()), ("tls.key", signing_key.serialize_pem())]
    {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(cert.pem())
}

#[test]
fn a_pair_in_a_directory_is_served_trusted_and_read_again() -> Result<()> {
    let cluster = Cluster::own("webhook-dir", Variant::Small)?;
    let folder = tempfile::tempdir()?;
    let first = write_pair(folder.path())?;
    let args = vec![format!("--webhook-cert-dir={}", folder.path().display())];
    let operator = Operator::start(&cluster, &operator::Options { args, ..operator::Options::default() })?;
    let world = World::new(&cluster)?.watched_by(&operator);
    world.apply(&plain("m"))?;
    let trusts = |pem: &str| -> Result<bool> {
        let has = |bundle: &String| {
            let text = STANDARD.decode(bundle).unwrap_or_default();
            String::from_utf8_lossy(&text).replace("\r\n", "\n").contains(pem.replace("\r\n", "\n").trim())
        };
        Ok(bundles(&cluster)?.iter().all(has))
    };
    world.eventually("the pair is trusted", PATIENCE, || Ok(trusts(&first)?.then_some(())))?;
    ensure!(cluster.get("secret", "kserve", "llmisvc-webhook-server-cert")?.is_none(), "nothing is made");

    let second = write_pair(folder.path())?;
    world.eventually("the new pair is trusted", PATIENCE, || Ok(trusts(&second)?.then_some(())))?;
    webhooks::until_admitted(&cluster)?;
    world.apply(&plain("second"))?;
    world.until("deployment", "second-kserve", "is created", is_there, PATIENCE).map(drop)
}

// E-17, E-32
#[test]
fn no_settings_are_needed_for_admission_and_presets_are_protected() -> Result<()> {
    let cluster = Cluster::own("webhook-presets", Variant::Small)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?.watched_by(&operator);
    ensure!(cluster.get("configmap", "kserve", "inferenceservice-config")?.is_none());
    world.apply(&plain("without-settings"))?;
    let nonsense = ["--from-literal=localModel={nonsense", "--from-literal=ingress={nonsense"];
    let create = ["create", "configmap", "inferenceservice-config", "-n", "kserve"];
    cluster.kubectl(&[create.as_slice(), &nonsense].concat(), None)?;
    world.apply(&plain("with-bad-settings"))?;

    let preset = "llmisvc-v0-1-0-config-llm-template";
    let installed = || Ok(cluster.get("llminferenceserviceconfig", "kserve", preset)?.map(drop));
    world.eventually("the presets are installed", PATIENCE, installed)?;
    let delete = |namespace: &str, name: &str| {
        cluster.kubectl(&["delete", "llminferenceserviceconfig", name, "-n", namespace, "--wait=false"], None)
    };
    let why = delete("kserve", preset).err().context("a preset was deleted")?;
    ensure!(format!("{why:#}").contains("cannot be deleted"), "{why:#}");
    world.apply(&config(preset, "{replicas: 1}"))?;
    delete(world.namespace(), preset).map(drop)
}
