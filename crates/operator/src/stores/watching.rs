//! Runs the watches.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use kube::api::ApiResource;
use kube::core::DynamicResourceScope;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use llmisvc_core::facts::{Key, Ref};
use llmisvc_kinds::Served;
use serde::de::DeserializeOwned;

use super::Stores;
use super::asked::{answer_for, wants_watch};
use super::pods::Shown;
use super::raw::Raw;
use super::served::{self, ServedSet};
use super::watched::Watched;
use crate::context::Context;
use crate::resources;

/// Pods of a service change many at a time, and mostly just before their workload says so.
const POD_PACE: Duration = Duration::from_millis(500);

/// Keeps one store as the cluster is, for good. A kind that the cluster does not serve yet is waited for, and
/// one that it stops serving counts as empty.
pub async fn keep(ctx: Arc<Context>, watched: Watched, mut served: ServedSet) {
    let kind = watched.served();
    loop {
        if kind.optional && !served::until_known(&mut served, &kind).await {
            ctx.queue.add_all(ctx.stores.unserved(watched));
            served::until_served(&mut served, &kind).await;
        }
        tokio::select! {
            () = follow(&ctx, watched) => {}
            () = served::until_gone(&mut served, &kind), if kind.optional => {}
        }
    }
}

/// An object as a watch shows it, on its way into the stores.
pub trait Item:
    Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + 'static
{
    /// Namespace and name.
    fn place(&self) -> Option<Ref>;
    /// When it was changed last, if that is known.
    fn changed(&self) -> Option<Timestamp>;
    /// Takes it in; gives the services that have to look again.
    fn put(self, stores: &Stores, watched: Watched) -> BTreeSet<Ref>;
    /// Forgets it; the same.
    fn remove(&self, stores: &Stores, watched: Watched) -> BTreeSet<Ref>;
}

impl Item for Raw {
    fn place(&self) -> Option<Ref> {
        Self::place(self)
    }
    fn changed(&self) -> Option<Timestamp> {
        self.changed
    }
    fn put(self, stores: &Stores, watched: Watched) -> BTreeSet<Ref> {
        stores.put(watched, self)
    }
    fn remove(&self, stores: &Stores, watched: Watched) -> BTreeSet<Ref> {
        stores.remove(watched, self)
    }
}

impl Item for Shown {
    fn place(&self) -> Option<Ref> {
        Some(self.body.place())
    }
    /// The reduced pod has no managed fields.
    fn changed(&self) -> Option<Timestamp> {
        None
    }
    fn put(self, stores: &Stores, _: Watched) -> BTreeSet<Ref> {
        stores.put_pod(self.body)
    }
    fn remove(&self, stores: &Stores, watched: Watched) -> BTreeSet<Ref> {
        stores.forget(watched, &self.body.place())
    }
}

async fn follow(ctx: &Arc<Context>, watched: Watched) {
    match watched {
        Watched::Pods => follow_as::<Shown>(ctx, watched).await,
        _ => follow_as::<Raw>(ctx, watched).await,
    }
}

async fn follow_as<K: Item>(ctx: &Arc<Context>, watched: Watched) {
    let resource = resources::api_resource(&watched.served());
    let client = ctx.wire.client();
    let api: Api<K> = match watched {
        Watched::Settings => Api::namespaced_with(client, &ctx.options.system_namespace, &resource),
        _ => Api::all_with(client, &resource),
    };
    let mut events = std::pin::pin!(watcher(api, watched.config()).default_backoff());
    let (mut shown, mut streak) = (BTreeSet::new(), false);
    while let Some(event) = next(ctx, watched.label(), &mut streak, &mut events).await {
        let touched = absorb(ctx, watched, event, &mut shown);
        match watched {
            Watched::Pods => touched.into_iter().for_each(|service| ctx.queue.add_after(service, POD_PACE)),
            _ => ctx.queue.add_all(touched),
        }
    }
}

/// The next event; errors are logged once per streak and counted, and the stream goes on after its backoff.
async fn next<K, S>(ctx: &Context, label: &'static str, streak: &mut bool, events: &mut S) -> Option<Event<K>>
where
    S: Stream<Item = watcher::Result<Event<K>>> + Unpin,
{
    loop {
        match events.next().await? {
            Ok(event) => {
                // Every try to list begins with this one.
                *streak &= matches!(event, Event::Init);
                return Some(event);
            }
            Err(error) => {
                ctx.metrics.watch_restarted(label);
                let error = crate::wire::chain(&error);
                if *streak {
                    tracing::debug!(watch = label, error, "watch still interrupted");
                } else {
                    tracing::warn!(watch = label, error, "watch interrupted");
                }
                *streak = true;
            }
        }
    }
}

/// Takes in what a watch shows; gives the services that have to look again.
pub fn absorb<K: Item>(
    ctx: &Context,
    watched: Watched,
    event: Event<K>,
    shown: &mut BTreeSet<Ref>,
) -> BTreeSet<Ref> {
    match event {
        Event::Init => {
            shown.clear();
            BTreeSet::new()
        }
        Event::InitApply(item) => {
            shown.extend(item.place());
            item.put(&ctx.stores, watched)
        }
        Event::InitDone => ctx.stores.listed(watched, &std::mem::take(shown)),
        Event::Apply(item) => {
            if let Some(changed) = item.changed() {
                ctx.metrics.shown(watched.label(), changed, Timestamp::now());
            }
            item.put(&ctx.stores, watched)
        }
        Event::Delete(item) => item.remove(&ctx.stores, watched),
    }
}

/// Watches the one object that a key names, until nobody asks for it; for an account or a Secret, until it is
/// there.
pub async fn keep_asked(ctx: Arc<Context>, key: Key) {
    let Some((served, place)) = resources::of_key(&key) else { return };
    follow_one(&ctx, &served, place, "asked", |object| asked_changed(&ctx, &key, object)).await;
}

/// Tells what stands at one place, at first and at every change, until `tell` has heard enough.
pub async fn follow_one(
    ctx: &Context,
    served: &Served,
    place: &Ref,
    label: &'static str,
    mut tell: impl FnMut(Option<Raw>) -> bool,
) {
    let resource = resources::api_resource(served);
    let client = ctx.wire.client();
    let api: Api<Raw> = if served.namespaced {
        Api::namespaced_with(client, &place.namespace, &resource)
    } else {
        Api::all_with(client, &resource)
    };
    let config = watcher::Config::default().fields(&format!("metadata.name={}", place.name));
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let (mut shown, mut streak) = (None, false);
    while let Some(event) = next(ctx, label, &mut streak, &mut events).await {
        let object = match event {
            Event::Init => {
                shown = None;
                continue;
            }
            Event::InitApply(raw) => {
                shown = Some(raw);
                continue;
            }
            Event::InitDone => shown.take(),
            Event::Apply(raw) => Some(raw),
            Event::Delete(_) => None,
        };
        if !tell(object) {
            return;
        }
    }
}

/// Records what the watch of a key shows; false when it needs no more watching.
pub fn asked_changed(ctx: &Context, key: &Key, object: Option<Raw>) -> bool {
    let Some((served, _)) = resources::of_key(key) else { return false };
    let answer = answer_for(key, object.map(|raw| raw.typed(&served)));
    let again = wants_watch(key, &answer);
    if ctx.stores.asked.put(key, answer).0 {
        ctx.queue.add_all(ctx.stores.dependents(key));
    }
    again
}
