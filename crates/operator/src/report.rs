//! Writes the status when it says something new, and tells what has begun or ended.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_api::conditions::ROOT_CAUSES;
use llmisvc_core::facts::Ref;
use llmisvc_core::tree;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::context::Context;
use crate::events::{self, transitions};
use crate::memo::Mind;
use crate::resources;
use crate::wire::{Place, WireError};

/// How long progress on the way to Ready may wait to be written together with what follows. Readers are promised
/// five seconds.
const PROGRESS: Duration = Duration::from_secs(3);

/// When a new status has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It says nothing new.
    Never,
    /// At once.
    Now,
    /// Together with what comes until then.
    After(Duration),
}

/// Time as the API writes it.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A change that has not reached every child yet is not Ready, however ready the children are of what they were. The
/// next try says more, and follows soon.
pub fn is_premature(new: &Value, unfinished: bool) -> bool {
    unfinished && transitions::ready(new) == "True"
}

/// Writes `new` if it is due; gives how long it may wait, if it does.
pub async fn run(
    ctx: &Context,
    place: &Ref,
    service: &Value,
    new: &Value,
    mind: &mut Mind,
) -> Result<Option<Duration>, WireError> {
    let old = service.get("status").unwrap_or(&Value::Null);
    match due(old, new, mind, Instant::now()) {
        Due::Never => {
            mind.held = None;
            Ok(None)
        }
        Due::After(wait) => Ok(Some(wait)),
        Due::Now => {
            mind.held = None;
            let written = write(ctx, place, new).await;
            ctx.metrics.status_written(written.is_ok());
            let stored = written?;
            mind.written.note(new, &stored);
            for news in transitions::of(&place.name, old, new) {
                events::tell(ctx, place, service, news);
            }
            Ok(None)
        }
    }
}

async fn write(ctx: &Context, place: &Ref, status: &Value) -> Result<Value, WireError> {
    let at = Place { served: &resources::SERVICE, namespace: &place.namespace, name: &place.name };
    let ops = json!([{"op": "add", "path": "/status", "value": status}]);
    let answer = ctx.wire.json_patch(at, "/status", &ops).await?;
    let stored = answer.get("status").cloned().unwrap_or_default();
    // A spec that somebody has changed since the pass began comes back with the answer.
    if ctx.stores.put_service(answer) {
        ctx.queue.add(place.clone());
    }
    Ok(stored)
}

/// The first word on a generation, Ready, and the loss of it go out at once; progress in between is held back, so
/// that a service costs two writes from create to Ready and not one per child.
fn due(old: &Value, new: &Value, mind: &mut Mind, now: Instant) -> Due {
    if mind.written.is_old_news(old, new) {
        return Due::Never;
    }
    let observed = |status| tree::get(status, &["observedGeneration"]).and_then(Value::as_i64);
    let news = observed(old) != observed(new)
        || transitions::ready(old) != transitions::ready(new)
        || transitions::ready(new) == "True";
    let since = *mind.held.get_or_insert(now);
    let waited = now.saturating_duration_since(since);
    let left = PROGRESS.saturating_sub(waited);
    if news || tells_a_cause(old, new) || left.is_zero() { Due::Now } else { Due::After(left) }
}

/// A root cause that was not told before is no progress: it is what somebody waits for.
fn tells_a_cause(old: &Value, new: &Value) -> bool {
    let reason = |status| {
        let ready = tree::list(status, &["conditions"]).iter().find(|c| tree::text(c, &["type"]) == "Ready");
        ready.map(|c| tree::text(c, &["reason"])).unwrap_or_default()
    };
    reason(old) != reason(new) && ROOT_CAUSES.contains(&reason(new))
}

/// What was written last, and what the server made of it: what it drops from a status would otherwise be written again
/// and again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written(Option<(u64, u64)>);

impl Written {
    /// Notes a write.
    pub fn note(&mut self, new: &Value, stored: &Value) {
        self.0 = Some((digest(new), digest(stored)));
    }

