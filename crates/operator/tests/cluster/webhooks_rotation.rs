//! Two operators share the webhooks' Secret behind one address, and nobody notices two changes of the CA.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::ByteString;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use llmisvc_testkit::cluster::{Variant, webhooks};
use llmisvc_testkit::operator::Webhooks;
use llmisvc_testkit::{Cluster, Operator, World, net};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsConnector;

use crate::look::plain;
use crate::standby::standby;

/// So long the load lasts, and until both rotations are done and enough was sent.
const LOAD: Duration = Duration::from_mins(1);
/// So long at most, on a busy machine.
const LONGEST: Duration = Duration::from_mins(5);
/// So many admissions are sent.
const ENOUGH: usize = 1500;
/// So many requests of one kind wait for their answers at once: the machine's limits are not what is tested.
const WAITING: usize = 32;
const SECRET: &str = "llmisvc-webhook-server-cert";

/// Gives each connection to the next of two ports, as a Service does.
async fn in_turn(port: u16, targets: [u16; 2]) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let turn = AtomicUsize::new(0);
    loop {
        let (mut near, _) = listener.accept().await?;
        let target = targets[turn.fetch_add(1, Ordering::Relaxed) % 2];
        tokio::spawn(async move {
            let mut far = TcpStream::connect(("127.0.0.1", target)).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
    }
}

async fn client(cluster: &Cluster) -> Result<Client> {
    let file = Kubeconfig::read_from(cluster.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn api(client: &Client, namespace: &str, version: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("serving.kserve.io", version, "LLMInferenceService");
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&kind))
}

fn secrets(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("", "v1", "Secret");
    Api::namespaced_with(client.clone(), "kserve", &ApiResource::from_gvk(&kind))
}

/// What went well, and the first words of what did not.
#[derive(Default)]
struct Tally {
    good: usize,
    bad: Vec<String>,
}

impl Tally {
    fn ended(&mut self, what: &str, result: Result<Result<()>, JoinError>) {
        match result.map_err(anyhow::Error::from).flatten() {
            Ok(()) => self.good += 1,
            Err(error) => self.bad.push(format!("{what}: {error:#}")),
        }
    }
}

/// Starts one attempt after the other at this pace, whether or not the last has ended, until `done` and at least
/// `enough` went well.
async fn at_pace<F>(
    what: &str,
    (pace, enough): (Duration, usize),
    done: &AtomicBool,
    attempt: impl Fn(usize) -> F,
) -> Tally
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (begin, mut ticks, mut running, mut tally) =
        (Instant::now(), interval(pace), JoinSet::new(), Tally::default());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut index = 0;
    let goes_on = |good: usize| begin.elapsed() < LOAD || !done.load(Ordering::Relaxed) || good < enough;
    while begin.elapsed() < LONGEST && tally.bad.is_empty() && goes_on(tally.good) {
        ticks.tick().await;
        if running.len() >= WAITING {
            running.join_next().await.into_iter().for_each(|ended| tally.ended(what, ended));
        }
        running.spawn(attempt(index));
        index += 1;
        while let Some(ended) = running.try_join_next() {
            tally.ended(what, ended);
        }
    }
    while let Some(ended) = running.join_next().await {
        tally.ended(what, ended);
    }
    tally
}

async fn create(api: Api<DynamicObject>, index: usize) -> Result<()> {
    let object: DynamicObject = serde_yaml_ng::from_str(&plain(&format!("load-{index}")))?;
    let params = PostParams { dry_run: true, ..PostParams::default() };
    api.create(&params, &object).await.map(drop).map_err(Into::into)
}

async fn read(api: Api<DynamicObject>) -> Result<()> {
    let version = api.get("m").await?.types.unwrap_or_default().api_version;
    ensure!(version == "serving.kserve.io/v1alpha1", "{version}");
    Ok(())
}

