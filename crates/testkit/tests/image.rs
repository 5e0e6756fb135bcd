//! The Dockerfile against what it copies and builds; no container engine.
#![allow(clippy::indexing_slicing, reason = "a test may panic")]
// Helpers of tests may index and unwrap, as tests may.
#![cfg(test)]

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use llmisvc_testkit::paths;

fn read(name: &str) -> Result<String> {
    fs::read_to_string(paths::repository().join(name)).with_context(|| format!("reading {name}"))
}

/// The value of `key = "VALUE"`.
fn setting<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        line.strip_prefix(key)?.trim().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
    })
}

#[test]
fn the_image_is_built_by_the_toolchain_of_the_repository() -> Result<()> {
    let toolchain = read("rust-toolchain.toml")?;
    let channel = setting(&toolchain, "channel").context("a channel")?;
    assert!(
        read("Dockerfile")?.contains(&format!("library/rust:{channel}-slim-bookworm AS build")),
        "{channel}"
    );
    Ok(())
}

#[test]
fn the_operator_runs_as_nobody_and_without_a_shell() -> Result<()> {
    let dockerfile = read("Dockerfile")?;
    let last = dockerfile.rsplit("\nFROM ").next().context("a last stage")?;
    assert!(last.starts_with("scratch\n"), "{last}");
    assert!(last.contains("\nUSER 65532:65532\n"), "{last}");
    assert!(last.contains("\nENTRYPOINT [\"/usr/bin/llmisvc-operator\"]"), "{last}");
    Ok(())
}

/// `.dockerignore` lets through what the build reads: a member of the workspace that is missing fails it.
#[test]
fn everything_that_the_build_reads_is_let_through() -> Result<()> {
    let ignore = read(".dockerignore")?;
    let passed: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignore.lines().any(|line| line == "*"), "all else is left out");
    for path in &passed {
        assert!(paths::repository().join(path).exists(), "{path} is gone");
    }
    let manifest = read("Cargo.toml")?;
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).context("members")?;
    let members =
        members.trim_matches(['[', ']']).split(", ").map(|it| it.trim_matches('"').trim_end_matches("/*"));
    for needed in
        members.chain(["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "LICENSE", "config/presets"])
    {
        assert!(passed.iter().any(|path| Path::new(needed).starts_with(path)), "{needed} is left out");
    }
    Ok(())
}
