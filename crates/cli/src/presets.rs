//! `llmisvc presets`: the presets, and what moving to them means.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use llmisvc_cli::input;
use llmisvc_cli::moves::{Move, plan};
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::resolve::LATEST;
use llmisvc_core::{presets, tree};
use serde_json::Value;

use crate::Input;

/// Options of `llmisvc presets`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print what changes when services move to the presets of this release: presets, fields of children, restarts
    Plan(Plan),
}

#[derive(clap::Args)]
struct Plan {
    #[command(flatten)]
    input: Input,
    /// Folder with the presets of an older release, where the input has none; services that pin nothing are taken to
    /// be of that release
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Release to move to, such as 0.2.0
    #[arg(long, value_name = "RELEASE", default_value = LATEST)]
    to: String,
}

/// Gives false when a service could not be decided about.
pub fn run(args: &Args) -> Result<bool> {
    match &args.command {
        None => print_all().map(|()| true),
        Some(Command::Plan(plan)) => planned(plan),
    }
}

fn print_all() -> Result<()> {
    for preset in presets::shipped(OWN_PREFIX) {
        print!("---\n{}", serde_yaml_ng::to_string(&preset)?);
    }
    Ok(())
}

fn planned(args: &Plan) -> Result<bool> {
    let older: Vec<Value> = match &args.from {
        None => Vec::new(),
        Some(folder) => input::read(std::slice::from_ref(folder))?.into_iter().map(|d| d.value).collect(),
    };
    let from =
        older.iter().find_map(|preset| release(tree::text(preset, &["metadata", "name"]))).map(str::to_owned);
    let (documents, offline) = crate::cluster(&args.input, older)?;
    let moves = plan(&documents, &offline, &args.input.namespace, &args.to, from.as_deref());
    print(&args.input, &moves)?;
    let findings: Vec<String> =
        moves.iter().flat_map(|m| m.findings.iter().map(move |f| format!("{}: {f}", m.service))).collect();
    crate::complain(&[], &findings);
    Ok(findings.is_empty())
}

/// The release in the name of a preset: `llmisvc-v0-1-0-config-llm-template` is `0-1-0`.
fn release(name: &str) -> Option<&str> {
    name.strip_prefix("llmisvc-v")?.split_once("-config-llm-").map(|(release, _)| release)
}

fn print(input: &Input, moves: &[Move]) -> Result<()> {
    if input.output == "json" {
        println!("{}", serde_json::to_string_pretty(moves)?);
        return Ok(());
    }
    for it in moves {
        print!("{it}");
    }
    let restarts = moves.iter().filter(|m| !m.restarts.is_empty()).count();
    let plural = if moves.len() == 1 { "" } else { "s" };
    println!("{} service{plural}, {restarts} with pods that restart", moves.len());
    Ok(())
}
