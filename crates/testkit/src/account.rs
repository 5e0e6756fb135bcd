//! The operator's own ServiceAccount, so that it runs with the permissions it will have in a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use crate::chart::{self, Chart};
use crate::cluster::Cluster;
use crate::tree::text;

/// Name of the ServiceAccount.
pub const NAME: &str = "llmisvc-controller-manager";

/// Installs the account and the roles of the operator's chart, and writes a kubeconfig with a token of the account
/// there.
pub fn kubeconfig(cluster: &Cluster, path: &Path) -> Result<PathBuf> {
    let args = ["apply", "--server-side", "--force-conflicts", "--field-manager=chart", "-f", "-"];
    cluster.kubectl(&args, Some(permissions()?)).context("applying the roles of charts/llmisvc")?;
    token(cluster, "kserve", path)?;
    Ok(path.to_owned())
}

/// The rest of the chart stays out: on a user's cluster it would change an operator that runs there.
fn permissions() -> Result<&'static str> {
    static RENDERED: OnceLock<Result<String>> = OnceLock::new();
    let render = || -> Result<String> {
        let mut items = chart::rendered(Chart::Operator, "kserve", &[])?;
        items.retain(|it| {
            text(it, "/apiVersion").starts_with("rbac.") || text(it, "/kind") == "ServiceAccount"
        });
        Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
    };
    RENDERED.get_or_init(render).as_deref().map_err(|error| anyhow!("charts/llmisvc: {error:#}"))
}

/// Writes a kubeconfig with a token of the operator's ServiceAccount in this namespace.
pub fn token(cluster: &Cluster, namespace: &str, path: &Path) -> Result<()> {
    let text = with_token(cluster, namespace)?.to_string();
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn with_token(cluster: &Cluster, namespace: &str) -> Result<Value> {
    let token = cluster.kubectl(&["create", "token", NAME, "-n", namespace, "--duration=24h"], None)?;
    let minified =
        cluster.kubectl(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"], None)?;
    let theirs: Value = serde_json::from_str(&minified).context("kubectl config view")?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "operator",
        "clusters": [{"name": "operator", "cluster": theirs.pointer("/clusters/0/cluster")}],
        "users": [{"name": "operator", "user": {"token": token.trim()}}],
        "contexts": [{"name": "operator", "context": {"cluster": "operator", "user": "operator"}}],
    }))
}
