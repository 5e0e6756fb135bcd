//! `make demo`: from nothing to Ready services, and back.

mod wait;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::cluster::{self, Cluster, Variant, webhooks};
use crate::tree::{self, Paint};
use crate::{account, documents, net, operator, paths};

/// Where the examples go.
pub const NAMESPACE: &str = "demo";

/// The demo's own folder in the checkout: kubeconfig, the operator's log and process id.
fn folder() -> PathBuf {
    paths::repository().join(".demo")
}

fn name() -> String {
    env::var("LLMISVC_CLUSTER").unwrap_or_else(|_| paths::cluster_name("demo"))
}

fn theirs() -> bool {
    env::var_os("KUBECONFIG").is_some_and(|given| !given.is_empty())
}

/// Starts everything, applies the examples, waits until they are Ready and shows them.
pub fn up(program: &Path) -> Result<()> {
    let begin = Instant::now();
    let paint = Paint::of_stdout();
    let cluster = wait::told("control plane", || Cluster::ensure(&name(), Variant::Full))?;
    fs::create_dir_all(folder())?;
    let kubeconfig = folder().join("kubeconfig");
    fs::copy(cluster.kubeconfig(), &kubeconfig).context("writing .demo/kubeconfig")?;
    wait::told("operator", || start_operator(&cluster, program))?;
    let count = wait::told("examples", || apply_examples(&cluster))?;
    let ready = wait::until_ready(&cluster, count, paint);
    for tree in tree::services(&cluster, NAMESPACE, paint)? {
        print!("\n{tree}");
    }
    if let Err(error) = ready {
        let log = fs::read_to_string(folder().join("operator.log")).unwrap_or_default();
        bail!("{error:#}\n\nThe operator's last lines (.demo/operator.log):\n{}", operator::tail(&log, 15));
    }
    println!(
        "\nReady: {count} of {count} services, after {:.0?}.\n\n{}",
        begin.elapsed(),
        next_commands(&cluster)?
    );
    Ok(())
}

/// Restarts the operator when one runs: it may have been built anew, and a restart must cost nothing.
fn start_operator(cluster: &Cluster, program: &Path) -> Result<()> {
    ensure!(program.exists(), "{} is missing; `make demo` builds it", program.display());
    stop_operator()?;
    let kubeconfig = account::kubeconfig(cluster, &folder().join("operator.kubeconfig"))?;
    let ports = operator::Ports::free(webhooks::prepare(cluster)?)?;
    let log = folder().join("operator.log");
    let id = operator::detach(program, &kubeconfig, ports, &log)?;
    fs::write(folder().join("operator.pid"), id.to_string())?;
    let deadline = Instant::now() + Duration::from_mins(1);
    while net::http_get(ports.health, "/readyz").is_err() {
        let alive = net::process_runs(id);
        if !alive || Instant::now() > deadline {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("the operator did not become ready:\n{}", operator::tail(&said, 15));
        }
        thread::sleep(Duration::from_millis(50));
    }
    ports.webhook.map_or(Ok(()), |_| webhooks::until_admitted(cluster))
}

fn stop_operator() -> Result<()> {
    let file = folder().join("operator.pid");
    let Ok(id) = fs::read_to_string(&file) else { return Ok(()) };
    let deadline = Instant::now() + Duration::from_secs(15);
    while net::process_mentions(&id, "llmisvc-operator") {
        ensure!(Instant::now() < deadline, "the operator (process {id}) does not end");
        net::terminate(id.trim().parse().context("a process id")?);
        thread::sleep(Duration::from_millis(100));
    }
    fs::remove_file(&file).context("forgetting the operator")
}

/// Applies every folder of `examples/` and says how many services there are.
fn apply_examples(cluster: &Cluster) -> Result<usize> {
    let namespace =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    cluster.kubectl(&["apply", "-f", "-"], Some(&namespace.to_string()))?;
    let folders = documents::stories(&paths::repository().join("examples"))?;
    let texts: Vec<String> = folders.iter().map(|it| example_text(it)).collect::<Result<_>>()?;
    // All at once: kubectl asks for the API's kinds every time it is started.
    let text = texts.join("\n---\n");
    cluster.kubectl(&["apply", "-n", NAMESPACE, "-f", "-"], Some(&text)).context("the examples")?;
    let objects = documents::parse(&text)?;
    let services = objects.iter().filter(|it| tree::text(it, "/kind") == "LLMInferenceService").count();
    ensure!(services > 0, "no LLMInferenceService in examples/");
    Ok(services)
}

/// The objects of an example; `expected*` is its golden output, `patch*` is for later.
pub fn example_text(example: &Path) -> Result<String> {
    let mut files = documents::files(example)?;
    let aside = |name: &str| name.starts_with("expected") || name.starts_with("patch");
    files.retain(|path| !aside(&path.file_name().unwrap_or_default().to_string_lossy()));
    let texts: Vec<String> = files.iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
    Ok(texts.join("\n---\n"))
}

fn next_commands(cluster: &Cluster) -> Result<String> {
    let services = cluster.list("llminferenceservices.serving.kserve.io", NAMESPACE)?;
    let first = services.first().map_or("NAME", |it| tree::text(it, "/metadata/name"));
    Ok(format!(
        "Next:\n  \
         export KUBECONFIG=$PWD/.demo/kubeconfig PATH={}:$PATH\n  \
         kubectl -n demo get llmisvc\n  \
         kubectl -n demo describe llmisvc {first}\n  \
         kubectl -n demo patch llmisvc {first} --type merge -p '{{\"spec\":{{\"replicas\":3}}}}'\n  \
         kubectl -n demo annotate llmisvc {first} serving.kserve.io/stop=true\n  \
         kubectl -n demo delete llmisvc {first}\n  \
         make demo-down",
        cluster.tool().program().parent().unwrap_or(Path::new("")).display()
    ))
}

/// Ends what [`up`] started. On a cluster of the user's the examples go and everything else stays.
pub fn down() -> Result<()> {
    if theirs() {
        let cluster = Cluster::ensure(&name(), Variant::Full)?;
        cluster.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s"], None)?;
    }
    stop_operator()?;
    if !theirs() {
        cluster::down(&name())?;
    }
    match fs::remove_dir_all(folder()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("removing .demo"),
        _ => Ok(()),
    }
}
