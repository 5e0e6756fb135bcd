//! The runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::stream::{self, StreamExt, TryStreamExt};
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use llmisvc_core::labels::{PART_OF, PART_OF_VALUE};
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use llmisvc_testkit::cluster::{self, Cluster, Variant};
use llmisvc_testkit::operator::{self, Operator};
use serde_json::Value;

use crate::audit::{Audit, Writes, writes};
use crate::load::Load;
use crate::{process, timed};

const NAME: &str = "bench";
const IN_FLIGHT: usize = 8;
const QUIET: Duration = Duration::from_secs(3);

/// A control plane of its own, and a client of it.
pub struct Bench {
    cluster: Cluster,
    client: Client,
    audit: PathBuf,
    operator: PathBuf,
}

/// What the operator's run gave.
#[derive(Debug)]
pub struct Figures {
    /// First create to last child.
    pub children: Duration,
    /// First create to the operator's last request.
    pub settled: Duration,
    /// CPU time from the first create to settled.
    pub cpu: Duration,
    /// Resident memory right after the burst, megabytes.
    pub burst: f64,
    /// Resident memory after idling, megabytes.
    pub memory: f64,
    /// Writes until settled.
    pub writes: Writes,
    /// Children of one service.
    pub children_each: usize,
    /// Writes of a new process over the settled services.
    pub restart_writes: u64,
    /// Requests while idle.
    pub idle: usize,
    /// Time of a webhook call for a service, on average: validation when it is created.
    pub review: Duration,
}

impl Bench {
    /// A fresh control plane.
    pub async fn start(operator: &Path) -> Result<Self> {
        ensure!(operator.exists(), "{} is missing: make build", operator.display());
        cluster::down(NAME)?;
        let cluster = Cluster::ensure(NAME, Variant::Small)?;
        let client = client(cluster.kubeconfig()).await?;
        Ok(Self { cluster, client, audit: cluster::audit(NAME), operator: operator.to_owned() })
    }

    /// Ends the control plane.
    pub fn stop(self) -> Result<()> {
        drop(self.client);
        cluster::down(NAME)
    }

    /// The raw writer: every child by POST, and nothing else.
    pub async fn raw(&self, load: &Load) -> Result<Duration> {
        self.namespace(&load.namespace)?;
        let children = load.children();
        let (took, ()) = timed(self.post(&children)).await?;
        self.controllers_settle().await?;
        eprintln!("{}: {} objects in {:.2} s", load.namespace, children.len(), took.as_secs_f64());
        Ok(took)
    }

    async fn post(&self, objects: &[Value]) -> Result<()> {
        let posts = stream::iter(objects.iter().map(|object| self.create(object)));
        posts.buffer_unordered(IN_FLIGHT).try_collect().await
    }

