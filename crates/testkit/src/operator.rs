//! The operator as a process, with its own ports and log.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cluster::{Cluster, capture, webhooks};
use crate::{account, net, paths};

/// Ends the program when its own input ends: however a test run stops, it leaves no operator behind.
const KEEPER: &str = r#"log=$1; shift; "$@" </dev/null >"$log" 2>&1 & child=$!
echo $child; read -r _; kill -TERM $child 2>/dev/null; wait $child"#;

/// How long the operator may take to become ready on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Whether the operator serves webhooks, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Webhooks {
    /// On a local control plane, which is told to call them; nowhere else.
    #[default]
    Called,
    /// At this port, and nobody is told.
    At(u16),
    /// Nowhere. What the test writes while no operator runs is taken.
    Off,
}

/// What differs from the usual start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Another user than the ServiceAccount of `config/rbac`, under which the operator runs unless told otherwise.
    pub kubeconfig: Option<PathBuf>,
    /// Another program than [`binary`].
    pub program: Option<PathBuf>,
    /// Further arguments; the last of a repeated flag wins.
    pub args: Vec<String>,
    /// Further environment variables.
    pub env: Vec<(String, String)>,
    /// Webhooks; on a control plane of ours they are served and called unless a test says otherwise.
    pub webhooks: Webhooks,
}

/// A running operator. It ends when this is dropped.
#[derive(Debug)]
pub struct Operator {
    keeper: Child,
    input: Option<ChildStdin>,
    id: u32,
    health: u16,
    metrics: u16,
    log: PathBuf,
}

impl Operator {
    /// The operator that all tests of a process share, on the shared cluster.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Operator>> = OnceLock::new();
        let start = || Self::start(Cluster::shared()?, &Options::default());
        SHARED.get_or_init(start).as_ref().map_err(|error| anyhow::anyhow!("the shared operator: {error:#}"))
    }

    /// Starts one and waits until it is ready.
    pub fn start(cluster: &Cluster, options: &Options) -> Result<Self> {
        let webhook = match options.webhooks {
            Webhooks::Called => webhooks::prepare(cluster)?,
            Webhooks::At(port) => Some(port),
            Webhooks::Off => None,
        };
        let ports = Ports::free(webhook)?;
        let log = log_file()?;
        let kubeconfig = match &options.kubeconfig {
            Some(given) => given.clone(),
            None => account::kubeconfig(cluster, &log.with_extension("kubeconfig"))?,
        };
        let program = options.program.clone().map_or_else(binary, Ok)?;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&log).arg(program).args(flags(ports));
        command.args(&options.args).envs(environment(&kubeconfig));
        command.envs(options.env.iter().map(|(name, value)| (name, value)));
        let mut keeper =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting sh")?;
        let id = child_id(&mut keeper)?;
        let Ports { health, metrics, .. } = ports;
        let operator = Self { input: keeper.stdin.take(), keeper, id, health, metrics, log };
        operator.wait_until_ready()?;
        if options.webhooks == Webhooks::Called && webhook.is_some() {
            let admitted = webhooks::until_admitted(cluster);
            admitted.with_context(|| format!("the operator's log:\n{}", tail(&operator.logs(), 20)))?;
        }
        Ok(operator)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready() {
            if !self.is_alive() || Instant::now() > deadline {
                bail!("the operator did not become ready:\n{}", tail(&self.logs(), 40));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Whether `/readyz` says so now.
    pub fn is_ready(&self) -> bool {
        net::http_get(self.health, "/readyz").is_ok()
    }

    /// Whether the process is still there.
    pub fn is_alive(&self) -> bool {
        net::process_runs(self.id)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Everything logged so far.
    pub fn logs(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The log file.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> Result<String> {
        net::http_get(self.metrics, "/metrics")
    }

    /// Sends SIGTERM and waits for the end; the status is the operator's own.
    pub fn stop(mut self) -> Result<ExitStatus> {
        drop(self.input.take());
        self.keeper.wait().context("waiting for the operator to end")
    }

    /// Ends it without a chance to clean up, as a crash does.
    pub fn kill(self) -> Result<()> {
        let id = self.id.to_string();
        capture(Command::new("kill").args(["-KILL", &id]), None).map(drop)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.keeper.wait();
    }
}

fn child_id(keeper: &mut Child) -> Result<u32> {
    let output = keeper.stdout.take().context("the keeper has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    line.trim().parse().context("the keeper did not print a process id")
}

fn log_file() -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = paths::evidence().join("operators");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(folder.join(format!("{}-{count}.log", std::process::id())))
}

/// Where an operator listens on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Of `/healthz` and `/readyz`.
    pub health: u16,
    /// Of `/metrics`.
    pub metrics: u16,
    /// Of the webhooks; none turns them off.
    pub webhook: Option<u16>,
}

impl Ports {
    /// Free ones, but for the webhooks.
    pub fn free(webhook: Option<u16>) -> Result<Self> {
        Ok(Self { health: net::free_port()?, metrics: net::free_port()?, webhook })
    }
}

/// The arguments of an operator outside the cluster.
pub fn flags(ports: Ports) -> Vec<String> {
    let webhook = ports.webhook.map_or("0".to_owned(), |port| format!("127.0.0.1:{port}"));
    vec![
        format!("--health-probe-addr=127.0.0.1:{}", ports.health),
        format!("--metrics-addr=127.0.0.1:{}", ports.metrics),
        "--metrics-secure=false".to_owned(),
        format!("--webhook-addr={webhook}"),
        "--webhook-url=https://127.0.0.1".to_owned(),
        "--shutdown-delay=0s".to_owned(),
    ]
}

fn environment(kubeconfig: &Path) -> [(&'static str, PathBuf); 2] {
    [("KUBECONFIG", kubeconfig.to_owned()), ("POD_NAMESPACE", PathBuf::from("kserve"))]
}

/// `LLMISVC_OPERATOR_BIN`, else a debug build of this checkout.
pub fn binary() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf>> = OnceLock::new();
    built(&BUILT, "LLMISVC_OPERATOR_BIN", "llmisvc-operator", "llmisvc-operator")
}

/// The command line tool: `LLMISVC_CLI_BIN`, else a debug build of this checkout.
pub fn cli() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf>> = OnceLock::new();
    built(&BUILT, "LLMISVC_CLI_BIN", "llmisvc-cli", "llmisvc")
}

fn built(once: &OnceLock<Result<PathBuf>>, variable: &str, package: &str, program: &str) -> Result<PathBuf> {
    if let Some(given) = env::var_os(variable) {
        return Ok(PathBuf::from(given));
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = || {
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "-p", package]).current_dir(paths::repository());
        capture(&mut command, None)?;
        Ok(paths::target().join("debug").join(program))
    };
    match once.get_or_init(build) {
        Ok(path) => Ok(path.clone()),
        Err(error) => Err(anyhow::anyhow!("building {program}: {error:#}")),
    }
}

/// Starts an operator that outlives this process; it has a process group of its own, so that Ctrl-C in the shell
/// does not reach it.
pub fn detach(program: &Path, kubeconfig: &Path, ports: Ports, log: &Path) -> Result<u32> {
    use std::os::unix::process::CommandExt as _;
    let output = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    let mut command = Command::new(program);
    command.args(flags(ports)).envs(environment(kubeconfig)).process_group(0);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
    Ok(child.id())
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}
