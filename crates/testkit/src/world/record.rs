//! Every change of some kinds of objects, in the order in which the API server made them.

use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::World;

/// Watches that run until this is dropped.
#[derive(Debug)]
pub struct Recording {
    watches: Vec<Child>,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Recording {
    pub(super) fn start(world: &World<'_>, kinds: &[&str]) -> Result<Self> {
        let mut recording = Self { watches: Vec::new(), seen: Arc::default() };
        for kind in kinds {
            recording.watch(world, kind)?;
        }
        Ok(recording)
    }

    fn watch(&mut self, world: &World<'_>, kind: &str) -> Result<()> {
        let mut command = world.cluster().tool().command();
        command.args([
            "get",
            kind,
            "-n",
            world.namespace(),
            "--watch",
            "--output-watch-events",
            "-o",
            "json",
        ]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("kubectl get")?;
        let output = child.stdout.take().context("kubectl has no output")?;
        self.watches.push(child);
        let seen = Arc::clone(&self.seen);
        thread::spawn(move || {
            for event in
                serde_json::Deserializer::from_reader(output).into_iter::<Value>().map_while(Result::ok)
            {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
        });
        Ok(())
    }

    /// Objects as they were after each change, in order of their resourceVersions, which count the writes of all
    /// kinds together.
    pub fn so_far(&self) -> Vec<Value> {
        self.changes().into_iter().map(|(_, object)| object).collect()
    }

    /// Every change with its type, `ADDED`, `MODIFIED` or `DELETED`, in the same order.
    pub fn changes(&self) -> Vec<(String, Value)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = |event: &Value| event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let change = |event: &Value| Some((kind(event), event.get("object")?.clone()));
        let mut changes: Vec<(String, Value)> = seen.iter().filter_map(change).collect();
        changes.sort_by_key(|(_, object)| version(object));
        changes
    }

    /// The same, once the recording has reached this object, which a caller has seen by other means.
    pub fn up_to(&self, world: &World<'_>, object: &Value) -> Result<Vec<Value>> {
        let uid = object.pointer("/metadata/uid");
        let reached = |it: &Value| it.pointer("/metadata/uid") == uid && version(it) >= version(object);
        world.eventually("the recording reaches the object", Duration::from_secs(10), || {
            let so_far = self.so_far();
            Ok(so_far.iter().any(reached).then_some(so_far))
        })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        for watch in &mut self.watches {
            let _ = watch.kill();
            let _ = watch.wait();
        }
    }
}

/// An object's resourceVersion as the number that it is in a real API server.
pub fn version(object: &Value) -> u64 {
    let text = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    text.and_then(|it| it.parse().ok()).unwrap_or_default()
}
