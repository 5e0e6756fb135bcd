//! What a failed test leaves behind.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{KINDS, World};

/// Writes the namespace's objects, its events in order and the operator's log to `target/evidence/<test>/`.
/// Secrets are not among them.
pub(super) fn dump(world: &World<'_>) -> Result<PathBuf> {
    let folder = world.evidence();
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    for kind in KINDS.iter().filter(|kind| **kind != "events") {
        // A kind that is not served is no evidence.
        let Ok(text) = world.kubectl(&["get", kind, "-o", "yaml"], None) else { continue };
        if !text.contains("items: []") {
            fs::write(folder.join(format!("{kind}.yaml")), text)?;
        }
    }
    let events = world
        .kubectl(&["get", "events", "--sort-by=.lastTimestamp"], None)
        .unwrap_or_else(|it| it.to_string());
    fs::write(folder.join("events.txt"), events)?;
    if let Some(operator) = world.operator {
        fs::write(folder.join("operator.log"), operator.logs())?;
    }
    Ok(folder)
}
