//! A Kubernetes API server to test against: the local control plane, or the user's own cluster.

mod control_plane;
mod devices;
mod envtest;
mod install;
mod kubectl;
mod lws;
mod nodes;
mod part;
mod tools;
pub mod webhooks;

use std::env;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::Value;

pub use control_plane::{audit, down, is_up};
pub use kubectl::{Kubectl, capture};
pub use part::Part;
pub use tools::Tools;

use crate::{chart, paths};

/// Which parts run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// etcd, kube-apiserver, kube-controller-manager, kube-scheduler, KWOK with nodes and the LeaderWorkerSet
    /// controller.
    Full,
    /// As [`Self::Full`], but LeaderWorkerSets are unknown until [`Cluster::add_leader_worker_sets`].
    WithoutLeaderWorkerSets,
    /// etcd, kube-apiserver and kube-controller-manager: no pod ever runs.
    Small,
}

impl Variant {
    fn components(self) -> &'static str {
        match self {
            Self::Full | Self::WithoutLeaderWorkerSets => {
                "etcd,kube-apiserver,kube-controller-manager,kube-scheduler,kwok-controller"
            }
            Self::Small => "etcd,kube-apiserver,kube-controller-manager",
        }
    }
}

/// A cluster that answers and has what the operator needs: CRDs, the system namespace, a gateway, GPU nodes.
#[derive(Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
    kubectl: Kubectl,
}

/// A control plane of one test.
#[derive(Debug)]
pub struct Own {
    cluster: Cluster,
    name: String,
}

impl Own {
    /// The part of this control plane of that name, such as `kube-apiserver` or `lws-controller-manager`.
    pub fn part(&self, program: &str) -> Result<Part> {
        control_plane::part(&self.name, program)
    }
}

impl Deref for Own {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Err(error) = control_plane::down(&self.name) {
            eprintln!("the control plane {} stays: {error:#}", self.name);
        }
    }
}

impl Cluster {
    /// The cluster that all tests of a run share. It stays up when the tests end, so that the next run finds it;
    /// `localcluster down` ends it.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Cluster>> = OnceLock::new();
        let name = || env::var("LLMISVC_CLUSTER").unwrap_or_else(|_| paths::cluster_name("test"));
        SHARED
            .get_or_init(|| Self::ensure(&name(), Variant::Full))
            .as_ref()
            .map_err(|error| anyhow::anyhow!("the shared cluster is not there: {error:#}"))
    }

    /// The user's cluster when `KUBECONFIG` is set, else the local control plane of this name, started if need
    /// be; with everything installed.
    pub fn ensure(name: &str, variant: Variant) -> Result<Self> {
        let cluster = match Self::of_the_user() {
            Some(theirs) => theirs,
            None => control_plane::ensure(name, variant)?,
        };
        cluster.equip(variant)?;
        Ok(cluster)
    }

    fn equip(&self, variant: Variant) -> Result<()> {
        install::all(self, variant).context("installing CRDs, nodes and gateway")?;
        if self.is_local() {
            webhooks::remove(self).context("removing webhooks of an operator that has ended")?;
        }
        if variant == Variant::Full { self.add_leader_worker_sets() } else { Ok(()) }
    }

    /// On a local control plane, the CRD and the controller of LeaderWorkerSets, as an administrator brings them
    /// who installs them later; nothing where the controller runs. A user's cluster stays as it is.
    pub fn add_leader_worker_sets(&self) -> Result<()> {
        lws::ensure(self)
    }

    /// KEDA's CRD of ScaledObjects, as an administrator brings it who installs KEDA; nobody acts on these here.
    pub fn add_keda(&self) -> Result<()> {
        self.add_crds("keda-crds")
    }

    /// The Prometheus operator's CRDs of monitors, alike; nobody acts on these here.
    pub fn add_monitors(&self) -> Result<()> {
        self.add_crds("monitoring-crds")
    }

    /// The CRDs of gateway implementations, of the kinds that the operator makes. CRDs of others stay as they are.
    pub fn add_gateway_kinds(&self) -> Result<()> {
        self.add_crds("gateway-crds")
    }

    /// Those of a folder of manifests.
    fn add_crds(&self, folder: &str) -> Result<()> {
        install::crds(self, &install::texts(&Tools::manifests_only()?.manifests(folder))?)
    }

    /// A local control plane that is this test's alone, whatever `KUBECONFIG` says; it ends with the value.
    pub fn own(name: &str, variant: Variant) -> Result<Own> {
        // Two that start at once might choose the same ports.
        static STARTING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let name = paths::cluster_name(name);
        control_plane::down(&name)?;
        let cluster = control_plane::ensure(&name, variant)?;
        let own = Own { cluster, name };
        own.equip(variant)?;
        Ok(own)
    }

    fn of_the_user() -> Option<Self> {
        let given = env::var_os("KUBECONFIG").filter(|given| !given.is_empty())?;
        let first = env::split_paths(&given).next()?;
        Some(Self::new(first, "kubectl".into()))
    }

    fn new(kubeconfig: PathBuf, program: PathBuf) -> Self {
        let kubectl = Kubectl::new(program, &kubeconfig);
        Self { kubeconfig, kubectl }
    }

    /// Helm, as an administrator of this cluster runs it.
    pub fn helm(&self, args: &[&str]) -> Result<String> {
        let mut command = chart::helm()?;
        command.env("KUBECONFIG", &self.kubeconfig).args(args);
        capture(&mut command, None)
    }

    /// Whether it is a control plane of ours, on this machine.
    pub fn is_local(&self) -> bool {
        self.kubeconfig.starts_with(paths::cache())
    }

    /// The kubeconfig with full permissions.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl with these arguments and input, as the user of [`Cluster::kubeconfig`], and returns what it
    /// prints.
    pub fn kubectl(&self, args: &[&str], stdin: Option<&str>) -> Result<String> {
        self.kubectl.run(args, stdin)
    }

    /// The kubectl of this cluster, for streams and other users.
    pub fn tool(&self) -> &Kubectl {
        &self.kubectl
    }

    /// An object, or `None` when there is none. `namespace` is empty for cluster-scoped kinds.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
        let text =
            self.kubectl(&["get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json"], None)?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&text).map(Some).with_context(|| format!("kubectl get {kind} {name}"))
    }

    /// All objects of a kind, in one namespace or, when it is empty, in all.
    pub fn list(&self, kind: &str, namespace: &str) -> Result<Vec<Value>> {
        let place =
            if namespace.is_empty() { "--all-namespaces".to_owned() } else { format!("-n{namespace}") };
        let text = self.kubectl(&["get", kind, &place, "-o", "json"], None)?;
        let mut list: Value = serde_json::from_str(&text).with_context(|| format!("kubectl get {kind}"))?;
        Ok(list.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default())
    }
}
