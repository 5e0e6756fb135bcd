//! Copies the cluster's CA bundle into the namespaces whose downloads use it.
//!
//! Whether a copy is missing or old is decided from answers that are watched, so a settled pass sends no request.

use std::sync::Arc;

use llmisvc_core::ca_bundle::{Copy, FILE, copy};
use llmisvc_core::facts::{Key, Ref};
use llmisvc_core::pass::Finding;
use llmisvc_core::tree;
use serde_json::{Value, json};

use crate::context::Context;
use crate::gather::{Considered, Subject};
use crate::memo::shown;
use crate::resources;
use crate::stores::asked::answer_for;
use crate::stores::raw::Raw;
use crate::wire::{Place, WireError, chain};

/// Makes the copy that the decision needs. False when it has to be tried again, which the decision's warnings then
/// say. The copy has no owner, and nobody deletes it.
pub async fn keep(ctx: &Arc<Context>, subject: &Subject, considered: &mut Considered) -> bool {
    let Some(wanted) = wanted(subject, considered) else { return true };
    let error = match write(ctx, &wanted).await {
        Ok(()) => return true,
        Err(error) => chain(&error),
    };
    tracing::warn!(service = shown(&subject.place), error, "the CA bundle was not copied");
    let message = format!("the CA bundle {} could not be copied to {}: {error}", wanted.from, wanted.to);
    let finding = Finding::new("ConfigMap", message);
    if !considered.decision.warnings.contains(&finding) {
        considered.decision.warnings.push(finding);
    }
    false
}

/// Why there is none is among the decision's warnings already.
fn wanted(subject: &Subject, considered: &Considered) -> Option<Copy> {
    let objects = considered.decision.objects()?;
    let view = &subject.view;
    copy(&considered.seen, &view.settings, &view.cluster, &subject.place.namespace, objects).ok()?
}

async fn write(ctx: &Context, wanted: &Copy) -> Result<(), WireError> {
    // Gone since it was read: its watch says so, too.
    let Some(source) = ctx.wire.get(place(&wanted.from)).await? else { return Ok(()) };
    let text = tree::text(&source, &["data", FILE]);
    if text.is_empty() {
        return Ok(());
    }
    let permit = ctx.writes.acquire().await;
    let written = ctx.wire.apply(place(&wanted.to), &body(&wanted.to, text)).await;
    drop(permit);
    let key = Key::CaBundle(wanted.to.clone());
    // The next pass need not wait for the watch to know.
    ctx.stores.asked.put(&key, answer_for(&key, Some(Raw::new(written?))));
    Ok(())
}

const fn place(of: &Ref) -> Place<'_> {
    Place { served: &resources::CONFIG_MAP, namespace: of.namespace.as_str(), name: of.name.as_str() }
}

fn body(at: &Ref, text: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": at.name, "namespace": at.namespace},
        "data": {FILE: text},
    })
}
