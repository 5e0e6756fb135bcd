//! `llmisvc`: inference services without a cluster.

mod crds;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "llmisvc", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the CustomResourceDefinitions
    Crds(crds::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Crds(args) => crds::run(&args, &mut std::io::stdout().lock()),
    }
}
