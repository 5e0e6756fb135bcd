//! `llmisvc images`: what a cluster without the internet must have.

use std::collections::BTreeSet;
use std::io::{self, Write};

use llmisvc_core::{images, presets};

/// Options of `llmisvc images`.
#[derive(clap::Args)]
pub struct Args {
    /// Print the images as they are named in this registry
    #[arg(long, default_value = "", hide_default_value = true)]
    registry: String,
}

/// Prints the images of the presets, of downloads and of the operator, sorted, one a line.
pub fn run(args: &Args, out: &mut impl Write) -> io::Result<()> {
    for image in all() {
        writeln!(out, "{}", images::relocated(&image, &args.registry))?;
    }
    Ok(())
}

fn all() -> BTreeSet<String> {
    let operator = format!("ghcr.io/llmisvc/llmisvc-operator:{}", env!("CARGO_PKG_VERSION"));
    let presets = presets::shipped("").into_iter().flat_map(|preset| images::of(&preset));
    presets.chain([images::of_downloads(), operator]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(registry: &str) -> String {
        let mut out = Vec::new();
        run(&Args { registry: registry.to_owned() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn images_of_presets_downloads_and_the_operator_are_listed_once() {
        let lines = printed("");
        for part in [
            "llm-d-cuda:",
            "disagg-sidecar:",
            "endpoint-picker:",
            "storage-initializer:",
            "llmisvc-operator:",
        ] {
            assert_eq!(lines.matches(part).count(), 1, "{part} in\n{lines}");
        }
    }

    #[test]
    fn a_registry_takes_the_place_of_each_images_own() {
        assert!(
            printed("r.example")
                .lines()
                .all(|line| line.starts_with("r.example/") && !line.contains("ghcr.io"))
        );
    }
}
