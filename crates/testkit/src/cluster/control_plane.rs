//! Starting and ending a local control plane through kwokctl, in a run folder of our own.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::kubectl::capture;
use super::part::Part;
use super::tools::Tools;
use super::{Cluster, Variant, envtest, lws};
use crate::{net, paths};

/// KWOK's default Service range is a /24, which is full after 254 Services.
const SERVICES: &str = "service-cluster-ip-range=10.0.0.0/16";

/// The running control plane of this name, or a new one.
pub fn ensure(name: &str, variant: Variant) -> Result<Cluster> {
    let folder = paths::run(name);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock().context("another process starts this control plane")?;
    match env::var_os("KUBEBUILDER_ASSETS") {
        Some(assets) if variant == Variant::Small => envtest::ensure(Path::new(&assets), &folder),
        _ => with_kwokctl(name, variant),
    }
}

fn with_kwokctl(name: &str, variant: Variant) -> Result<Cluster> {
    let tools = Tools::ready()?;
    let kubeconfig = paths::run(name).join("clusters").join(name).join("kubeconfig.yaml");
    let cluster = Cluster::new(kubeconfig, tools.program("kubectl"));
    if !answers(&cluster) {
        end(&tools, name)?;
        start(&tools, name, variant).with_context(|| format!("logs: {}", logs(name)))?;
    }
    Ok(cluster)
}

fn answers(cluster: &Cluster) -> bool {
    cluster.kubeconfig().exists()
        && cluster.kubectl(&["get", "--raw", "/readyz", "--request-timeout=5s"], None).is_ok()
}

/// Every request of the operator to the control plane of this name, one JSON object a line.
pub fn audit(name: &str) -> PathBuf {
    paths::run(name).join("clusters").join(name).join("logs/audit.log")
}

fn logs(name: &str) -> String {
    paths::run(name).join("clusters").join(name).join("logs").display().to_string()
}

fn kwokctl(tools: &Tools, name: &str) -> Command {
    let folder = paths::run(name);
    let mut command = Command::new(tools.program("kwokctl"));
    // Neither `~/.kwok` nor `~/.kube/config` is touched.
    command.env("KWOK_WORKDIR", &folder).env_remove("KUBECONFIG");
    command.arg("--name").arg(name).arg("--config");
    command.arg(paths::repository().join("tests/localcluster/manifests/kwokctl.yaml"));
    command
}

fn start(tools: &Tools, name: &str, variant: Variant) -> Result<()> {
    let mut command = kwokctl(tools, name);
    command.args(["create", "cluster", "--runtime", "binary", "--wait", "120s", "--disable-qps-limits"]);
    command.args(["--components", variant.components()]);
    command.arg("--kubeconfig").arg(paths::run(name).join("contexts"));
    let manifests = paths::repository().join("tests/localcluster/manifests");
    command.arg("--kube-audit-policy").arg(manifests.join("audit.yaml"));
    for program in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        command.arg(format!("--{program}-binary")).arg(tools.program(program));
    }
    command.arg("--kwok-controller-binary").arg(tools.program("kwok"));
    // As real clusters have it: webhooks tell controllers by their accounts.
    command.args(["--extra-args", "kube-controller-manager=use-service-account-credentials=true"]);
    for component in ["kube-apiserver", "kube-controller-manager"] {
        command.args(["--extra-args", &format!("{component}={SERVICES}")]);
    }
    if variant != Variant::Small {
        command.arg("--kube-scheduler-config").arg(manifests.join("scheduler.yaml"));
        command.args(["--enable-crds", "Stage"]);
    }
    capture(&mut command, None).map(drop)
}

/// Ends the control plane of this name, by the process ids in its run folder, and removes the folder.
pub fn down(name: &str) -> Result<()> {
    if !paths::run(name).exists() {
        return Ok(());
    }
    envtest::end(&paths::run(name))?;
    if paths::run(name).join("clusters").exists() {
        end(&Tools::ready()?, name)?;
    }
    fs::remove_dir_all(paths::run(name)).context("removing the run folder")
}

/// Whether the control plane of this name answers.
pub fn is_up(name: &str) -> Result<Option<Cluster>> {
    let kubeconfig = paths::run(name).join("clusters").join(name).join("kubeconfig.yaml");
    if !kubeconfig.exists() {
        return Ok(None);
    }
    let cluster = Cluster::new(kubeconfig, Tools::ready()?.program("kubectl"));
    Ok(answers(&cluster).then_some(cluster))
}

/// A running program of the control plane of this name.
pub fn part(name: &str, program: &str) -> Result<Part> {
    let folders =
        [paths::run(name).join("clusters").join(name).join("pids"), paths::run(name).join("envtest/pids")];
    let files = [folders[0].join(format!("{program}.pid")), folders[1].join(program)];
    let file = files.into_iter().find(|it| it.exists());
    Part::new(file.with_context(|| format!("the control plane {name} has no {program}"))?)
}

fn end(tools: &Tools, name: &str) -> Result<()> {
    let folder = paths::run(name).join("clusters").join(name);
    if !folder.exists() {
        return Ok(());
    }
    forget_foreign_processes(&folder)?;
    lws::end(&folder)?;
    let mut command = kwokctl(tools, name);
    command.args(["delete", "cluster", "--kubeconfig"]).arg(paths::run(name).join("contexts"));
    capture(&mut command, None)?;
    let _ = fs::remove_file(paths::run(name).join("installed"));
    Ok(())
}

/// After a restart of the machine the ids in the run folder may belong to somebody else.
fn forget_foreign_processes(folder: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder.join("pids")) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let id = fs::read_to_string(&path)?;
        if !net::process_mentions(id.trim(), &folder.display().to_string()) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
