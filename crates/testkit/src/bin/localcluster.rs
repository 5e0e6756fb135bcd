//! The local control plane from a shell.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use llmisvc_testkit::cluster::{self, Cluster, Variant};
use llmisvc_testkit::tree::{self, Paint};
use llmisvc_testkit::{demo, paths};

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
        ["demo"] => demo::up(&operator()?),
        ["demo-down"] => demo::down(),
        ["tree"] => show_tree(""),
        ["tree", namespace] => show_tree(namespace),
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

/// `LLMISVC_OPERATOR_BIN`, else the one beside this program: both come from one build.
fn operator() -> Result<PathBuf> {
    if let Some(given) = env::var_os("LLMISVC_OPERATOR_BIN") {
        return Ok(PathBuf::from(given));
    }
    Ok(env::current_exe()?.with_file_name("llmisvc-operator"))
}

/// The running control plane, else the user's cluster.
fn running() -> Result<Cluster> {
    let theirs = env::var_os("KUBECONFIG").is_some_and(|given| !given.is_empty());
    if theirs {
        return Cluster::ensure(&name(), Variant::Full);
    }
    let found =
        [name(), paths::cluster_name("demo")].iter().find_map(|name| cluster::is_up(name).transpose());
    found.unwrap_or_else(|| anyhow::bail!("not running; `localcluster up` starts it"))
}

fn show_tree(namespace: &str) -> Result<()> {
    for tree in tree::services(&running()?, namespace, Paint::of_stdout())? {
        println!("{tree}");
    }
    Ok(())
}

fn kubeconfig() -> Result<()> {
    println!("{}", running()?.kubeconfig().display());
    Ok(())
}
