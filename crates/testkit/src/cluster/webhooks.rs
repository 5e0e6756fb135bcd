//! The operator's webhooks on a local control plane: the manifests of the repository, with an address on 127.0.0.1 in
//! place of the Service. A user's cluster cannot reach this machine, so there they stay off.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Cluster, install};
use crate::{documents, net, paths};

/// How long the operator may take to be trusted on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const MANIFESTS: &str = "config/webhook/validating.yaml";
/// An annotation that only a webhook looks at, with a value that it refuses.
const REFUSED: &str = "serving.kserve.io/exp-dra-device-count";

/// The port at which this control plane calls the webhooks, chosen once; none on a user's cluster.
pub fn port(cluster: &Cluster) -> Result<Option<u16>> {
    if !cluster.is_local() {
        return Ok(None);
    }
    match fs::read_to_string(note(cluster)) {
        Ok(text) => Ok(Some(text.trim().parse().context("the port of the webhooks")?)),
        Err(_) => choose(cluster).map(Some),
    }
}

fn note(cluster: &Cluster) -> std::path::PathBuf {
    cluster.kubeconfig().with_extension("webhooks")
}

fn choose(cluster: &Cluster) -> Result<u16> {
    let port = net::free_port()?;
    fs::write(note(cluster), port.to_string()).context("noting the port of the webhooks")?;
    Ok(port)
}

/// A port to serve them at now: the usual one, or another when somebody has taken that, and the CRDs with it. None on
/// a user's cluster.
pub fn prepare(cluster: &Cluster) -> Result<Option<u16>> {
    let Some(usual) = port(cluster)? else { return Ok(None) };
    let port = if TcpListener::bind(("127.0.0.1", usual)).is_ok() { usual } else { choose(cluster)? };
    if port != usual {
        install::apply(cluster, &definitions(port)?.join("\n---\n"))?;
    }
    install(cluster, port)?;
    Ok(Some(port))
}

/// Has objects of ours reviewed at this port.
pub fn install(cluster: &Cluster, port: u16) -> Result<()> {
    let text = fs::read_to_string(paths::repository().join(MANIFESTS)).context(MANIFESTS)?;
    install::apply(cluster, &localized(&text, port)?)
}

/// Takes away what an operator that has ended leaves behind: nothing of ours could be written.
pub fn remove(cluster: &Cluster) -> Result<()> {
    let file = paths::repository().join(MANIFESTS).display().to_string();
    cluster.kubectl(&["delete", "--ignore-not-found", "-f", &file], None).map(drop)
}

/// The CRDs with their conversion at this port.
pub fn definitions(port: u16) -> Result<Vec<String>> {
    let texts = install::texts(&paths::repository().join("config/crd"))?;
    texts.iter().map(|text| localized(text, port)).collect()
}

fn localized(text: &str, port: u16) -> Result<String> {
    let mut objects = documents::parse(text)?;
    for client in objects.iter_mut().flat_map(clients) {
        if let Some(path) = client.pointer("/service/path").and_then(Value::as_str) {
            *client = json!({"url": format!("https://127.0.0.1:{port}{path}")});
        }
    }
    let texts: Vec<String> = objects.iter().map(Value::to_string).collect();
    Ok(texts.join("\n---\n"))
}

fn clients(object: &mut Value) -> Vec<&mut Value> {
    if object.pointer("/spec/conversion/webhook").is_some() {
        return object.pointer_mut("/spec/conversion/webhook/clientConfig").into_iter().collect();
    }
    let hooks = object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten();
    hooks.filter_map(|hook| hook.get_mut("clientConfig")).collect()
}

/// Waits until a service is refused that nobody but the webhooks refuses.
pub fn until_admitted(cluster: &Cluster) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = cluster.kubectl(&["create", "--dry-run=server", "-f", "-"], Some(&refused().to_string()));
        let said = said.map_or_else(|error| format!("{error:#}"), |_| "it was admitted".to_owned());
        if said.contains(REFUSED) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the webhooks do not review what is written: {said}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn refused() -> Value {
    let annotations = json!({"serving.kserve.io/exp-dra-device-class": "gpu.example.com", REFUSED: "0"});
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": "probe", "namespace": "kserve", "annotations": annotations},
        "spec": {"model": {"uri": "hf://org/probe"}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifests_call_this_machine_and_nothing_else_is_changed() {
        let text = fs::read_to_string(paths::repository().join(MANIFESTS)).unwrap();
        let given = documents::parse(&text).unwrap();
        let local = documents::parse(&localized(&text, 4443).unwrap()).unwrap();
        assert_eq!(given.len(), local.len());
        for (mut given, local) in given.into_iter().zip(local) {
            let hooks = given["webhooks"].as_array_mut().unwrap();
            for hook in hooks {
                let path = hook["clientConfig"]["service"]["path"].as_str().unwrap().to_owned();
                hook["clientConfig"] = json!({"url": format!("https://127.0.0.1:4443{path}")});
            }
            assert_eq!(given, local);
        }
    }

    #[test]
    fn the_definitions_are_converted_on_this_machine() {
        let texts = definitions(4443).unwrap();
        assert_eq!(texts.len(), 2);
        for text in texts {
            let crd = documents::parse(&text).unwrap().remove(0);
            let client = &crd["spec"]["conversion"]["webhook"]["clientConfig"];
            assert_eq!(client, &json!({"url": "https://127.0.0.1:4443/convert"}));
        }
    }
}
