//! Events: what has just happened, told once.
//!
//! A pass puts them into a queue, and a task of its own writes them, so that they hold up nothing. One that can't be
//! written is lost: nothing is ever decided by an event.

pub mod series;
pub mod transitions;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use llmisvc_core::facts::Ref;
use llmisvc_core::tree;
use llmisvc_kinds::Served;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::series::{Series, Step};
use crate::context::Context;
use crate::metrics::Told;
use crate::report::now;
use crate::resources;
use crate::stores::lock;
use crate::wire::{Place, WireError};

/// Events that may wait to be written.
const WAITING: usize = 1000;
/// The API server takes no longer message.
const LIMIT: usize = 1024;

/// Type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// Nothing is wrong.
    Normal,
    /// Somebody should look.
    Warning,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct News {
    /// Its type.
    pub kind: Type,
    /// Its reason.
    pub reason: &'static str,
    /// Its message.
    pub message: String,
}

impl News {
    /// A Normal event.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind: Type::Normal, reason, message: fit(message.into()) }
    }

    /// A Warning event.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind: Type::Warning, reason, message: fit(message.into()) }
    }
}

/// A message that the API server takes.
fn fit(mut message: String) -> String {
    if message.len() > LIMIT {
        message.truncate(message.floor_char_boundary(LIMIT - " …".len()));
        message.push_str(" …");
    }
    message
}

/// The object that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    served: &'static Served,
    place: Ref,
    uid: String,
    version: String,
}

impl About {
    /// This object.
    pub fn new(served: &'static Served, place: &Ref, object: &Value) -> Self {
        let text = |key| tree::text(object, &["metadata", key]).to_owned();
        Self { served, place: place.clone(), uid: text("uid"), version: text("resourceVersion") }
    }
}

/// Events that wait to be written, and what is remembered of those that were.
#[derive(Debug, Default)]
pub struct Events {
    waiting: Mutex<VecDeque<(About, News)>>,
    wake: Notify,
    series: Mutex<Series>,
}

impl Events {
    fn put(&self, event: (About, News)) -> bool {
        let mut waiting = lock(&self.waiting);
        let room = waiting.len() < WAITING;
        if room {
            waiting.push_back(event);
            self.wake.notify_one();
        }
        room
    }

    fn take(&self) -> Option<(About, News)> {
        lock(&self.waiting).pop_front()
    }

    /// What waits to be written, which is then not written.
    #[cfg(test)]
    pub fn said(&self) -> Vec<News> {
        lock(&self.waiting).drain(..).map(|(_, news)| news).collect()
    }
}

/// Tells something about a service.
pub fn tell(ctx: &Context, place: &Ref, service: &Value, news: News) {
    tell_about(ctx, About::new(&resources::SERVICE, place, service), news);
}

/// The same about an object of any kind.
pub fn tell_about(ctx: &Context, about: About, news: News) {
    let object = tracing::field::display(&about.place);
    tracing::info!(kind = about.served.kind, object, reason = news.reason, "{}", news.message);
    if !ctx.events.put((about, news)) {
        ctx.metrics.told(Told::Dropped);
    }
}

/// Writes what is told, for good.
pub async fn keep(ctx: Arc<Context>) {
    loop {
        let wake = ctx.events.wake.notified();
        flush(&ctx).await;
        wake.await;
    }
}

/// Writes what waits.
pub async fn flush(ctx: &Context) {
    while let Some((about, news)) = ctx.events.take() {
        let told = write(ctx, &about, &news).await.unwrap_or_else(|error| {
            let object = tracing::field::display(&about.place);
            tracing::debug!(object, error = crate::wire::chain(&error), "event not written");
            Told::Failed
        });
        ctx.metrics.told(told);
    }
}

async fn write(ctx: &Context, about: &About, news: &News) -> Result<Told, WireError> {
    let step = lock(&ctx.events.series).next(&about.uid, news, Instant::now());
    if let Step::Again { name, count } = &step {
        let at = Place { served: &resources::EVENT, namespace: &about.place.namespace, name };
        match ctx.wire.merge_patch(at, &json!({"count": count, "lastTimestamp": now()})).await {
            // Events expire: then it is a new one.
            Err(error) if error.code() == Some(404) => {}
            other => return other.map(|_| Told::Repeated),
        }
    }
    if step == Step::Drop {
        return Ok(Told::Dropped);
    }
    let at = Place { served: &resources::EVENT, namespace: &about.place.namespace, name: "" };
    let written = ctx.wire.post(at, &body(&ctx.options.identity, about, news)).await?;
    let name = tree::text(&written, &["metadata", "name"]);
    lock(&ctx.events.series).wrote(&about.uid, news, name, Instant::now());
    Ok(Told::Written)
}

fn body(host: &str, about: &About, news: &News) -> Value {
    let time = now();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{}.", about.place.name), "namespace": about.place.namespace},
        "involvedObject": {
            "apiVersion": about.served.api_version(),
            "kind": about.served.kind,
            "namespace": about.place.namespace,
            "name": about.place.name,
            "uid": about.uid,
            "resourceVersion": about.version,
        },
        "type": match news.kind { Type::Normal => "Normal", Type::Warning => "Warning" },
        "reason": news.reason,
        "message": news.message,
        "source": {"component": "LLMInferenceServiceController", "host": host},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_where_the_server_would_refuse_it() {
        let long = fit("containers[main].env[ä].value, ".repeat(100));
        assert!(long.len() <= LIMIT && long.ends_with(" …"), "{long}");
        assert_eq!(fit("short".to_owned()), "short");
    }

    #[test]
    fn an_event_has_the_form_that_kubectl_describe_shows() {
        let object = json!({"metadata": {"uid": "u", "resourceVersion": "7"}});
        let about = About::new(&resources::SERVICE, &Ref::new("ns", "m"), &object);
        let mut event = body("pod", &about, &News::warning("Error", "no"));
        let times = ["firstTimestamp", "lastTimestamp"].map(|key| event[key].take());
        assert!(times.iter().all(|time| time.as_str().is_some_and(|time| time.ends_with('Z'))), "{times:?}");
        let expected = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"generateName": "m.", "namespace": "ns"},
            "involvedObject": {
                "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "namespace": "ns",
                "name": "m", "uid": "u", "resourceVersion": "7",
            },
            "type": "Warning", "reason": "Error", "message": "no",
            "source": {"component": "LLMInferenceServiceController", "host": "pod"},
            "firstTimestamp": null, "lastTimestamp": null, "count": 1,
        });
        assert_eq!(event, expected);
    }
}
