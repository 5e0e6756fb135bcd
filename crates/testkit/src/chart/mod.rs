//! The charts in `charts/`, through the real Helm.

pub mod generate;

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use serde_json::Value;

pub use generate::Chart;

use crate::cluster::{Tools, capture};
use crate::{documents, paths};

/// Helm with a home of its own: nothing of the user's is read or written.
pub fn helm() -> Result<Command> {
    static PROGRAM: OnceLock<Result<PathBuf>> = OnceLock::new();
    let find = || Ok(Tools::helm_only()?.program("helm"));
    let program = PROGRAM.get_or_init(find).as_ref().map_err(|error| anyhow::anyhow!("Helm: {error:#}"))?;
    let mut command = Command::new(program);
    let home = paths::target().join("helm");
    for (variable, folder) in
        [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
    {
        command.env(variable, home.join(folder));
    }
    command.env_remove("KUBECONFIG");
    Ok(command)
}

/// The folder of a chart.
pub fn folder(chart: Chart) -> PathBuf {
    paths::repository().join("charts").join(chart.name())
}

/// What a chart renders to, in a release of its own name in this namespace; `args` are such as `--set replicas=1`.
pub fn rendered(chart: Chart, namespace: &str, args: &[&str]) -> Result<Vec<Value>> {
    documents::parse(&rendered_text(chart, namespace, args)?).context("helm template")
}

/// The same as text.
pub fn rendered_text(chart: Chart, namespace: &str, args: &[&str]) -> Result<String> {
    let mut command = helm()?;
    command.args(["template", chart.name()]).arg(folder(chart)).args(["--namespace", namespace]).args(args);
    capture(&mut command, None)
}
