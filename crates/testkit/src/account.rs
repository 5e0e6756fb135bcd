//! The operator's own ServiceAccount, so that it runs with the permissions it will have in a cluster.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::tree::text;
use crate::{documents, paths};

/// Applies `config/rbac` and writes a kubeconfig with a token of the ServiceAccount there. Where the folder has
/// none, the cluster's own kubeconfig serves.
pub fn kubeconfig(cluster: &Cluster, path: &Path) -> Result<PathBuf> {
    let files = documents::files(&paths::repository().join("config/rbac"))?;
    let texts: Vec<String> = files.iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
    let rbac = texts.join("\n---\n");
    let objects = documents::parse(&rbac)?;
    let Some(account) = objects.iter().find(|it| text(it, "/kind") == "ServiceAccount") else {
        return Ok(cluster.kubeconfig().to_owned());
    };
    cluster.kubectl(&["apply", "-n", "kserve", "-f", "-"], Some(&rbac)).context("applying config/rbac")?;
    fs::write(path, with_token(cluster, text(account, "/metadata/name"))?.to_string())?;
    Ok(path.to_owned())
}

fn with_token(cluster: &Cluster, account: &str) -> Result<Value> {
    let token = cluster.kubectl(&["create", "token", account, "-n", "kserve", "--duration=24h"], None)?;
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
