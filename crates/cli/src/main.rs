//! `llmisvc`: render and validate inference services without a cluster.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use llmisvc_cli::input::{self, Document};
use llmisvc_cli::offline::{Facts, Offline};
use llmisvc_cli::render::{Report, render};
use llmisvc_cli::validate;
use llmisvc_core::facts::OWN_PREFIX;
use serde_json::Value;

mod convert_command;
mod crds;
mod explain;
mod images;
mod migrate;
mod presets;

#[derive(Parser)]
#[command(name = "llmisvc", version, about = "Render and validate LLMInferenceServices without a cluster")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the children of every LLMInferenceService in the input, in apply order
    Render(Input),
    /// Check every LLMInferenceService in the input; prints findings and warnings
    Validate {
        #[command(flatten)]
        input: Input,
        /// Warnings count as findings
        #[arg(long)]
        strict: bool,
    },
    /// Print every effective value of a service, and whether the service, a config or the operator says it
    Explain {
        #[command(flatten)]
        input: Input,
        /// The service, where the input has several
        #[arg(long)]
        name: Option<String>,
        /// Only what stands at this path, for example spec.template.containers[main]
        path: Option<String>,
    },
    /// Print the CustomResourceDefinitions
    Crds(crds::Args),
    /// Print the presets that the operator installs, or plan a move to them
    Presets(presets::Args),
    /// What changes when this operator takes the place of another
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Print the container images of this release, one a line
    Images(images::Args),
}

#[derive(Args)]
struct Input {
    /// Files, folders, or - for standard input
    #[arg(short = 'f', long = "filename", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Folder of presets in place of the built-in ones, or `none`
    #[arg(long)]
    presets: Option<PathBuf>,
    /// The ConfigMap inferenceservice-config
    #[arg(long)]
    config: Option<PathBuf>,
    /// What the cluster looks like
    #[arg(long)]
    facts: Option<PathBuf>,
    /// Output format of render
    #[arg(short, long, default_value = "yaml", value_parser = ["yaml", "json"])]
    output: String,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Render(input) => print_rendered(&input),
        Command::Validate { input, strict } => validate(&input, strict),
        Command::Explain { input, name, path } => explain::run(input, name.as_deref(), path),
        Command::Crds(args) => crds::run(&args, &mut std::io::stdout().lock()).map(|()| true),
        Command::Presets(args) => presets::run(&args),
        Command::Migrate(command) => migrate::run(&command),
        Command::Images(args) => {
            images::run(&args, &mut std::io::stdout().lock()).map(|()| true).map_err(Into::into)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_rendered(input: &Input) -> Result<bool> {
    let report = report(input)?;
    let findings = report.findings();
    complain(&report.warnings(), &findings);
    note(&report);
    if findings.is_empty() {
        match input.output.as_str() {
            "json" => println!("{}", serde_json::to_string_pretty(&list(&report))?),
            _ => print!("{}", report.yaml()?),
        }
    }
    Ok(findings.is_empty())
}

fn list(report: &Report) -> Value {
    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": report.objects()})
}

fn validate(input: &Input, strict: bool) -> Result<bool> {
    let (documents, offline) = cluster(input, Vec::new())?;
    let report = render(&documents, &offline, &input.namespace);
    let checked = validate::checked(&documents, &offline.cluster, &input.namespace);
    let lines = validate::lines(&documents, &checked, report.findings(), report.warnings());
    complain(&lines.warnings, &lines.findings);
    note(&report);
    let warnings = lines.warnings.len();
    let ok = lines.findings.is_empty() && (!strict || warnings == 0);
    if ok {
        let plural = if warnings == 1 { "" } else { "s" };
        println!("{} valid, {warnings} warning{plural}", checked.iter().flatten().count());
    }
    Ok(ok)
}

fn complain(warnings: &[String], findings: &[String]) {
    for line in warnings {
        eprintln!("warning: {line}");
    }
    for line in findings {
        eprintln!("{line}");
    }
}

fn note(report: &Report) {
    for line in report.notes() {
        eprintln!("note: {line}");
    }
}

fn report(input: &Input) -> Result<Report> {
    let (documents, offline) = cluster(input, Vec::new())?;
    Ok(render(&documents, &offline, &input.namespace))
}

/// The input, and the cluster that it describes with these further presets.
fn cluster(input: &Input, mut presets: Vec<Value>) -> Result<(Vec<Document>, Offline)> {
    let documents = input::read(&input.files)?;
    let facts = input.facts.as_deref().map(facts).transpose()?;
    let config = input.config.as_deref().map(first).transpose()?;
    presets.extend(shipped(input)?);
    let offline = Offline::new(&documents, presets, config.as_ref(), facts, &input.namespace);
    Ok((documents, offline))
}

fn shipped(input: &Input) -> Result<Vec<Value>> {
    match input.presets.as_deref() {
        None => Ok(llmisvc_core::presets::shipped(OWN_PREFIX)),
        Some(path) if path == Path::new("none") => Ok(Vec::new()),
        Some(path) => Ok(input::read(&[path.to_owned()])?.into_iter().map(|d: Document| d.value).collect()),
    }
}

fn facts(path: &Path) -> Result<Facts> {
    serde_json::from_value(first(path)?).with_context(|| format!("{}: not a facts file", path.display()))
}

fn first(path: &Path) -> Result<Value> {
    let documents = input::read(&[path.to_owned()])?;
    let first = documents.into_iter().next().with_context(|| format!("{}: is empty", path.display()))?;
    Ok(first.value)
}
