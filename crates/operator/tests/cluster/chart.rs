//! The charts on a control plane of their own, through the real Helm: installed in a namespace of the user's
//! choice, upgraded, rolled back, removed and installed again, while services run.
//!
//! KWOK plays the pods of the operator's Deployment; the operator that works is a process beside, under the chart's
//! ServiceAccount.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::chart::{self, Chart};
use llmisvc_testkit::cluster::{Variant, webhooks};
use llmisvc_testkit::operator::Webhooks;
use llmisvc_testkit::{Cluster, Operator, World, account, documents, net, operator, paths};
use serde_json::Value;

use crate::look::{PATIENCE, example, until_ready_is};

/// Where the charts go; not the namespace that manifests name.
const NAMESPACE: &str = "models";

/// An administrator with Helm.
struct Admin<'a> {
    cluster: &'a Cluster,
    /// Where webhooks are served: not in a pod.
    port: u16,
}

impl Admin<'_> {
    fn helm(&self, chart: Chart, verb: &str, args: &[&str]) -> Result<String> {
        let folder = chart::folder(chart).display().to_string();
        let mut all = vec![verb, chart.name(), "--namespace", NAMESPACE, "--wait", "--timeout", "120s"];
        let url = format!("webhooks.url=https://127.0.0.1:{}", self.port);
        if verb != "uninstall" && verb != "rollback" {
            all.extend([folder.as_str(), "--set", &url]);
        }
        all.extend(args);
        self.cluster.helm(&all)
    }

    fn install(&self) -> Result<()> {
        self.helm(Chart::Definitions, "install", &[])?;
        self.helm(Chart::Operator, "install", &["--set", "presets=chart"]).map(drop)
    }

    /// Kind and name of each object of a release, with its resourceVersion.
    fn release(&self, chart: Chart) -> Result<BTreeMap<String, String>> {
        let manifest = self.cluster.helm(&["get", "manifest", chart.name(), "-n", NAMESPACE])?;
        versions(&self.cluster.kubectl(&["get", "-o", "json", "-f", "-"], Some(&manifest))?)
    }

    /// The operator as the Deployment would run it.
    fn operator(&self) -> Result<Operator> {
        let kubeconfig = self.kubeconfig();
        account::token(self.cluster, NAMESPACE, &kubeconfig)?;
        let args = ["--leader-elect", "--install-presets=false"].map(str::to_owned).to_vec();
        let env = vec![("POD_NAMESPACE".to_owned(), NAMESPACE.to_owned())];
        let operator = Operator::start(
            self.cluster,
            &operator::Options {
                kubeconfig: Some(kubeconfig),
                args,
                env,
                webhooks: Webhooks::At(self.port),
                ..operator::Options::default()
            },
        )?;
        webhooks::until_admitted(self.cluster)?;
        Ok(operator)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.cluster.kubeconfig().with_extension("operator")
    }
}

/// The resourceVersions of a list of objects.
fn versions(list: &str) -> Result<BTreeMap<String, String>> {
    let list: Value = serde_json::from_str(list).context("kubectl get")?;
    let version = |it: &Value| (documents::identity(it), it["metadata"]["resourceVersion"].to_string());
    Ok(list["items"].as_array().into_iter().flatten().map(version).collect())
}

/// Name and UID of each pod: another UID is another pod.
fn pods(world: &World<'_>) -> Result<BTreeMap<String, String>> {
    let pods = world.list("pods")?;
    Ok(pods.iter().map(|it| (documents::identity(it), it["metadata"]["uid"].to_string())).collect())
}

