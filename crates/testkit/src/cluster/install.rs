//! What a cluster needs before the operator comes: CRDs, the system namespace, a gateway and nodes.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::tools::Tools;
use super::{Cluster, Variant, devices, nodes, webhooks};
use crate::world::has_condition;
use crate::{documents, paths};

/// How long nodes and CRDs may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Installs everything that is missing; does nothing when this very content is installed already.
pub fn all(cluster: &Cluster, variant: Variant) -> Result<()> {
    let plan = Plan::read(cluster, variant)?;
    let stamp = cluster.kubeconfig().with_extension("installed");
    let local = cluster.is_local();
    if local && fs::read_to_string(&stamp).is_ok_and(|done| done == plan.hash()) {
        return Ok(());
    }
    plan.apply(cluster, variant)?;
    if local {
        fs::write(&stamp, plan.hash()).context("noting what is installed")?;
    }
    Ok(())
}

struct Plan {
    foreign: Vec<String>,
    ours: Vec<String>,
    /// What KWOK plays: stages of nodes and pods, gateways and volumes.
    stages: Vec<String>,
    gateway: String,
    machines: String,
}

impl Plan {
    fn read(cluster: &Cluster, variant: Variant) -> Result<Self> {
        let tools = Tools::manifests_only()?;
        let here = paths::repository().join("tests/localcluster/manifests");
        let mut stages = texts(&tools.manifests("stages"))?;
        for own in ["stages.yaml", "volumes.yaml"] {
            stages.push(fs::read_to_string(here.join(own))?);
        }
        let gateway = fs::read_to_string(here.join("gateway.yaml"))?;
        let mut foreign = texts(&tools.manifests("crds"))?;
        if variant == Variant::Small {
            // Elsewhere its controller brings it: without one, no pod of it would ever come.
            foreign.extend(texts(&tools.manifests("lws-crds"))?);
        }
        let ours = match webhooks::port(cluster)? {
            Some(port) => webhooks::definitions(port)?,
            None => texts(&paths::repository().join("config/crd"))?,
        };
        Ok(Self { foreign, ours, stages, gateway, machines: machines() })
    }

    fn hash(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (&self.foreign, &self.ours, &self.stages, &self.gateway, &self.machines).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    fn apply(&self, cluster: &Cluster, variant: Variant) -> Result<()> {
        let missing = self.missing(cluster)?;
        let wanted: Vec<&str> = missing.into_iter().chain(self.ours.iter().map(String::as_str)).collect();
        crds(cluster, &wanted)?;
        apply(cluster, &self.gateway)?;
        // Only where KWOK plays the nodes: a user's cluster has its own, and its own gateway controller.
        if variant != Variant::Small && cluster.get("crd", "", "stages.kwok.x-k8s.io")?.is_some() {
            apply(cluster, &self.stages.join("\n---\n"))?;
            apply(cluster, &self.machines)?;
            until_all(cluster, "node", "Ready")?;
        }
        Ok(())
    }

    /// CRDs of others stay as they are where the cluster has them.
    fn missing(&self, cluster: &Cluster) -> Result<Vec<&str>> {
        let present = cluster.kubectl(&["get", "crd", "-o", "name"], None)?;
        let present: BTreeSet<&str> =
            present.lines().filter_map(|line| line.split_once('/')).map(|it| it.1).collect();
        let name = |text: &str| -> Result<String> {
            let crd = documents::parse(text)?;
            Ok(crd
                .iter()
                .find_map(|crd| crd.pointer("/metadata/name")?.as_str())
                .unwrap_or_default()
                .to_owned())
        };
        let mut missing = Vec::new();
        for text in &self.foreign {
            if !present.contains(name(text)?.as_str()) {
                missing.push(text.as_str());
            }
        }
        Ok(missing)
    }
}

/// The nodes with their devices, as one list that kubectl applies.
fn machines() -> String {
    let mut items = nodes::all();
    items.extend(devices::of(&items));
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Applies these CRDs and waits until they are served.
pub fn crds<S: Borrow<str>>(cluster: &Cluster, texts: &[S]) -> Result<()> {
    apply(cluster, &texts.join("\n---\n"))?;
    until_all(cluster, "crd", "Established")
}

/// Waits until every object of a kind has this condition. `kubectl wait` looks at one after the other, ten in a
/// second.
fn until_all(cluster: &Cluster, kind: &str, condition: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let objects = cluster.list(kind, "")?;
        let waiting: Vec<String> = objects
            .iter()
            .filter(|it| !has_condition(it, condition, "True"))
            .map(documents::identity)
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not {condition} within {PATIENCE:?}: {}", waiting.join(", "));
        thread::sleep(Duration::from_millis(100));
    }
}

/// Server-side: the larger CRDs do not fit into the annotation of a client-side apply.
pub fn apply(cluster: &Cluster, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let args = ["apply", "--server-side", "--force-conflicts", "--field-manager=localcluster", "-f", "-"];
    cluster.kubectl(&args, Some(text)).map(drop)
}

/// The YAML files of a folder in order of their names; none when there is no such folder.
pub fn texts(folder: &Path) -> Result<Vec<String>> {
    documents::files(folder)?.iter().map(|path| Ok(fs::read_to_string(path)?)).collect()
}
