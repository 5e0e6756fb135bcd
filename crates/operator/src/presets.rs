//! Installs the presets that this version ships, under their versioned names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use llmisvc_core::facts::Ref;
use llmisvc_core::labels::{APPLIED, MANAGED_BY, MANAGED_BY_VALUE};
use llmisvc_core::tree;
use serde_json::{Value, json};

use crate::context::Context;
use crate::resources;
use crate::wire::{Place, WireError};

/// How long services wait for the presets that their specs ask for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Installs the presets, and returns when the watch has shown them: a service that is looked at before would be told that
/// they are missing. A cluster that does not take them ends the wait, not the tries.
pub async fn stand(ctx: Arc<Context>, presets: Vec<Value>) {
    let names = presets.iter().map(|preset| tree::text(preset, &["metadata", "name"]));
    let places: BTreeSet<Ref> = names.map(|name| Ref::new(&ctx.options.system_namespace, name)).collect();
    let installing = Arc::clone(&ctx);
    tokio::spawn(async move { install(&installing, presets).await });
    if tokio::time::timeout(PATIENCE, ctx.stores.have_configs(&places)).await.is_err() {
        tracing::warn!("presets are still missing: services that need them say so");
    }
}

/// Tries until every preset is there: the namespace and the CRD may come later. A preset under whose name another
/// object stands is left as it is, and used. From then on presets of older releases may go.
pub async fn install(ctx: &Context, presets: Vec<Value>) {
    if presets.is_empty() {
        return;
    }
    install_all(ctx, presets).await;
    ctx.presets_installed.store(true, Ordering::Relaxed);
    ctx.stores.configs_due.add_all(ctx.stores.config_places());
}

async fn install_all(ctx: &Context, presets: Vec<Value>) {
    let mut pause = Duration::from_millis(200);
    let mut missing = presets;
    let mut told = BTreeSet::new();
    while !missing.is_empty() {
        let mut failed = Vec::new();
        for preset in missing {
            if let Err(error) = install_one(ctx, &preset).await {
                if told.insert(error.code()) {
                    tracing::warn!(error = crate::wire::chain(&error), "presets wait to be installed");
                }
                failed.push(preset);
            }
        }
        missing = failed;
        if !missing.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }
}

async fn install_one(ctx: &Context, preset: &Value) -> Result<(), WireError> {
    let wanted = prepared(preset, &ctx.options.system_namespace);
    let name = tree::text(&wanted, &["metadata", "name"]);
    let place = Place { served: &resources::CONFIG, namespace: &ctx.options.system_namespace, name };
    let answer = match ctx.wire.get(place).await? {
        Some(live) if !ours(&live) => {
            tracing::info!(preset = name, "another owner holds this name: its object is used as it is");
            return Ok(());
        }
        Some(live) if same(&live, &wanted) => return Ok(()),
        _ => ctx.wire.apply(place, &wanted).await?,
    };
    tracing::info!(
        preset = name,
        version = tree::text(&answer, &["metadata", "resourceVersion"]),
        "installed"
    );
    Ok(())
}

fn ours(live: &Value) -> bool {
    tree::text(live, &["metadata", "labels", MANAGED_BY]) == MANAGED_BY_VALUE
}

/// Equal as far as we know: the text we applied, and every field of it still there.
fn same(live: &Value, wanted: &Value) -> bool {
    let applied = ["metadata", "annotations", APPLIED];
    tree::text(live, &applied) == tree::text(wanted, &applied) && llmisvc_core::plan::covers(live, wanted)
}

/// The preset in the system namespace, marked as ours.
fn prepared(preset: &Value, namespace: &str) -> Value {
    let mut wanted = preset.clone();
    let hash = format!("{:016x}", crate::stores::bag::stamp(preset, false));
    let metadata = tree::entry(&mut wanted, "metadata");
    tree::object(metadata, "labels").insert(MANAGED_BY.to_owned(), json!(MANAGED_BY_VALUE));
    tree::object(metadata, "annotations").insert(APPLIED.to_owned(), json!(hash));
    *tree::entry(metadata, "namespace") = json!(namespace);
    wanted
}
