//! Every pair of an accelerator and a path: what is supported runs on its nodes, what is not is refused, and
//! `docs/matrix.md` says which. Some 60 services go path by path through the real scheduler, which takes two minutes; they
//! need all of a control plane's nodes, and KEDA's CRD, so it is one of their own.

use std::collections::BTreeMap;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::matrix::{self, Cell, Pair};
use llmisvc_testkit::{Cluster, Operator, World, documents, operator, paths};
use serde_json::{Value, json};

use crate::examples;
use crate::look::{PATIENCE, observed, says};
use crate::scaling::{KEDA, appears, keda_says};

/// What the nodes of an accelerator, or of a provider with it, have: a label of this value, or a resource.
const NODES: [(&str, &str, &str); 13] = [
    ("nvidia-cuda", "nvidia.com/gpu.present", "true"),
    ("nvidia-cuda-coreweave", "rdma/ib", ""),
    ("nvidia-cuda-aws", "node.kubernetes.io/instance-type", "p5en.48xlarge"),
    ("nvidia-cuda-openshift", "rdma/roce_gdr", ""),
    ("amd-rocm", "amd.com/gpu", ""),
    ("google-tpu", "cloud.google.com/gke-tpu-accelerator", "tpu-v6e-slice"),
    ("google-tpu-v7", "cloud.google.com/gke-tpu-accelerator", "tpu7x"),
    ("intel-xpu", "gpu.intel.com/xe", ""),
    ("intel-xpu-i915", "gpu.intel.com/i915", ""),
    ("intel-gaudi", "habana.ai/gaudi", ""),
    ("aws-neuron", "aws.amazon.com/neuroncore", ""),
    // Any node will do that is not kept for accelerators.
    ("cpu", "", ""),
    ("prefill-decode/nvidia-cuda-gke", "cloud.google.com/gke-nvidia-gpu-dra-driver", "true"),
];
/// The namespace that the golden files were rendered in.
const WRITTEN_IN: &str = "demo";

#[test]
fn every_pair_is_placed_on_its_nodes_and_ready_or_refused() -> Result<()> {
    let cluster = Cluster::own("matrix", Variant::Full)?;
    cluster.add_keda()?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let bench = Bench { nodes: nodes(&cluster)?, cluster: &cluster, operator: &operator };
    let cells = matrix::cells()?;
    let mut pairs = Vec::new();
    for path in matrix::PATHS {
        let here: Vec<&Cell> = cells.iter().filter(|cell| cell.path == path).collect();
        if here.is_empty() {
            continue;
        }
        bench.run(&here).with_context(|| path.to_owned())?;
        pairs.extend(here.into_iter().map(|cell| Pair { cell: cell.clone(), refusal: None }));
    }
    pairs.extend(bench.refused(&cells)?);
    page_is(&matrix::page(&pairs))
}

/// Where the examples run.
struct Bench<'a> {
    cluster: &'a Cluster,
    operator: &'a Operator,
    nodes: BTreeMap<String, Value>,
}

fn nodes(cluster: &Cluster) -> Result<BTreeMap<String, Value>> {
    let name = |node: &Value| node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    Ok(cluster.list("nodes", "")?.into_iter().map(|node| (name(&node), node)).collect())
}

impl Bench<'_> {
    fn world(&self) -> Result<World<'_>> {
        Ok(World::new(self.cluster)?.watched_by(self.operator))
    }

    /// All examples of a path at once.
    fn run(&self, cells: &[&Cell]) -> Result<()> {
        let world = self.world()?;
        let texts: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
        world.apply(&texts.join("\n---\n"))?;
        for cell in cells {
            keda_acts(&world, cell)?;
            examples::until_ready(&world, &cell.services()?).with_context(|| cell.name())?;
        }
        let pods = world.list("pods")?;
        for cell in cells {
            check(&world, cell, &pods, &self.nodes).with_context(|| cell.name())?;
        }
        Ok(())
    }
}

/// Nobody acts on ScaledObjects here: this is what KEDA would say.
fn keda_acts(world: &World<'_>, cell: &Cell) -> Result<()> {
    for service in documents::parse(&cell.text)? {
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        if service.pointer("/spec/scaling/keda").is_some() {
            let scaled = format!("{name}-kserve-keda");
            appears(world, KEDA, &scaled)?;
            keda_says(world, &scaled, "True")?;
        }
    }
    Ok(())
}

