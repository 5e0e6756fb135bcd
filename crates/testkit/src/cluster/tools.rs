//! The programs of the local control plane.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::paths;

/// The folder that `tests/localcluster/build` prints.
#[derive(Debug)]
pub struct Tools(PathBuf);

impl Tools {
    /// Programs and manifests. Builds what is missing; its progress goes to stderr.
    pub fn ready() -> Result<Self> {
        Self::build("--programs")
    }

    /// The manifests alone, for those who bring the programs.
    pub fn manifests_only() -> Result<Self> {
        Self::build("--manifests")
    }

    /// Manifests and Helm.
    pub fn helm_only() -> Result<Self> {
        Self::build("--helm")
    }

    /// Manifests and the endpoint picker.
    pub fn epp_only() -> Result<Self> {
        Self::build("--epp")
    }

    fn build(wanted: &str) -> Result<Self> {
        let script = paths::repository().join("tests/localcluster/build");
        let output = Command::new(&script)
            .arg(wanted)
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", script.display()))?;
        ensure!(output.status.success(), "{} failed; it needs Go and the Go module proxy", script.display());
        Ok(Self(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())))
    }

    /// A program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    /// A folder of manifests: `crds` or `stages`.
    pub fn manifests(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
