//! Objects of others that a service names: read when asked for, and watched one by one where a change matters.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use llmisvc_core::ca_bundle;
use llmisvc_core::facts::{Answer, Key, reduce_secret};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::bag::{ABSENT, Stamp, stamp};
use super::lock;
use super::raw::Raw;

/// How long an answer that is not watched serves other passes.
const MEMORY: Duration = Duration::from_secs(10);
/// Stamp of an answer that could not be read; no object has it.
pub const UNREADABLE: Stamp = 2;

#[derive(Debug)]
struct Entry {
    answer: Answer,
    stamp: Stamp,
    at: Instant,
    watch: Option<AbortHandle>,
}

impl Entry {
    fn watched(&self) -> bool {
        self.watch.as_ref().is_some_and(|w| !w.is_finished())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

/// Answers by key.
#[derive(Debug, Default)]
pub struct Asked {
    entries: Mutex<BTreeMap<Key, Entry>>,
}

impl Asked {
    /// The last answer, however old.
    pub fn last(&self, key: &Key) -> Option<(Answer, Stamp)> {
        lock(&self.entries).get(key).map(|e| (e.answer.clone(), e.stamp))
    }

    /// The answer, if it is watched or was read a moment ago.
    pub fn fresh(&self, key: &Key) -> Option<(Answer, Stamp)> {
        let entries = lock(&self.entries);
        let fresh =
            entries.get(key).filter(|e| e.watched() || (e.stamp != UNREADABLE && e.at.elapsed() < MEMORY));
        fresh.map(|e| (e.answer.clone(), e.stamp))
    }

    /// Records an answer; true when it differs from the last one.
    pub fn put(&self, key: &Key, answer: Answer) -> (bool, Stamp) {
        let stamp = stamp_of(&answer);
        let mut entries = lock(&self.entries);
        let old = entries.remove(key);
        let changed = old.as_ref().is_none_or(|old| old.stamp != stamp);
        let watch = old.and_then(|mut old| old.watch.take());
        entries.insert(key.clone(), Entry { answer, stamp, at: Instant::now(), watch });
        (changed, stamp)
    }

    /// Notes the task that watches a key; a second one for the same key is ended.
    pub fn watched_by(&self, key: &Key, watch: AbortHandle) {
        match lock(&self.entries).get_mut(key) {
            Some(entry) if !entry.watched() => entry.watch = Some(watch),
            _ => watch.abort(),
        }
    }

    /// Whether a task watches the key.
    pub fn is_watched(&self, key: &Key) -> bool {
        lock(&self.entries).get(key).is_some_and(Entry::watched)
    }

    /// Forgets keys that nobody asks for any more, and ends their watches.
    pub fn forget(&self, keys: &[Key]) {
        let mut entries = lock(&self.entries);
        for key in keys {
            entries.remove(key);
        }
    }
}

fn stamp_of(answer: &Answer) -> Stamp {
    match answer {
        Answer::Absent => ABSENT,
        Answer::Unreadable(_) => UNREADABLE,
        Answer::Found(value) => stamp(value, true),
    }
}

/// What the core gets to see of an object.
pub fn answer_for(key: &Key, object: Option<Raw>) -> Answer {
    match (key, object) {
        (_, None) => Answer::Absent,
        (Key::CaBundle(_), Some(raw)) => Answer::Found(ca_bundle::reduce(&raw.value).into()),
        (Key::Secret(_), Some(raw)) => Answer::Found(reduce_secret(&raw.value).into()),
        (_, Some(raw)) => Answer::Found(raw.value.into()),
    }
}

/// Whether a change of this answer has to be noticed at once. Accounts and Secrets that exist are read again
/// when their service is decided anew; while they are missing, a watch waits for them.
pub fn wants_watch(key: &Key, answer: &Answer) -> bool {
    match (key, answer) {
        (_, Answer::Unreadable(_))
        | (
            Key::Config(_)
            | Key::ConfigNames(_)
            | Key::Gateway(_)
            | Key::Pods(_)
            | Key::Troubles(_)
            | Key::Namesakes(_)
            | Key::Group(_),
            _,
        ) => false,
        (Key::ServiceAccount(_) | Key::Secret(_), answer) => *answer == Answer::Absent,
        (
            Key::ConfigMap(_)
            | Key::CaBundle(_)
            | Key::GatewayClass(_)
            | Key::Ingress(_)
            | Key::Claim(_)
            | Key::HttpRoute(_)
            | Key::InferencePool(_)
            | Key::OlderInferencePool(_)
            | Key::GatewayService(_),
            _,
        ) => true,
    }
}

#[cfg(test)]
mod tests {
    use llmisvc_core::facts::Ref;
    use serde_json::json;

    use super::*;

    fn account() -> Key {
        Key::ServiceAccount(Ref::new("ns", "default"))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_others_for_a_moment() {
        let asked = Asked::default();
        asked.put(&account(), Answer::Found(json!({"a": 1}).into()));
        assert!(asked.fresh(&account()).is_some());
        tokio::time::advance(MEMORY).await;
        assert!(asked.fresh(&account()).is_none());
        assert!(asked.last(&account()).is_some());
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_asked_again() {
        let asked = Asked::default();
        asked.put(&account(), Answer::Unreadable("forbidden".to_owned()));
        assert!(asked.fresh(&account()).is_none());
    }

    #[tokio::test]
    async fn a_forgotten_key_ends_its_watch() {
        let asked = Asked::default();
        asked.put(&account(), Answer::Absent);
        let task = tokio::spawn(std::future::pending::<()>());
        asked.watched_by(&account(), task.abort_handle());
        asked.forget(&[account()]);
        assert!(task.await.unwrap_err().is_cancelled());
    }

    #[test]
    fn missing_accounts_and_all_routes_are_watched() {
        let route = Key::HttpRoute(Ref::new("ns", "r"));
        let found = Answer::Found(json!({}).into());
        assert!(wants_watch(&account(), &Answer::Absent) && !wants_watch(&account(), &found));
        assert!(wants_watch(&route, &found) && wants_watch(&route, &Answer::Absent));
    }
}
