//! Webhooks: admission and conversion over HTTPS, their certificate, and the trust of those who call them.

mod directory;
mod keeper;
mod keys;
mod known;
pub mod manifests;
mod review;
mod server;
mod serving;
mod targets;
#[cfg(test)]
mod tests;
mod watching;

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use llmisvc_core::admission::Site;
use llmisvc_core::object::TlsRequest;
use llmisvc_core::rotation::Pace;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::args::Args;
use crate::context::Context;
use keeper::{Keeper, Source};
use keys::Lives;
use server::{Desk, Running};
pub use serving::Serving;
pub use targets::CALLERS;

/// A rotation waits for so many times the pause between its steps for a replica that does not answer.
const PATIENCE: u32 = 20;

/// Webhooks that are served.
pub struct Webhooks {
    /// Whether there is a certificate yet.
    pub serving: Arc<Serving>,
    running: Running,
}

impl Webhooks {
    /// Returns when the last review is answered.
    pub async fn ended(self) {
        self.running.ended().await;
    }
}

/// Serves them from now on, leader or not; none when they are turned off.
pub fn start(
    args: &Args,
    ctx: &Arc<Context>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<Option<Webhooks>> {
    let Some(address) = args.webhooks() else { return Ok(None) };
    let socket = std::net::TcpListener::bind(address);
    let socket = socket.with_context(|| format!("cannot listen on {address} for webhooks"))?;
    tracing::info!(address = %socket.local_addr()?, "listening for webhooks");
    let serving = Arc::<Serving>::default();
    let desk = Desk::new(site(args), args.default_model_name, Arc::clone(&ctx.metrics));
    let router = server::router(&desk);
    let running = server::start(socket, Arc::clone(&serving), router, stop, args.shutdown_delay)?;
    let keeper = Keeper {
        ctx: Arc::clone(ctx),
        serving: Arc::clone(&serving),
        source: source(args, &ctx.stores.view().cluster.domain),
        replica: replica(&ctx.options.identity),
    };
    tokio::spawn(keeper.run());
    Ok(Some(Webhooks { serving, running }))
}

fn site(args: &Args) -> Site {
    Site {
        system_namespace: args.pod_namespace.clone(),
        config_prefix: args.config_prefix.clone(),
        prevent_config_deletion: args.prevent_config_deletion,
    }
}

fn source(args: &Args, domain: &str) -> Source {
    if let Some(directory) = &args.webhook_cert_dir {
        return Source::Directory(directory.clone());
    }
    let settle = args.webhook_rotation_pause;
    Source::Own {
        request: names(&args.pod_namespace, domain, args.webhook_url.as_deref()),
        lives: Lives { leaf: args.webhook_cert_lifetime },
        pace: Pace { settle, patience: settle.saturating_mul(PATIENCE) },
    }
}

/// The names by which the server is called: those of the Service, and the host of the address outside.
fn names(namespace: &str, domain: &str, url: Option<&str>) -> TlsRequest {
    let service = format!("{}.{namespace}.svc", manifests::SERVICE);
    let mut dns = vec![format!("{service}.{domain}"), service];
    let mut ips = Vec::new();
    if let Some(host) = url.and_then(host) {
        match host.parse::<IpAddr>() {
            Ok(ip) => ips.push(ip),
            Err(_) => dns.push(host),
        }
    }
    dns.sort();
    TlsRequest { dns, ips }
}

/// The host of a URL, without the brackets of an IPv6 address.
pub fn host(url: &str) -> Option<String> {
    let host = url.parse::<http::Uri>().ok()?.host()?.to_owned();
    Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// Annotation keys are shorter than names of hosts.
fn replica(identity: &str) -> String {
    let digest = Sha256::digest(identity.as_bytes());
    digest.iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
