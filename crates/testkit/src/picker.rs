//! The endpoint picker of the Gateway API Inference Extension, started to see whether it takes a configuration.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cluster::{Cluster, Tools};
use crate::net;

/// How long it may take to read its configuration on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const LOADED: &str = "loaded configuration from file/text successfully";

/// What it makes of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It reads it, and would go on to serve.
    Loaded,
    /// It exits; the end of its log.
    Refused(String),
}

/// Starts the picker for a pool with this configuration, waits until it has read it, and ends it.
pub fn verdict(cluster: &Cluster, namespace: &str, pool: &str, text: &str) -> Result<Verdict> {
    let mut command = Command::new(program()?);
    command.args(["--pool-namespace", namespace, "--pool-name", pool, "--config-text", text]);
    for flag in ["--grpc-port", "--grpc-health-port", "--metrics-port"] {
        command.args([flag.to_owned(), net::free_port()?.to_string()]);
    }
    command.args(["--zap-encoder", "json", "--tracing=false"]).env("KUBECONFIG", cluster.kubeconfig());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    Running(child.context("starting the picker")?).verdict()
}

fn program() -> Result<PathBuf> {
    static PROGRAM: OnceLock<Result<PathBuf>> = OnceLock::new();
    let find = || Ok(Tools::epp_only()?.program("epp"));
    let program = PROGRAM.get_or_init(find).as_ref();
    program.cloned().map_err(|error| anyhow::anyhow!("the endpoint picker: {error:#}"))
}

/// Ends with the value, by its own process id.
struct Running(Child);

impl Running {
    fn verdict(&mut self) -> Result<Verdict> {
        let output = self.0.stderr.take().context("the picker has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(LOADED) => return Ok(Verdict::Loaded),
                Ok(line) if line.contains("\"level\":\"error\"") => last = line,
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Verdict::Refused(last)),
                Err(RecvTimeoutError::Timeout) => bail!("the picker neither loads nor exits: {last}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
