//! Watches of single objects for the keeper.

use std::sync::Arc;

use llmisvc_core::facts::Ref;
use llmisvc_kinds::Served;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::known::Change;
use crate::context::Context;
use crate::stores::watching::follow_one;

/// Tells of the object at this place, from now on, for as long as anybody listens.
pub fn start(
    ctx: &Arc<Context>,
    (served, place): (Served, Ref),
    sender: UnboundedSender<Change>,
    change: impl Fn(Option<Value>) -> Change + Send + Sync + 'static,
) {
    let ctx = Arc::clone(ctx);
    tokio::spawn(async move {
        let tell = |raw: Option<crate::stores::raw::Raw>| {
            sender.send(change(raw.map(|raw| raw.typed(&served).value))).is_ok()
        };
        follow_one(&ctx, &served, &place, "webhooks", tell).await;
    });
}