// E-14
// Longer than the others: a control plane of its own, eight runs of Helm that each wait for the operator's pods, and
// twice the silence of four seconds that shows that nothing is written any more.
#[test]
fn charts_are_installed_upgraded_rolled_back_removed_and_installed_again_around_services_that_stay()
-> Result<()> {
    let cluster = Cluster::own("chart", Variant::WithoutLeaderWorkerSets)?;
    let admin = Admin { cluster: &cluster, port: net::free_port()? };
    // The test control plane has brought the definitions; here Helm does.
    cluster.kubectl(&["delete", "crd", "llminferenceservices.serving.kserve.io"], None)?;
    cluster.kubectl(&["delete", "crd", "llminferenceserviceconfigs.serving.kserve.io"], None)?;
    cluster.kubectl(&["create", "namespace", NAMESPACE], None)?;
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    cluster.kubectl(&["label", "namespace", NAMESPACE, restricted], None)?;
    admin.install()?;
    releases_fit_into_their_secrets(&cluster)?;

    let first = admin.operator()?;
    let world = World::new(&cluster)?;
    for name in ["basic-model", "qwen-2.5-7b"] {
        world.apply(&example(name)?)?;
    }
    for name in ["basic-llm", "qwen-25-7b"] {
        world.until_condition("llmisvc", name, "Ready", "True")?;
    }
    world.until_quiet(Duration::from_secs(4), PATIENCE)?;
    let (settled, running) = (world.versions()?, pods(&world)?);

    let three = ["--set", "presets=chart,replicas=3"];
    admin.helm(Chart::Operator, "upgrade", &three)?;
    assert_eq!(replicas(&cluster)?, 3, "the upgrade changes the operator");
    let upgraded = (admin.release(Chart::Definitions)?, admin.release(Chart::Operator)?);
    admin.helm(Chart::Operator, "upgrade", &three)?;
    admin.helm(Chart::Definitions, "upgrade", &[])?;
    assert_eq!((admin.release(Chart::Definitions)?, admin.release(Chart::Operator)?), upgraded);
    admin.helm(Chart::Operator, "rollback", &["1"])?;
    assert_eq!(replicas(&cluster)?, 2, "the rollback changes it back");
    assert_eq!(world.versions()?, settled, "no service notices");

    assert!(first.stop()?.success(), "SIGTERM ends it with 0");
    admin.helm(Chart::Operator, "uninstall", &[])?;
    admin.helm(Chart::Definitions, "uninstall", &[])?;
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--timeout=0", "--all"], None)?;
    assert_eq!(cluster.list("deployments", NAMESPACE)?, Vec::<Value>::new());
    assert!(
        cluster.list("llminferenceserviceconfigs", NAMESPACE)?.len() > 10,
        "presets stay: services pin them"
    );
    assert_eq!((world.versions()?, pods(&world)?), (settled.clone(), running.clone()));

    admin.install()?;
    let second = admin.operator()?;
    world.until_quiet(Duration::from_secs(4), PATIENCE)?;
    assert_eq!((world.versions()?, pods(&world)?), (settled, running.clone()), "it takes up what is there");
    world.patch("llmisvc", "basic-llm", "merge", r#"{"spec": {"replicas": 3}}"#)?;
    until_ready_is(&world, "basic-llm", "True", PATIENCE)?;
    assert_eq!(world.get("deployment", "basic-llm-kserve")?["status"]["availableReplicas"], 3);
    assert!(running.iter().all(|(name, uid)| pods(&world).is_ok_and(|now| now.get(name) == Some(uid))));
    assert!(second.stop()?.success(), "SIGTERM ends it with 0");
    Ok(())
}

/// Helm keeps a release as one Secret, and etcd takes objects up to 1 MiB.
fn releases_fit_into_their_secrets(cluster: &Cluster) -> Result<()> {
    let mut secrets = cluster.list("secrets", NAMESPACE)?;
    secrets.retain(|it| it["type"] == "helm.sh/release.v1");
    assert_eq!(secrets.len(), 2);
    for secret in secrets {
        let size = secret["data"]["release"].as_str().unwrap_or_default().len();
        println!("{}: {size} bytes", documents::identity(&secret));
        assert!((1..1_000_000).contains(&size), "{size}");
    }
    Ok(())
}

fn replicas(cluster: &Cluster) -> Result<Value> {
    let deployment = cluster.get("deployment", NAMESPACE, "llmisvc-controller-manager")?;
    Ok(deployment.context("the operator's Deployment")?["status"]["readyReplicas"].clone())
}

#[test]
fn a_plain_kubectl_apply_of_config_can_be_repeated_and_handed_over_to_helm() -> Result<()> {
    let cluster = Cluster::own("kustomize", Variant::Small)?;
    cluster.kubectl(&["delete", "crd", "llminferenceservices.serving.kserve.io"], None)?;
    cluster.kubectl(&["delete", "crd", "llminferenceserviceconfigs.serving.kserve.io"], None)?;
    let config = paths::repository().join("config").display().to_string();
    cluster.kubectl(&["apply", "-k", &config], None)?;
    let installed = || versions(&cluster.kubectl(&["get", "-o", "json", "-k", &config], None)?);
    let before = installed()?;
    cluster.kubectl(&["apply", "-k", &config], None)?;
    assert_eq!(installed()?, before);
    let count = cluster.kubectl(&["kustomize", &config], None)?.matches("\nkind: ").count();
    assert_eq!(before.len(), count, "{before:?}");

    let deployed = || cluster.get("deployment", "kserve", "llmisvc-controller-manager");
    let before = deployed()?.context("the operator's Deployment")?;
    for chart in [Chart::Definitions, Chart::Operator] {
        let folder = chart::folder(chart).display().to_string();
        cluster.helm(&[
            "install",
            chart.name(),
            &folder,
            "--namespace",
            "kserve",
            "--take-ownership",
            "--force-conflicts",
        ])?;
    }
    let after = deployed()?.context("the operator's Deployment")?;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["spec"], before["spec"], "nothing rolls");
    Ok(())
}
