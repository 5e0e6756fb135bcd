//! The operator: watches, gathers, applies, prunes, reports. Everything decided is decided in `llmisvc-core`.

mod announce;
mod apply;
mod args;
mod ca_bundle;
mod configs;
mod context;
mod events;
mod finalize;
mod gather;
mod lease;
mod memo;
mod metrics;
mod presets;
mod prune;
mod queue;
mod rbac;
mod reconcile;
mod replicas;
mod report;
mod resources;
mod run;
mod serve;
mod storage;
mod stores;
#[cfg(test)]
mod testing;
mod tls;
mod traffic;
mod turn;
mod webhook;
mod wire;

use std::io::IsTerminal as _;

use anyhow::Context as _;
use args::{Args, Command, LogFormat};
use clap::Parser as _;
use tracing_subscriber::EnvFilter;
use webhook::manifests::Address;

/// Threads that run tasks. One: the work is waiting for the API server, and each further thread is a heap of its own.
const THREADS: usize = 1;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(command) = args.command {
        print!("{}", manifests(command, &args)?);
        return Ok(());
    }
    log(&args)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("a TLS provider is already set")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let result = runtime.block_on(run::run(args));
    // Watches never end by themselves.
    runtime.shutdown_background();
    result
}

fn manifests(command: Command, args: &Args) -> anyhow::Result<String> {
    let namespace = args.pod_namespace.as_str();
    Ok(match command {
        Command::Rbac => rbac::print(namespace)?,
        Command::Webhooks => {
            webhook::manifests::print(Address { namespace, url: args.webhook_url.as_deref() })?
        }
    })
}

fn log(args: &Args) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.log_level).context("--log-level")?;
    // The client logs whole answers, Secrets among them, when they do not decode.
    let filter = filter.add_directive("kube_client::client=error".parse()?);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
    }
    Ok(())
}