fn check(world: &World<'_>, cell: &Cell, pods: &[Value], nodes: &BTreeMap<String, Value>) -> Result<()> {
    let services = cell.services()?;
    let of_cell =
        |pod: &&Value| services.iter().any(|it| pod["metadata"]["labels"]["app.kubernetes.io/name"] == **it);
    let mut found = BTreeMap::new();
    for pod in pods.iter().filter(of_cell) {
        let pod: Value = serde_json::from_str(&pod.to_string().replace(world.namespace(), WRITTEN_IN))?;
        for (role, summary) in matrix::of_pods(std::slice::from_ref(&pod)) {
            placed(cell, &pod, nodes)?;
            found.insert(role, summary);
        }
    }
    let expected = cell.expected()?;
    let roles: Vec<&String> = expected.as_object().into_iter().flat_map(|roles| roles.keys()).collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), roles, "{}", cell.name());
    for (role, summary) in &found {
        let missing = matrix::lacking(role, &expected[role], summary);
        ensure!(missing.is_empty(), "{}", missing.join("\n"));
    }
    Ok(())
}

fn placed(cell: &Cell, pod: &Value, nodes: &BTreeMap<String, Value>) -> Result<()> {
    let name = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let node = nodes.get(name).with_context(|| format!("no node for {}", pod["metadata"]["name"]))?;
    let of = |name: &str| NODES.iter().find(|it| it.0 == name);
    let known = [cell.name().as_str(), cell.accelerator.as_str(), cell.base()].into_iter().find_map(of);
    let (_, key, value) = known.with_context(|| format!("no nodes are told for {}", cell.accelerator))?;
    let fits = match (*key, *value) {
        ("", _) => node["spec"]["taints"].is_null(),
        (resource, "") => !node["status"]["capacity"][resource].is_null(),
        (label, value) => node["metadata"]["labels"][label] == value,
    };
    ensure!(fits, "{} went to {name}, which is no node for {}", pod["metadata"]["name"], cell.accelerator);
    Ok(())
}

impl Bench<'_> {
    /// What is said of pairs without an example; those that nothing is wrong with are no pairs of the page.
    fn refused(&self, cells: &[Cell]) -> Result<Vec<Pair>> {
        let world = self.world()?;
        let pairs = matrix::pairs_without_example(cells)?;
        let services: Vec<String> = pairs.iter().map(renamed).collect::<Result<_>>()?;
        world.apply(&services.join("\n---\n"))?;
        let mut refused = Vec::new();
        for cell in pairs {
            let told = |it: Option<&Value>| it.is_some_and(|it| observed(it) && !combined(it).is_empty());
            let service =
                world.until("llmisvc", &cell.name().replace('/', "-"), "PresetsCombined", told, PATIENCE)?;
            let service = service.context("a service")?;
            if combined(&service) == "False" {
                let refusal = Some(short(&cell, says(&service, "PresetsCombined", "message"))?);
                refused.push(Pair { cell, refusal });
            }
        }
        Ok(refused)
    }
}

fn combined(service: &Value) -> &str {
    says(service, "PresetsCombined", "status")
}

/// The service of a pair under a name that no other pair has, without what stands beside it.
fn renamed(cell: &Cell) -> Result<String> {
    let objects = documents::parse(&cell.text)?;
    let service = objects.into_iter().find(|it| it["kind"] == "LLMInferenceService");
    let mut service = service.with_context(|| format!("{}: no service", cell.name()))?;
    service["metadata"]["name"] = json!(cell.name().replace('/', "-"));
    Ok(service.to_string())
}

/// The field, what is wrong with it, and what is supported.
fn short(cell: &Cell, error: &str) -> Result<String> {
    let middle = "is not known to work with this accelerator, which supports ";
    let name = format!("{} {middle}", cell.path);
    let at = error
        .find(&name)
        .with_context(|| format!("{} is refused without `{name}…`: {error}", cell.name()))?;
    let told = error[at..].split(": ").next().unwrap_or_default();
    Ok(told.to_owned())
}

fn page_is(page: &str) -> Result<()> {
    let file = paths::repository().join("docs/matrix.md");
    if env::var("UPDATE_GOLDEN").is_ok_and(|it| it == "1") {
        return fs::write(&file, page).context("writing docs/matrix.md");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    let differs = page.lines().zip(written.lines().chain(std::iter::repeat("<end>"))).find(|(a, b)| a != b);
    ensure!(
        written == page,
        "docs/matrix.md is not what the tests say (UPDATE_GOLDEN=1 writes it): {differs:?}"
    );
    Ok(())
}
