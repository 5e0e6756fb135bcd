//! The local control plane from a shell.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use llmisvc_testkit::cluster::{self, Cluster, Variant};
use llmisvc_testkit::paths;

const USAGE: &str = "\
usage: localcluster COMMAND

  up [--small]   start the control plane (or find it running), install CRDs, gateway and GPU nodes
  down           end it, by process id
  kubeconfig     print the path of its kubeconfig
  demo           what `make demo` does, after the build
  demo-down      end the demo: operator and control plane
  tree [NS]      show every LLMInferenceService with what belongs to it

LLMISVC_CLUSTER names the control plane (default: one per checkout), KUBECONFIG takes another cluster in its place.";

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("localcluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["up"] => up(Variant::Full),
        ["up", "--small"] => up(Variant::Small),
        ["down"] => cluster::down(&name()),
        ["kubeconfig"] => kubeconfig(),
        _ => anyhow::bail!("{USAGE}"),
    }
}

fn name() -> String {
    env::var("LLMISVC_CLUSTER").unwrap_or_else(|_| paths::cluster_name("test"))
}

fn up(variant: Variant) -> Result<()> {
    let cluster = Cluster::ensure(&name(), variant)?;
    println!("{}", cluster.kubeconfig().display());
    Ok(())
}

fn kubeconfig() -> Result<()> {
    let cluster = cluster::is_up(&name())?
        .ok_or_else(|| anyhow::anyhow!("not running; `localcluster up` starts it"))?;
    println!("{}", cluster.kubeconfig().display());
    Ok(())
}