    async fn create(&self, object: &Value) -> Result<()> {
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let types = object.types.clone().context("an object without a kind")?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
        let api: Api<DynamicObject> = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        api.create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// The operator, from the first create to idle, and once more over settled services.
    pub async fn operator(&self, load: &Load, idle: Duration) -> Result<Figures> {
        self.namespace(&load.namespace)?;
        let wanted = load.children();
        let expected = wanted.len();
        let running = self.run()?;
        let mut audit = Audit::open(&self.audit)?;
        audit.until_quiet(QUIET).await?;
        let before = process::cpu(running.id())?;
        let start = Instant::now();
        self.post(&load.services).await?;
        self.until_children(load, &wanted).await?;
        let children = start.elapsed();
        let requests = audit.until_quiet(QUIET).await?;
        let settled = start.elapsed().saturating_sub(QUIET);
        let cpu = process::cpu(running.id())?.saturating_sub(before);
        let burst = process::memory(running.id())?;
        let review = average(&running.metrics()?);
        self.controllers_settle().await?;
        audit.until_quiet(QUIET).await?;
        tokio::time::sleep(idle).await;
        let memory = process::memory(running.id())?;
        let quiet = audit.requests()?.iter().filter(|r| tree::text(r, &["verb"]) != "watch").count();
        let restart_writes = self.restart(running, &mut audit).await?;
        let children_each = expected / load.services.len().max(1);
        let writes = writes(&requests);
        Ok(Figures {
            children,
            settled,
            cpu,
            burst,
            memory,
            writes,
            children_each,
            restart_writes,
            idle: quiet,
            review,
        })
    }

    async fn restart(&self, running: Operator, audit: &mut Audit) -> Result<u64> {
        running.stop()?;
        audit.requests()?;
        let again = self.run()?;
        let requests = audit.until_quiet(QUIET).await?;
        again.stop()?;
        Ok(writes(&requests).of_services())
    }

    fn run(&self) -> Result<Operator> {
        let options =
            operator::Options { program: Some(self.operator.clone()), ..operator::Options::default() };
        Operator::start(&self.cluster, &options)
    }

    fn namespace(&self, name: &str) -> Result<()> {
        self.cluster.kubectl(&["create", "namespace", name], None).map(drop)
    }

    /// Waits until every child exists, by counting them in short intervals.
    async fn until_children(&self, load: &Load, wanted: &[Value]) -> Result<()> {
        let kind = |it: &Value| Kind::of(tree::text(it, &["apiVersion"]), tree::text(it, &["kind"]));
        let kinds: BTreeSet<Kind> = wanted.iter().filter_map(kind).collect();
        let (mut last, expected) = (0, wanted.len());
        let begin = Instant::now();
        while last < expected {
            ensure!(
                begin.elapsed() < Duration::from_mins(5),
                "{last} of {expected} children after five minutes"
            );
            // Only the kind that is applied last is counted until it is complete: counting costs the server too.
            let routes = self.count(Kind::HTTPRoute, &load.namespace).await?;
            last = if routes < load.services.len() {
                0
            } else {
                self.count_all(&kinds, &load.namespace).await?
            };
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn count_all(&self, kinds: &BTreeSet<Kind>, namespace: &str) -> Result<usize> {
        let counts = stream::iter(kinds.iter().map(|kind| self.count(*kind, namespace)));
        let counts: Vec<usize> = counts.buffer_unordered(4).try_collect().await?;
        Ok(counts.iter().sum())
    }

    async fn count(&self, kind: Kind, namespace: &str) -> Result<usize> {
        let served = kind.served();
        let gvk = GroupVersionKind::gvk(served.group, served.version, served.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, served.plural);
        let ours = ListParams::default().labels(&format!("{PART_OF}={PART_OF_VALUE}"));
        if served.namespaced {
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
            return Ok(api.list_metadata(&ours).await?.items.len());
        }
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let prefix = format!("{namespace}-");
        let here = api.list_metadata(&ours).await?.items;
        Ok(here.iter().filter(|o| o.metadata.name.as_ref().is_some_and(|n| n.starts_with(&prefix))).count())
    }

    /// The controllers' own work (ReplicaSets, Pods) must not fall into the next run.
    async fn controllers_settle(&self) -> Result<()> {
        let pods = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &pods);
        let mut last = usize::MAX;
        loop {
            let now = api.list_metadata(&ListParams::default()).await?.items.len();
            if now == last {
                return Ok(());
            }
            last = now;
            tokio::time::sleep(QUIET).await;
        }
    }
}

/// The webhooks' own measure of validation; zero when there was none.
fn average(metrics: &str) -> Duration {
    let value = |of: &str| -> f64 {
        let name = format!("llmisvc_webhook_duration_seconds_{of}{{path=\"validate\"");
        let line = metrics.lines().find(|line| line.starts_with(&name));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_default()
    };
    let calls = value("count");
    if calls > 0.0 { Duration::from_secs_f64(value("sum") / calls) } else { Duration::ZERO }
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
