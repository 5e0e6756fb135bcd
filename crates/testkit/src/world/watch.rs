//! Waiting for a condition on a watch, with a look at the object when the watch is silent.

use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{World, too_late};

/// A watch cannot tell that the object was never there, or went before it began.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) fn until(
    world: &World<'_>,
    kind: &str,
    name: &str,
    what: &str,
    condition: &dyn Fn(Option<&Value>) -> bool,
    timeout: Duration,
) -> Result<Option<Value>> {
    let deadline = Instant::now() + timeout;
    let mut last = world.find(kind, name)?;
    let mut stream = None;
    while !condition(last.as_ref()) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return too_late(&format!("{kind} {}/{name}: {what}", world.namespace()), timeout, last.as_ref());
        }
        let watch = match stream.take() {
            Some(watch) => watch,
            None => Watch::open(world, kind, name)?,
        };
        last = match watch.next(left.min(LOOK_AGAIN)) {
            Next::Object(object) => object,
            Next::Silence => world.find(kind, name)?,
            Next::End => {
                last = world.find(kind, name)?;
                continue;
            }
        };
        stream = Some(watch);
    }
    Ok(last)
}

enum Next {
    Object(Option<Value>),
    Silence,
    End,
}

/// `kubectl get --watch` of one object, which need not exist yet.
struct Watch {
    child: Child,
    events: Receiver<Value>,
}

impl Watch {
    fn open(world: &World<'_>, kind: &str, name: &str) -> Result<Self> {
        let mut command = world.cluster().tool().command();
        command.args([
            "get",
            kind,
            "-n",
            world.namespace(),
            "--field-selector",
            &format!("metadata.name={name}"),
        ]);
        command.args(["--watch", "--output-watch-events", "-o", "json"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting kubectl get --watch")?;
        let output = child.stdout.take().context("kubectl has no output")?;
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for event in serde_json::Deserializer::from_reader(output).into_iter().map_while(Result::ok) {
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, events })
    }

    fn next(&self, patience: Duration) -> Next {
        match self.events.recv_timeout(patience) {
            Ok(mut event) if event.get("type").is_some_and(|it| it != "DELETED") => {
                Next::Object(event.get_mut("object").map(Value::take))
            }
            Ok(_) => Next::Object(None),
            Err(RecvTimeoutError::Timeout) => Next::Silence,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
