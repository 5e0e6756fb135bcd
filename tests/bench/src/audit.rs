//! What the operator asked of the API server, from the server's audit log.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde_json::Value;

/// The Secret with the key pair of the webhooks.
const WEBHOOKS: &str = "llmisvc-webhook-server-cert";

/// The log, read from where the last reading ended.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    read: usize,
}

/// Writes by what they were for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writes {
    /// Creates of children.
    pub children: u64,
    /// Writes of `status`.
    pub status: u64,
    /// Writes of the service itself.
    pub service: u64,
    /// Events.
    pub events: u64,
    /// Writes of configs: finalizers, and who uses them.
    pub configs: u64,
    /// Writes of the Secret of the webhooks, in which each process says which certificate it serves.
    pub certificate: u64,
    /// Anything else.
    pub other: u64,
}

impl Writes {
    /// All that are about services.
    pub fn of_services(self) -> u64 {
        self.children + self.status + self.service + self.events + self.configs + self.other
    }
}

impl Audit {
    /// From the present end of the log.
    pub fn open(path: &Path) -> Result<Self> {
        let mut audit = Self { path: path.to_owned(), read: 0 };
        audit.requests()?;
        Ok(audit)
    }

    /// Requests since the last call, without the lease.
    pub fn requests(&mut self) -> Result<Vec<Value>> {
        let bytes = fs::read(&self.path).with_context(|| self.path.display().to_string())?;
        let text = String::from_utf8_lossy(bytes.get(self.read..).unwrap_or_default()).into_owned();
        self.read = bytes.len();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(lines.filter(|r| tree::text(r, &["objectRef", "resource"]) != "leases").collect())
    }

    /// Requests until there were none for `quiet`.
    pub async fn until_quiet(&mut self, quiet: Duration) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            tokio::time::sleep(quiet).await;
            let new = self.requests()?;
            if new.iter().all(|r| tree::text(r, &["verb"]) == "watch") {
                return Ok(all);
            }
            all.extend(new);
        }
    }
}

/// Sorts writes by what they were for.
pub fn writes(requests: &[Value]) -> Writes {
    let mut writes = Writes::default();
    for request in requests.iter().filter(|r| is_write(r)) {
        let resource = tree::text(request, &["objectRef", "resource"]);
        let status = tree::text(request, &["objectRef", "subresource"]) == "status";
        let child = Kind::ALL.iter().any(|k| k.served().plural == resource);
        let counter = match resource {
            "llminferenceservices" if status => &mut writes.status,
            "llminferenceservices" => &mut writes.service,
            "events" => &mut writes.events,
            "llminferenceserviceconfigs" => &mut writes.configs,
            "secrets" if tree::text(request, &["objectRef", "name"]) == WEBHOOKS => &mut writes.certificate,
            _ if child && tree::text(request, &["verb"]) == "create" => &mut writes.children,
            _ => &mut writes.other,
        };
        *counter += 1;
    }
    writes
}

fn is_write(request: &Value) -> bool {
    matches!(tree::text(request, &["verb"]), "create" | "update" | "patch" | "delete" | "deletecollection")
}
