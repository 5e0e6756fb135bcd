//! Which optional kinds the cluster serves: asked once at the start, and again when a CRD comes or goes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Api;
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use llmisvc_core::tree;
use llmisvc_kinds::Served;
use tokio::sync::watch;

use super::raw::Raw;
use super::watched::Watched;
use crate::context::Context;
use crate::resources::{self, api_resource, crd_name};
use crate::wire::{Wire, WireError};

/// Names (`plural.group/version`) of the optional resources that are served; none until discovery has answered.
pub type ServedSet = watch::Receiver<Option<BTreeSet<String>>>;

/// A CRD is served a moment after its event: discovery is asked again after these delays.
const DELAYS: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(1), Duration::from_secs(4)];

fn name(served: &Served) -> String {
    format!("{}/{}", crd_name(served), served.version)
}

fn optional() -> impl Iterator<Item = Served> {
    Watched::all().into_iter().map(Watched::served).filter(|served| served.optional)
}

/// Asks discovery about all optional resources.
pub async fn discover(wire: &Wire) -> Result<BTreeSet<String>, WireError> {
    let versions: BTreeSet<String> = optional().map(|served| served.api_version()).collect();
    let mut found = BTreeSet::new();
    for version in versions {
        let answer = wire.get_path(&format!("/apis/{version}")).await?.unwrap_or_default();
        let plurals: BTreeSet<&str> =
            tree::list(&answer, &["resources"]).iter().map(|r| tree::text(r, &["name"])).collect();
        let here = optional().filter(|s| s.api_version() == version && plurals.contains(s.plural));
        found.extend(here.map(|s| name(&s)));
    }
    Ok(found)
}

/// Keeps the set of served resources up to date, for good.
pub async fn keep(ctx: Arc<Context>, sender: watch::Sender<Option<BTreeSet<String>>>) {
    let crds: Api<PartialObjectMeta<Raw>> = Api::all_with(ctx.wire.client(), &api_resource(&resources::CRD));
    let ours: BTreeSet<String> = optional().map(|served| crd_name(&served)).collect();
    let config = watcher::Config::default().page_size(50);
    let mut events = std::pin::pin!(watcher(crds, config).default_backoff());
    until_answered(&ctx, &sender).await;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitDone) => refresh(&ctx, &sender, &[]).await,
            Ok(Event::Apply(crd) | Event::Delete(crd)) if ours.contains(&crd.name_any()) => {
                refresh(&ctx, &sender, &DELAYS).await;
            }
            Ok(Event::Apply(crd)) if is_own(&crd.name_any()) => ctx.crds.send_replace(()),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(watch = "crds", error = crate::wire::chain(&error), "watch interrupted");
                ctx.metrics.watch_restarted(resources::CRD.plural);
            }
        }
    }
}

fn is_own(crd: &str) -> bool {
    [resources::SERVICE, resources::CONFIG].iter().any(|served| crd_name(served) == crd)
}

async fn until_answered(ctx: &Context, sender: &watch::Sender<Option<BTreeSet<String>>>) {
    let mut pause = Duration::from_millis(200);
    while !ask(ctx, sender).await {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

/// Asks now, and after each delay until the answer is another one.
async fn refresh(ctx: &Context, sender: &watch::Sender<Option<BTreeSet<String>>>, delays: &[Duration]) {
    let before = sender.borrow().clone();
    ask(ctx, sender).await;
    for delay in delays {
        if *sender.borrow() != before {
            return;
        }
        tokio::time::sleep(*delay).await;
        ask(ctx, sender).await;
    }
}

/// True when discovery answered; what it could not say changes nothing.
async fn ask(ctx: &Context, sender: &watch::Sender<Option<BTreeSet<String>>>) -> bool {
    match discover(&ctx.wire).await {
        Ok(found) => {
            sender.send_if_modified(|known| {
                let changed = known.as_ref() != Some(&found);
                *known = Some(found);
                changed
            });
            true
        }
        Err(error) => {
            tracing::warn!(error = crate::wire::chain(&error), "discovery failed");
            false
        }
    }
}

/// Waits for the first answer; whether it says that `kind` is served.
pub async fn until_known(served: &mut ServedSet, kind: &Served) -> bool {
    let known = served.wait_for(Option::is_some).await;
    known.is_ok_and(|set| set.as_ref().is_some_and(|set| set.contains(&name(kind))))
}

/// Waits until `kind` is served.
pub async fn until_served(served: &mut ServedSet, kind: &Served) {
    until(served, kind, true).await;
}

/// Waits until `kind` is served no more.
pub async fn until_gone(served: &mut ServedSet, kind: &Served) {
    until(served, kind, false).await;
}

async fn until(served: &mut ServedSet, kind: &Served, wanted: bool) {
    let name = name(kind);
    let reached = |set: &Option<BTreeSet<String>>| set.as_ref().is_some_and(|s| s.contains(&name) == wanted);
    if served.wait_for(reached).await.is_err() {
        std::future::pending::<()>().await;
    }
}
