//! What Prometheus would scrape: its discovery of pods and services, and its relabelling, as far as our monitors go.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use llmisvc_testkit::World;
use regex::Regex;
use serde_json::Value;

type Labels = BTreeMap<String, String>;

/// Labels and port of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    name: String,
    role: String,
    port: String,
}

impl Target {
    pub fn new(name: &str, role: &str, port: &str) -> Self {
        Self { name: name.to_owned(), role: role.to_owned(), port: port.to_owned() }
    }

    fn of(labels: &Labels) -> Self {
        let port = text(labels, "__address__").rsplit_once(':').map_or("", |it| it.1);
        Self::new(text(labels, "llm_isvc_name"), text(labels, "llm_isvc_role"), port)
    }
}

/// A target in a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InPod {
    pub target: Target,
    pub revision: String,
    address: String,
}

fn text<'a>(labels: &'a Labels, key: &str) -> &'a str {
    labels.get(key).map_or("", String::as_str)
}

/// Targets of a PodMonitor, each address once.
pub fn of_pods(world: &World<'_>, monitor: &Value) -> Result<Vec<InPod>> {
    let mut found = Vec::new();
    for pod in selected(world, "pods", monitor)? {
        for endpoint in monitor["spec"]["podMetricsEndpoints"].as_array().context("endpoints")? {
            for labels in discovered(&pod) {
                found.extend(relabelled(labels, &endpoint["relabelings"])?);
            }
        }
    }
    let in_pod = |labels: &Labels| InPod {
        target: Target::of(labels),
        revision: text(labels, "llm_isvc_revision").to_owned(),
        address: text(labels, "__address__").to_owned(),
    };
    let mut targets: Vec<InPod> = found.iter().map(in_pod).collect();
    targets.sort();
    targets.dedup();
    Ok(targets)
}

/// Services of a ServiceMonitor, each with its target.
pub fn of_services(world: &World<'_>, monitor: &Value) -> Result<Vec<(String, Target)>> {
    let endpoint = &monitor["spec"]["endpoints"][0];
    let mut targets = Vec::new();
    for service in selected(world, "services", monitor)? {
        let ports = service["spec"]["ports"].as_array().into_iter().flatten();
        for port in ports.filter(|port| port["name"] == endpoint["port"]) {
            let mut labels = meta(&service, "service");
            labels.insert("__address__".to_owned(), format!("192.0.2.1:{}", port["port"]));
            let named = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let labels = relabelled(labels, &endpoint["relabelings"])?;
            targets.extend(labels.map(|labels| (named, Target::of(&labels))));
        }
    }
    Ok(targets)
}

fn selected(world: &World<'_>, kind: &str, monitor: &Value) -> Result<Vec<Value>> {
    let wanted = monitor["spec"]["selector"]["matchLabels"].as_object().context("a selector")?;
    let mut all = world.list(kind)?;
    all.retain(|it| {
        let is_there = it["metadata"]["deletionTimestamp"].is_null();
        is_there && wanted.iter().all(|(key, value)| it["metadata"]["labels"][key] == *value)
    });
    Ok(all)
}

/// The labels of an object as Prometheus names them.
fn meta(object: &Value, kind: &str) -> Labels {
    let plain = |key: &str| key.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    labels
        .map(|(key, value)| {
            let value = value.as_str().unwrap_or_default().to_owned();
            (format!("__meta_kubernetes_{kind}_label_{}", plain(key)), value)
        })
        .collect()
}

/// A target for each port that a container of the pod declares.
fn discovered(pod: &Value) -> Vec<Labels> {
    let lists = ["containers", "initContainers"].map(|list| pod["spec"][list].as_array());
    let containers = lists.into_iter().flatten().flatten();
    let ports = containers.flat_map(|it| it["ports"].as_array().into_iter().flatten());
    let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
    ports
        .map(|port| {
            let number = port["containerPort"].to_string();
            let mut labels = meta(pod, "pod");
            labels.insert("__address__".to_owned(), format!("{ip}:{number}"));
            labels.insert("__meta_kubernetes_pod_container_port_number".to_owned(), number);
            labels
        })
        .collect()
}

/// The labels after these rules; none when one of them drops the target.
fn relabelled(mut labels: Labels, rules: &Value) -> Result<Option<Labels>> {
    for rule in rules.as_array().context("relabelings")? {
        let sources = rule["sourceLabels"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let source = sources.map(|label| text(&labels, label)).collect::<Vec<_>>().join(";");
        let regex = Regex::new(&format!("^(?s:{})$", rule["regex"].as_str().unwrap_or("(.*)")))?;
        let found = regex.captures(&source);
        match (rule["action"].as_str(), found) {
            (Some("keep"), None) => return Ok(None),
            (Some("keep"), Some(_)) | (Some("replace"), None) => {}
            (Some("replace"), Some(found)) => {
                let mut value = String::new();
                found.expand(rule["replacement"].as_str().unwrap_or("$1"), &mut value);
                let to = rule["targetLabel"].as_str().context("targetLabel")?.to_owned();
                labels.insert(to, value);
            }
            (other, _) => bail!("no monitor of ours has the action {other:?}"),
        }
    }
    Ok(Some(labels))
}
