//! The small control plane from envtest's programs (`KUBEBUILDER_ASSETS`): etcd and kube-apiserver, no build.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rcgen::KeyPair;

use super::Cluster;
use crate::net;

/// The running one in this folder, or a new one.
pub fn ensure(assets: &Path, folder: &Path) -> Result<Cluster> {
    let home = folder.join("envtest");
    let cluster = Cluster::new(home.join("kubeconfig.yaml"), assets.join("kubectl"));
    if cluster.kubeconfig().exists() && ready(&cluster) {
        return Ok(cluster);
    }
    end(folder)?;
    fs::create_dir_all(home.join("pids")).with_context(|| format!("creating {}", home.display()))?;
    start(&Parts { assets: assets.to_owned(), home })?;
    let deadline = Instant::now() + Duration::from_mins(1);
    while !ready(&cluster) {
        ensure!(
            Instant::now() < deadline,
            "not ready after a minute; logs: {}",
            folder.join("envtest").display()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(cluster)
}

fn ready(cluster: &Cluster) -> bool {
    cluster.kubectl(&["get", "--raw", "/readyz", "--request-timeout=5s"], None).is_ok()
}

/// Ends what [`ensure`] started in this folder.
pub fn end(folder: &Path) -> Result<()> {
    let home = folder.join("envtest");
    let Ok(entries) = fs::read_dir(home.join("pids")) else { return Ok(()) };
    for entry in entries {
        let id = fs::read_to_string(entry?.path())?;
        // Both name the folder in their arguments; another process with this id does not.
        if net::process_mentions(id.trim(), &home.display().to_string()) {
            net::terminate(id.trim().parse().context("a process id")?);
        }
    }
    fs::remove_dir_all(&home).context("removing the old control plane")
}

struct Parts {
    assets: PathBuf,
    home: PathBuf,
}

impl Parts {
    fn spawn(&self, program: &str, args: &[String]) -> Result<()> {
        let log = File::create(self.home.join(format!("{program}.log")))?;
        let mut command = Command::new(self.assets.join(program));
        command.args(args).stdin(std::process::Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {program} of KUBEBUILDER_ASSETS"))?;
        fs::write(self.home.join("pids").join(program), child.id().to_string())?;
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }
}

fn start(parts: &Parts) -> Result<()> {
    let (client, peer, secure) = (net::free_port()?, net::free_port()?, net::free_port()?);
    let token = token()?;
    fs::write(parts.path("accounts.key"), KeyPair::generate()?.serialize_pem())?;
    fs::write(parts.path("tokens.csv"), format!("{token},admin,admin,system:masters\n"))?;
    parts.spawn("etcd", &etcd(parts, client, peer))?;
    parts.spawn("kube-apiserver", &apiserver(parts, client, secure))?;
    fs::write(parts.path("kubeconfig.yaml"), kubeconfig(&format!("https://127.0.0.1:{secure}"), &token))?;
    Ok(())
}

fn etcd(parts: &Parts, client: u16, peer: u16) -> Vec<String> {
    vec![
        format!("--data-dir={}", parts.path("etcd")),
        format!("--listen-client-urls=http://127.0.0.1:{client}"),
        format!("--advertise-client-urls=http://127.0.0.1:{client}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn apiserver(parts: &Parts, etcd: u16, secure: u16) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--secure-port={secure}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--cert-dir={}", parts.path("certificates")),
        format!("--token-auth-file={}", parts.path("tokens.csv")),
        format!("--service-account-key-file={}", parts.path("accounts.key")),
        format!("--service-account-signing-key-file={}", parts.path("accounts.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
        // No controller makes the default ServiceAccounts here.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ]
}

fn token() -> Result<String> {
    let mut bytes = [0u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// A kubeconfig for a bearer token; the API server's own certificate is not checked.
fn kubeconfig(server: &str, token: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [{"name": "local", "cluster": {"server": server, "insecure-skip-tls-verify": true}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "admin"}}],
    })
    .to_string()
}
