//! Puts the parts together and takes them apart again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::{Args, Listen};
use crate::configs;
use crate::context::{Context, Core, Options};
use crate::events;
use crate::lease::Lease;
use crate::metrics::Line;
use crate::presets;
use crate::reconcile::reconcile;
use crate::resources;
use crate::serve;
use crate::storage;
use crate::stores::watched::Watched;
use crate::stores::{Stores, served, watching};
use crate::webhook::{self, Serving, Webhooks};
use crate::wire::Wire;
use llmisvc_core::images::from_registry;
use llmisvc_core::presets::shipped;
use serde_json::Value;

/// Running passes get this long after SIGTERM; the Lease and the exit have the rest of ten seconds.
const GRACE: Duration = Duration::from_secs(7);
/// Releasing the Lease may take this long.
const RELEASE: Duration = Duration::from_secs(2);
/// How often decisions that nobody needs are forgotten.
const REST: Duration = Duration::from_secs(30);

/// Runs until SIGTERM or SIGINT.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let client = client(&args).await?;
    let ctx = context(&args, Wire::new(client));
    let webhooks = webhook::start(&args, &ctx, stop.clone())?;
    probes(&args, &ctx, webhooks.as_ref().map(|it| Arc::clone(&it.serving))).await?;
    watch_all(&ctx);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), namespace = args.pod_namespace, "started");
    let mut lease = Lease::new(ctx.wire.clone(), &args.pod_namespace, &ctx.options.identity);
    if args.leader_elect {
        tokio::select! {
            () = lease.acquire() => {}
            () = stopped(stop.clone()) => {
                ended(webhooks).await;
                return Ok(());
            }
        }
    }
    ctx.metrics.leads(true);
    let lost = lead(&ctx, &args, &mut lease, stop).await;
    if args.leader_elect && !lost {
        drop(tokio::time::timeout(RELEASE, lease.release()).await);
    }
    anyhow::ensure!(!lost, "the lease is lost: another operator may be working");
    ended(webhooks).await;
    tracing::info!("stopped");
    Ok(())
}

/// Returns when the webhooks are not served any more; they stop by themselves.
async fn ended(webhooks: Option<Webhooks>) {
    if let Some(webhooks) = webhooks {
        drop(tokio::time::timeout(RELEASE, webhooks.ended()).await);
    }
}

/// Works until told to stop, or until the lease is lost; says which.
async fn lead(ctx: &Arc<Context>, args: &Args, lease: &mut Lease, stop: watch::Receiver<bool>) -> bool {
    let shipped = if args.install_presets { shipped(&args.config_prefix) } else { Vec::new() };
    let shipped = from_registry(shipped, &args.image_registry);
    let work = work(Arc::clone(ctx), args.concurrency, shipped, stop);
    tokio::select! {
        () = work => false,
        () = lease.hold(), if args.leader_elect => true,
    }
}

async fn work(ctx: Arc<Context>, concurrency: u16, shipped: Vec<Value>, stop: watch::Receiver<bool>) {
    tokio::spawn(rest(Arc::clone(&ctx)));
    tokio::spawn(events::keep(Arc::clone(&ctx)));
    for served in [resources::SERVICE, resources::CONFIG] {
        tokio::spawn(storage::keep(Arc::clone(&ctx), served));
    }
    tokio::select! {
        () = complete(&ctx, shipped) => {}
        () = stopped(stop.clone()) => return,
    }
    let queue = Arc::clone(&ctx.queue);
    let (of_services, of_configs, last) = (Arc::clone(&ctx), Arc::clone(&ctx), ctx);
    let configs = Arc::clone(&last.stores.configs_due).work(
        configs::CONCURRENCY,
        stopped(stop.clone()),
        move |config, waited| {
            of_configs.metrics.waited(Line::Configs, waited);
            configs::reconcile(Arc::clone(&of_configs), config)
        },
    );
    let services = queue.work(usize::from(concurrency), stopped(stop.clone()), move |service, waited| {
        of_services.metrics.waited(Line::Services, waited);
        reconcile(Arc::clone(&of_services), service)
    });
    let passes = async {
        tokio::join!(services, configs);
        configs::leave(&last).await;
        events::flush(&last).await;
    };
    let late = async {
        stopped(stop.clone()).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = passes => {}
        () = late => tracing::warn!("passes were still running at the end of the grace period"),
    }
}

/// Returns when there is all that passes need: the watches' lists, and the presets of this release.
async fn complete(ctx: &Arc<Context>, shipped: Vec<Value>) {
    tokio::join!(ctx.stores.synced(), presets::stand(Arc::clone(ctx), shipped));
    tracing::info!(children = ctx.stores.child_count(), "watches are complete");
}

async fn rest(ctx: Arc<Context>) {
    loop {
        tokio::time::sleep(REST).await;
        ctx.rest();
    }
}

fn context(args: &Args, wire: Wire) -> Arc<Context> {
    let resolv_conf = std::fs::read_to_string("/etc/resolv.conf").ok();
    let stores = Stores::new(args.cluster(resolv_conf.as_deref()));
    let core = Core { decide: llmisvc_core::decide, status: llmisvc_core::status::status };
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "llmisvc-operator".to_owned());
    let identity = format!("{host}_{}", std::process::id());
    Context::new(wire, stores, core, Options { system_namespace: args.pod_namespace.clone(), identity })
}

async fn client(args: &Args) -> anyhow::Result<Client> {
    let mut config = match &args.kubeconfig {
        None => Config::infer().await.context("no cluster: give --kubeconfig or KUBECONFIG")?,
        Some(path) => {
            let file =
                Kubeconfig::read_from(path).with_context(|| format!("cannot read {}", path.display()))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
        }
    };
    config.default_namespace.clone_from(&args.pod_namespace);
    Client::try_from(config).context("no client for this cluster")
}

fn watch_all(ctx: &Arc<Context>) {
    let (sender, known) = watch::channel(None);
    tokio::spawn(served::keep(Arc::clone(ctx), sender));
    for watched in Watched::all() {
        tokio::spawn(watching::keep(Arc::clone(ctx), watched, known.clone()));
    }
}

async fn probes(args: &Args, ctx: &Arc<Context>, serving: Option<Arc<Serving>>) -> anyhow::Result<()> {
    if let Some(socket) = bind(args.health_probe_addr).await? {
        serve_open(socket, serve::health::router(Arc::clone(ctx), serving));
    }
    let Some(socket) = bind(args.metrics_addr).await? else { return Ok(()) };
    if args.metrics_secure {
        let config = serve::tls::self_signed(vec!["localhost".to_owned(), "llmisvc-metrics".to_owned()])?;
        let listener = serve::tls::TlsListener::new(socket, config)?;
        let router = serve::metrics::guarded(Arc::clone(ctx));
        tokio::spawn(async move { axum::serve(listener, router).await });
    } else {
        serve_open(socket, serve::metrics::open(Arc::clone(ctx)));
    }
    Ok(())
}

async fn bind(listen: Listen) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = listen.0 else { return Ok(None) };
    let socket = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(address = %socket.local_addr()?, "listening");
    Ok(Some(socket))
}

fn serve_open(socket: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(socket, router).await });
}

/// Becomes true at SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        tracing::info!("stopping: running passes are finished first");
        sender.send_replace(true);
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
