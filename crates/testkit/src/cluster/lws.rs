//! The LeaderWorkerSet controller: a process beside the control plane, with its webhooks on 127.0.0.1.

mod webhooks;

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::kubectl::capture;
use super::tools::Tools;
use super::{Cluster, install};
use crate::{net, operator, paths};

/// The program, and its name in the `pids` folder.
pub const PROGRAM: &str = "lws-controller-manager";

/// How long it may take to answer on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between the choice of a port and its use another program may take it.
const ATTEMPTS: usize = 3;

/// The controller on a control plane of ours, started if need be; the CRD comes with it. A user's cluster has its
/// own, or none.
pub fn ensure(cluster: &Cluster) -> Result<()> {
    let Some(home) = Home::of(cluster) else { return Ok(()) };
    fs::create_dir_all(&home.own).with_context(|| format!("creating {}", home.own.display()))?;
    let lock = File::create(home.own.join("lock"))?;
    lock.lock().context("another process starts the LeaderWorkerSet controller")?;
    if home.answers() {
        return Ok(());
    }
    let tools = Tools::ready()?;
    let mut result = start(cluster, &home, &tools);
    for _ in 1..ATTEMPTS {
        if result.is_ok() {
            break;
        }
        result = start(cluster, &home, &tools);
    }
    result.with_context(|| format!("the LeaderWorkerSet controller; log: {}", home.log().display()))
}

/// Ends the controller of the control plane in this folder, by its process id. At once: it keeps nothing, and one
/// that hangs would not hear a request.
pub fn end(folder: &Path) -> Result<()> {
    let home = Home::at(folder);
    let Some(id) = home.id() else { return Ok(()) };
    capture(Command::new("kill").arg("-KILL").arg(id.to_string()), None)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while net::process_runs(id) {
        ensure!(Instant::now() < deadline, "{PROGRAM} (process {id}) does not end");
        thread::sleep(Duration::from_millis(20));
    }
    fs::remove_file(home.pid_file()).context("forgetting the LeaderWorkerSet controller")
}

/// The webhooks come before the CRD: a LeaderWorkerSet that came between would lack its defaults, and its pods their
/// labels.
fn start(cluster: &Cluster, home: &Home, tools: &Tools) -> Result<()> {
    end(&home.control_plane)?;
    let ports = Ports { webhook: net::free_port()?, health: net::free_port()? };
    let authority = webhooks::certificate(&home.own)?;
    fs::write(home.config(), ports.config(&home.own).to_string()).context("writing its configuration")?;
    install::apply(cluster, &webhooks::of(&tools.manifests("lws-webhooks"), ports.webhook, &authority)?)?;
    install::crds(cluster, &install::texts(&tools.manifests("lws-crds"))?)?;
    home.spawn(&tools.program(PROGRAM), cluster)?;
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = webhooks::admit(cluster) {
        if home.id().is_none() || Instant::now() > deadline {
            let log = fs::read_to_string(home.log()).unwrap_or_default();
            bail!("{error:#}\n{}", operator::tail(&log, 15));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Ports {
    webhook: u16,
    health: u16,
}

impl Ports {
    /// Without its own certificates, which it would write into a Secret, and alone, so without a lease.
    fn config(self, certificates: &Path) -> Value {
        json!({
            "apiVersion": "config.lws.x-k8s.io/v1alpha1",
            "kind": "Configuration",
            "webhook": {"host": "127.0.0.1", "port": self.webhook, "certDir": certificates},
            "health": {"healthProbeBindAddress": format!("127.0.0.1:{}", self.health)},
            "metrics": {"bindAddress": "0"},
            "leaderElection": {"leaderElect": false},
            "internalCertManagement": {"enable": false},
        })
    }
}

/// Where the controller of one control plane keeps what it needs.
struct Home {
    control_plane: PathBuf,
    own: PathBuf,
}

impl Home {
    /// Only beside a control plane that kwokctl started for us.
    fn of(cluster: &Cluster) -> Option<Self> {
        let folder = cluster.kubeconfig().parent()?;
        let ours = folder.starts_with(paths::cache()) && folder.join("kwok.yaml").exists();
        ours.then(|| Self::at(folder))
    }

    fn at(folder: &Path) -> Self {
        Self { control_plane: folder.to_owned(), own: folder.join("lws") }
    }

    fn config(&self) -> PathBuf {
        self.own.join("config.yaml")
    }

    fn log(&self) -> PathBuf {
        self.control_plane.join("logs").join(format!("{PROGRAM}.log"))
    }

    fn pid_file(&self) -> PathBuf {
        self.control_plane.join("pids").join(format!("{PROGRAM}.pid"))
    }

    /// The id of the running process. It names its configuration in its arguments; another process with this id
    /// does not.
    fn id(&self) -> Option<u32> {
        let id = fs::read_to_string(self.pid_file()).ok()?;
        let ours = net::process_mentions(id.trim(), &self.config().display().to_string());
        id.trim().parse().ok().filter(|id| ours && net::process_runs(*id))
    }

    fn answers(&self) -> bool {
        let health = || {
            let config: Value = serde_json::from_str(&fs::read_to_string(self.config()).ok()?).ok()?;
            let address = config.pointer("/health/healthProbeBindAddress")?.as_str()?;
            address.rsplit_once(':')?.1.parse().ok()
        };
        self.id().is_some() && health().is_some_and(|port| net::http_get(port, "/readyz").is_ok())
    }

    /// In a process group of its own: it outlives the test run, and Ctrl-C in the shell does not reach it.
    fn spawn(&self, program: &Path, cluster: &Cluster) -> Result<()> {
        let log = File::create(self.log()).with_context(|| format!("creating {}", self.log().display()))?;
        let mut command = Command::new(program);
        command.arg("--config").arg(self.config()).arg("--kubeconfig").arg(cluster.kubeconfig());
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        fs::write(self.pid_file(), child.id().to_string()).context("noting the process id")
    }
}