    /// Whether a status says nothing that the stored one does not say, times aside.
    pub fn is_old_news(self, stored: &Value, new: &Value) -> bool {
        let (before, after) = (digest(stored), digest(new));
        before == after || self.0 == Some((after, before))
    }
}

/// A hash that does not see times and nulls.
fn digest(status: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash(status, &mut hasher);
    hasher.finish()
}

fn hash(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Object(map) => {
            for (key, part) in map.iter().filter(|(k, v)| *k != "lastTransitionTime" && !v.is_null()) {
                key.hash(hasher);
                hash(part, hasher);
            }
            "}".hash(hasher);
        }
        Value::Array(list) => {
            for part in list {
                hash(part, hasher);
            }
            "]".hash(hasher);
        }
        leaf => leaf.to_string().hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(generation: i64, ready: &str, workloads: &str, time: &str) -> Value {
        json!({"observedGeneration": generation, "url": null, "conditions": [
            {"type": "Ready", "status": ready, "lastTransitionTime": time},
            {"type": "WorkloadsReady", "status": workloads, "lastTransitionTime": time},
        ]})
    }

    #[tokio::test(start_paused = true)]
    async fn times_alone_are_nothing_new() {
        let (old, new) = (status(1, "False", "False", "a"), status(1, "False", "False", "b"));
        assert_eq!(due(&old, &new, &mut Mind::default(), Instant::now()), Due::Never);
    }

    #[tokio::test(start_paused = true)]
    async fn a_generation_and_readiness_are_written_at_once() {
        let old = status(1, "False", "False", "a");
        let mut mind = Mind::default();
        assert_eq!(due(&old, &status(2, "False", "False", "a"), &mut mind, Instant::now()), Due::Now);
        assert_eq!(due(&old, &status(1, "True", "True", "a"), &mut mind, Instant::now()), Due::Now);
        assert_eq!(due(&Value::Null, &old, &mut mind, Instant::now()), Due::Now);
    }

    #[test]
    // W-8
    fn a_change_that_has_not_reached_every_child_is_not_ready() {
        let (up, down) = (status(2, "True", "True", "a"), status(2, "False", "False", "a"));
        assert!(is_premature(&up, true));
        assert!(!is_premature(&up, false) && !is_premature(&down, true));
    }

    #[tokio::test(start_paused = true)]
    async fn progress_waits_but_not_for_ever() {
        let (old, new) = (status(1, "False", "False", "a"), status(1, "False", "True", "a"));
        let (mut mind, now) = (Mind::default(), Instant::now());
        assert_eq!(due(&old, &new, &mut mind, now), Due::After(PROGRESS));
        let later = now + Duration::from_secs(1);
        assert_eq!(due(&old, &new, &mut mind, later), Due::After(Duration::from_secs(2)));
        assert_eq!(due(&old, &new, &mut mind, now + PROGRESS), Due::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn a_root_cause_does_not_wait_and_its_details_do() {
        let because = |reason: &str, message: &str| json!({"conditions": [{"type": "Ready", "status": "False", "reason": reason, "message": message}]});
        let (waits, now) = (because("Progressing", ""), Instant::now());
        let crash = because("CrashLoop", "1 restart");
        assert_eq!(due(&waits, &crash, &mut Mind::default(), now), Due::Now);
        assert_eq!(due(&crash, &because("OutOfMemory", ""), &mut Mind::default(), now), Due::Now);
        assert_eq!(due(&crash, &because("CrashLoop", "2"), &mut Mind::default(), now), Due::After(PROGRESS));
        assert_eq!(due(&crash, &waits, &mut Mind::default(), now), Due::After(PROGRESS));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_server_drops_is_not_written_twice() {
        let (stored, new) = (json!({"a": 1}), json!({"a": 1, "unknown": 2}));
        let mut mind = Mind::default();
        mind.written.note(&new, &stored);
        assert_eq!(due(&stored, &new, &mut mind, Instant::now()), Due::Never);
    }
}
