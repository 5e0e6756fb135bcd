//! Where things are: the repository, its build output and the run folder of a control plane.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// Where failed tests leave what they saw. Under the repository also when the target folder is elsewhere.
pub fn evidence() -> PathBuf {
    repository().join("target/evidence")
}

/// The cache of programs and running control planes: `$LLMISVC_CACHE`, else `$XDG_CACHE_HOME/llmisvc`.
pub fn cache() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    let base = || env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    env::var_os("LLMISVC_CACHE").map_or_else(|| base().join("llmisvc"), PathBuf::from)
}

/// The run folder of a control plane.
pub fn run(name: &str) -> PathBuf {
    cache().join("run").join(name)
}

/// The name of a control plane of this checkout: two checkouts install different CRDs and share nothing.
pub fn cluster_name(purpose: &str) -> String {
    let mut hasher = DefaultHasher::new();
    repository().hash(&mut hasher);
    format!("{purpose}-{:08x}", hasher.finish() & 0xffff_ffff)
}
