//! `llmisvc migrate convert`.

use std::path::PathBuf;

use anyhow::Result;
use llmisvc_cli::convert::run::{self, Output, Wish};
use llmisvc_cli::input;

/// Options of the command.
#[derive(clap::Args)]
pub struct Args {
    /// Chart values, InferenceServices, DynamoGraphDeployments: files, folders, or - for standard input
    #[arg(short = 'f', long = "filename", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Name of the service, where the input has one
    #[arg(long)]
    name: Option<String>,
    /// Namespace of the objects
    #[arg(short, long)]
    namespace: Option<String>,
    /// What comes out: services, or values of llm-d's charts
    #[arg(long, default_value = "service", value_parser = ["service", "values"])]
    to: String,
    /// Exit with 1 when something is not carried over
    #[arg(long)]
    strict: bool,
}

/// True when the output is valid, and complete where that is asked for.
pub fn run(args: &Args) -> Result<bool> {
    let documents = input::read(&args.files)?;
    let wish = Wish { name: args.name.as_deref(), namespace: args.namespace.as_deref() };
    let done = if args.to == "values" { run::values(&documents)? } else { run::services(&documents, &wish)? };
    print!("{}", done.text);
    say(&done);
    Ok(done.findings.is_empty() && (!args.strict || done.lost.is_empty()))
}

fn say(done: &Output) {
    for loss in &done.lost {
        eprintln!("{loss}");
    }
    for warning in &done.warnings {
        eprintln!("warning: {warning}");
    }
    for finding in &done.findings {
        eprintln!("{finding}");
    }
}
