//! Waiting with something to look at.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::NAMESPACE;
use crate::cluster::Cluster;
use crate::tree::{Paint, condition, text};

/// How long the examples may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs a step and says how long it takes; on a terminal, while it runs.
pub fn told<T: Send>(step: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let (begin, done) = (Instant::now(), AtomicBool::new(false));
    let result = thread::scope(|scope| {
        scope.spawn(|| while_running(step, begin, &done));
        let result = work();
        done.store(true, Ordering::Release);
        result
    });
    if result.is_ok() {
        println!("{}{step:<16} {:.1?}", clear(), begin.elapsed());
    }
    result
}

fn while_running(step: &str, begin: Instant, done: &AtomicBool) {
    while !done.load(Ordering::Acquire) {
        // A short step is told once, when it is done.
        if io::stdout().is_terminal() && begin.elapsed() > Duration::from_secs(1) {
            print!("{}{step:<16} {:.0?} …", clear(), begin.elapsed());
            let _ = io::stdout().flush();
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn clear() -> &'static str {
    if io::stdout().is_terminal() { "\r\x1b[K" } else { "" }
}

/// Waits until all services of the demo are Ready, with a line per service.
pub fn until_ready(cluster: &Cluster, count: usize, paint: Paint) -> Result<()> {
    let (begin, mut shown) = (Instant::now(), Vec::new());
    loop {
        let services = cluster.list("llminferenceservices.serving.kserve.io", NAMESPACE)?;
        let pods = cluster.list("pods", NAMESPACE)?;
        show(&mut shown, services.iter().map(|it| progress(it, &pods, paint)).collect());
        let waiting: Vec<&str> =
            services.iter().filter(|it| !is_ready(it)).map(|it| text(it, "/metadata/name")).collect();
        if waiting.is_empty() && services.len() >= count {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            bail!("not Ready within {PATIENCE:?}: {}", waiting.join(", "));
        }
        thread::sleep(Duration::from_millis(250));
    }
}

fn is_ready(service: &Value) -> bool {
    let generation = service.pointer("/metadata/generation");
    let observed = service.pointer("/status/observedGeneration");
    (observed.is_none() || observed == generation)
        && condition(service, "Ready").is_some_and(|it| text(it, "/status") == "True")
}

fn progress(service: &Value, pods: &[Value], paint: Paint) -> String {
    let name = text(service, "/metadata/name");
    let mine = |pod: &&Value| text(pod, "/metadata/labels/app.kubernetes.io~1name") == name;
    let up = |pod: &&Value| condition(pod, "Ready").is_some_and(|it| text(it, "/status") == "True");
    let mine: Vec<&Value> = pods.iter().filter(mine).collect();
    let up = mine.iter().copied().filter(up).count();
    let reason = condition(service, "Ready").map_or("not seen yet", |it| text(it, "/reason"));
    let state = if is_ready(service) { "Ready" } else { reason };
    format!("  {name:<36} pods {up}/{:<4} {}", mine.len(), paint.state(is_ready(service), state))
}

/// On a terminal the lines are written over; elsewhere a line is printed when it changes.
fn show(shown: &mut Vec<String>, lines: Vec<String>) {
    if io::stdout().is_terminal() {
        if !shown.is_empty() {
            print!("\x1b[{}A", shown.len());
        }
        for line in &lines {
            println!("\x1b[K{line}");
        }
    } else {
        for line in lines.iter().filter(|line| !shown.contains(line)) {
            println!("{line}");
        }
    }
    *shown = lines;
}
