//! `llmisvc migrate`.

use anyhow::Result;
use llmisvc_cli::adopt;
use llmisvc_cli::input;
use llmisvc_cli::offline::Offline;

use crate::{Input, convert_command, first, shipped};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Say what the operator would do with each object that KServe's controller has made
    Adopt {
        #[command(flatten)]
        input: Input,
        /// Only say it; there is nothing else that this command does
        #[arg(long)]
        dry_run: bool,
    },
    /// Print what other ways to serve a model say as LLMInferenceServices, or services as chart values
    Convert(convert_command::Args),
}

/// True when everything could be done.
pub fn run(command: &Command) -> Result<bool> {
    match command {
        Command::Adopt { input, dry_run } => adopt(input, *dry_run),
        Command::Convert(args) => convert_command::run(args),
    }
}

fn adopt(input: &Input, dry_run: bool) -> Result<bool> {
    if !dry_run {
        eprintln!(
            "nothing to do: the operator takes over by itself, when it starts and KServe's controller does not run \
             any more; --dry-run says what it would do"
        );
        return Ok(false);
    }
    let documents = input::read(&input.files)?;
    let config = input.config.as_deref().map(first).transpose()?;
    let offline = Offline::new(&documents, shipped(input)?, config.as_ref(), None, &input.namespace);
    let stories = adopt::stories(&documents, offline, &input.namespace);
    for line in &stories.findings {
        eprintln!("{line}");
    }
    print!("{stories}");
    Ok(stories.findings.is_empty())
}