/// A new connection, by somebody who trusts what the configuration says now.
async fn shake_hands(client: Client, port: u16) -> Result<()> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration");
    let api: Api<DynamicObject> = Api::all_with(client, &ApiResource::from_gvk(&kind));
    let object = api.get("llminferenceservice.serving.kserve.io").await?;
    let bundle: ByteString =
        serde_json::from_value(object.data["webhooks"][0]["clientConfig"]["caBundle"].clone())?;
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(&bundle.0) {
        roots.add(ca?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    connector.connect(ServerName::try_from("127.0.0.1")?, stream).await?;
    Ok(())
}

fn certificates(secret: &Value, key: &str) -> Vec<Vec<u8>> {
    let pem = serde_json::from_value::<ByteString>(secret["data"][key].clone())
        .map(|pem| pem.0)
        .unwrap_or_default();
    CertificateDer::pem_slice_iter(&pem).filter_map(|it| Some(it.ok()?.to_vec())).collect()
}

/// The CAs of the Secret once there is only one, other than these.
async fn rotated(client: &Client, before: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    let (secrets, deadline) = (secrets(client), Instant::now() + LONGEST / 3);
    loop {
        let secret = serde_json::to_value(secrets.get(SECRET).await?)?;
        let now = certificates(&secret, "ca.crt");
        if now.len() == 1 && now != before {
            let said: Vec<&Value> =
                secret["metadata"]["annotations"].as_object().into_iter().flatten().map(|it| it.1).collect();
            ensure!(said.len() == 2 && said[0] == said[1], "both replicas serve the same: {said:?}");
            return Ok(now);
        }
        ensure!(Instant::now() < deadline, "the CA did not change: {} are trusted", now.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Two rotations, one after the other; says so also when they fail, so that the load ends.
async fn rotate_twice(client: Client, done: Arc<AtomicBool>) -> Result<usize> {
    let rotations = rotations(client).await;
    done.store(true, Ordering::Relaxed);
    rotations
}

async fn rotations(client: Client) -> Result<usize> {
    let secrets = secrets(&client);
    let mut seen = vec![certificates(&serde_json::to_value(secrets.get(SECRET).await?)?, "ca.crt")];
    for _ in 0..2 {
        let patch = json!({"metadata": {"annotations": {"llmisvc.io/rotate": "now"}}});
        secrets.patch(SECRET, &PatchParams::default(), &Patch::Merge(patch)).await?;
        let last = seen.last().cloned().unwrap_or_default();
        seen.push(rotated(&client, &last).await?);
    }
    ensure!(seen[0] != seen[2], "the first CA is not the last");
    Ok(seen.len() - 1)
}

fn reviewed(operator: &Operator, path: &str) -> Result<usize> {
    let metrics = operator.metrics()?;
    let name = format!("llmisvc_webhook_requests_total{{path=\"{path}\",result=\"ok\"}} ");
    Ok(metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default())
}

/// The load lasts a minute, which is why this test takes longer than thirty seconds.
#[test]
fn for_a_minute_of_load_and_two_rotations_nothing_fails() -> Result<()> {
    let cluster = Cluster::own("rotation", Variant::Small)?;
    let port = webhooks::port(&cluster)?.context("a local control plane has one")?;
    let ports = [net::free_port()?, net::free_port()?];
    let at = |port| standby(&cluster, Webhooks::At(port), &["--webhook-rotation-pause=3s"]);
    let operators = [at(ports[0])?, at(ports[1])?];
    let world = World::new(&cluster)?.watched_by(&operators[0]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let proxy = runtime.spawn(in_turn(port, ports));
    webhooks::install(&cluster, port)?;
    webhooks::until_admitted(&cluster)?;
    world.apply(&plain("m"))?;

    let namespace = world.namespace().to_owned();
    let (creates, reads, hands, rotations) = runtime.block_on(async {
        let client = client(&cluster).await?;
        let done = Arc::new(AtomicBool::new(false));
        let rotations = tokio::spawn(rotate_twice(client.clone(), Arc::clone(&done)));
        let (new, old) = (api(&client, &namespace, "v1alpha2"), api(&client, &namespace, "v1alpha1"));
        let (creates, reads, hands) = tokio::join!(
            at_pace("create", (Duration::from_millis(20), ENOUGH), &done, |index| create(new.clone(), index)),
            at_pace("read", (Duration::from_millis(100), 0), &done, |_| read(old.clone())),
            at_pace("handshake", (Duration::from_millis(250), 0), &done, |_| shake_hands(
                client.clone(),
                port
            )),
        );
        Ok::<_, anyhow::Error>((creates, reads, hands, rotations.await??))
    })?;
    proxy.abort();
    let admitted = operators.iter().map(|it| reviewed(it, "validate")).collect::<Result<Vec<_>>>()?;
    let converted = operators.iter().map(|it| reviewed(it, "convert")).collect::<Result<Vec<_>>>()?;
    println!(
        "{rotations} rotations; {} creates, {} reads, {} handshakes; admitted {admitted:?}, converted {converted:?}",
        creates.good, reads.good, hands.good
    );
    let bad: Vec<String> =
        [&creates, &reads, &hands].into_iter().flat_map(|tally| tally.bad.clone()).collect();
    ensure!(bad.is_empty(), "{} failures, such as {:#?}", bad.len(), &bad[..bad.len().min(5)]);
    ensure!(creates.good >= ENOUGH && admitted.iter().sum::<usize>() >= ENOUGH, "{} creates", creates.good);
    ensure!(
        admitted.iter().all(|it| *it > 0) && converted.iter().sum::<usize>() >= reads.good,
        "{admitted:?}"
    );
    for operator in &operators {
        let served = operator.logs().matches("the webhooks serve a new certificate").count();
        ensure!(served >= 3, "{served} certificates:\n{}", operator.logs());
    }
    Ok(())
}
