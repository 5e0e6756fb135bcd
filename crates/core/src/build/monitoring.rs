//! Monitors for the Prometheus operator (`reference/llm-d.md §3.2`, `§4.1`): one for each role of each service, since
//! services differ in TLS (`asks` M5), and one for the endpoint picker.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::argv::{Spread, words};
use super::propagation;
use crate::labels::{self, Component, Labels};
use crate::object::Object;
use crate::valid::{Pods, Scheduler, ValidService, Workload};
use crate::{names, tree};

const PATH: &str = "/metrics";
/// Labels that the controllers of pods write, by which two revisions of a service are told apart.
const REVISIONS: [&str; 2] = ["pod_template_hash", "leaderworkerset_sigs_k8s_io_template_revision_hash"];

/// Those that are wanted and served.
pub fn objects(svc: &ValidService) -> Vec<Object> {
    let workloads = std::iter::once(&svc.decode).chain(&svc.prefill);
    let mut objects: Vec<Object> = workloads.map(|of| pod_monitor(svc, of)).collect();
    objects.extend(svc.routing.scheduler.as_ref().and_then(|scheduler| service_monitor(svc, scheduler)));
    objects.retain(|object| svc.monitors.kinds.contains(&object.kind));
    objects
}

fn pod_monitor(svc: &ValidService, of: &Workload) -> Object {
    let own = i64::from(of.serving().port());
    let ports = ports(svc, of).unwrap_or_else(|| vec![own]);
    let endpoints: Vec<Value> = ports.iter().map(|port| server(svc, &address(own, &ports, *port))).collect();
    let spec = json!({"selector": {"matchLabels": selector(svc, of)}, "podMetricsEndpoints": endpoints});
    let name = names::pod_monitor(&svc.id.name, of.role);
    monitor(svc, Kind::PodMonitor, &name, Component::Workload, &spec)
}

fn server(svc: &ValidService, address: &[Value]) -> Value {
    let mut endpoint = endpoint(svc, &[address, &servers_series()].concat());
    if svc.tls {
        *tree::entry(&mut endpoint, "scheme") = json!("https");
        *tree::entry(&mut endpoint, "tlsConfig") = trust(svc);
    }
    endpoint
}

fn monitor(svc: &ValidService, kind: Kind, name: &str, component: Component, spec: &Value) -> Object {
    let mut labels = svc.monitors.settings.labels.clone();
    labels.extend(labels::base(&svc.id.name, component));
    Object::new(kind, &svc.id.namespace, name, labels, json!({"spec": spec}))
}

fn endpoint(svc: &ValidService, relabelings: &[Value]) -> Value {
    json!({"path": PATH, "interval": svc.monitors.settings.interval, "relabelings": relabelings})
}

/// The pods that answer requests, by the role that they carry, which a live selector may fix.
fn selector(svc: &ValidService, of: &Workload) -> Labels {
    let carried = propagation::pod_labels(&svc.id, of, of.serving().position).remove(labels::ROLE);
    let mut selector = labels::endpoints(&svc.id.name);
    selector.extend(carried.map(|role| (labels::ROLE.to_owned(), role)));
    if only_first_answers(of) {
        selector.insert(labels::GROUP_WORKER_INDEX.to_owned(), "0".to_owned());
    }
    selector
}

/// Without a leader's template all pods of a group look as if they answered (W-12). Only the first does where the group is
/// one world of ranks, or where a command of the user's own has others without a port.
fn only_first_answers(of: &Workload) -> bool {
    let Pods::Group(group) = &of.pods else { return false };
    let main = tree::named(tree::list(&group.worker.pod, &["containers"]), "main");
    let says = |field| main.is_some_and(|it| words(it, field).iter().any(|word| word.contains("--headless")));
    let is_world = matches!(group.worker.spread, Some(Spread::World { .. }));
    group.leader.is_none() && (is_world || says("command") || says("args"))
}

/// The port is chosen by a rule, not by `portNumber`, which younger releases of the Prometheus operator know, nor by
/// `targetPort`, which they want no more. There is a target for each port that a container declares, so a rank whose port
/// nobody declares is reached through another one; targets that come to the same address are one.
fn address(own: i64, ports: &[i64], port: i64) -> Vec<Value> {
    let declared: BTreeSet<i64> = ports.iter().copied().chain([own]).collect();
    let declared: Vec<String> = declared.iter().map(ToString::to_string).collect();
    let is_server = json!({
        "sourceLabels": ["__meta_kubernetes_pod_container_port_number"],
        "regex": declared.join("|"),
        "action": "keep",
    });
    let moved = json!({
        "sourceLabels": ["__address__"],
        "regex": "(.+):[0-9]+",
        "replacement": format!("$1:{port}"),
        "targetLabel": "__address__",
        "action": "replace",
    });
    if ports == [own] { vec![is_server] } else { vec![is_server, moved] }
}

fn servers_series() -> Vec<Value> {
    let revisions = REVISIONS.map(|label| {
        let from = format!("__meta_kubernetes_pod_label_{label}");
        // A pod without the label keeps what the other rule found.
        json!({"sourceLabels": [from], "regex": "(.+)", "targetLabel": "llm_isvc_revision", "action": "replace"})
    });
    let from = |label: &str, to| copied(&format!("__meta_kubernetes_pod_label_{label}"), to);
    let name = from("app_kubernetes_io_name", "llm_isvc_name");
    [name, from("llm_d_ai_role", "llm_isvc_role")].into_iter().chain(revisions).collect()
}

fn copied(from: &str, to: &str) -> Value {
    json!({"sourceLabels": [from], "targetLabel": to, "action": "replace"})
}

/// A pool may name a port for each data-parallel rank; behind a sidecar these are the sidecar's, which has no metrics of
/// vLLM.
fn ports(svc: &ValidService, of: &Workload) -> Option<Vec<i64>> {
    let scheduler = svc.routing.scheduler.as_ref().filter(|_| !of.serving().sidecar)?;
    let pool = tree::list(&scheduler.pool, &["targetPorts"]);
    let ranks: Vec<i64> = pool.iter().filter_map(|port| port.get("number")?.as_i64()).collect();
    (!ranks.is_empty()).then_some(ranks)
}

/// Pods are reached by address, and their certificate names the Service.
fn trust(svc: &ValidService) -> Value {
    let (secret, service) = (names::tls_secret(&svc.id.name), names::workload_service(&svc.id.name));
    json!({
        "ca": {"secret": {"name": secret, "key": "ca.crt"}},
        "serverName": format!("{service}.{}.svc", svc.id.namespace),
    })
}

/// None for a picker whose Service has no port `metrics`.
fn service_monitor(svc: &ValidService, scheduler: &Scheduler) -> Option<Object> {
    let containers = tree::list(&scheduler.pod, &["containers"]).iter();
    let mut ports = containers.flat_map(|container| tree::list(container, &["ports"]));
    ports.find(|port| tree::text(port, &["name"]) == "metrics")?;
    let name = copied("__meta_kubernetes_service_label_app_kubernetes_io_name", "llm_isvc_name");
    let role = json!({"targetLabel": "llm_isvc_role", "replacement": "scheduler", "action": "replace"});
    let mut endpoint = endpoint(svc, &[name, role]);
    *tree::entry(&mut endpoint, "port") = json!("metrics");
    if let Some(secret) = &svc.monitors.settings.scheduler_token {
        let credentials = json!({"name": secret, "key": "token"});
        *tree::entry(&mut endpoint, "authorization") = json!({"type": "Bearer", "credentials": credentials});
    }
    let selector = labels::base(&svc.id.name, Component::Scheduler);
    let spec = json!({"selector": {"matchLabels": selector}, "endpoints": [endpoint]});
    let name = names::scheduler_monitor(&svc.id.name);
    Some(monitor(svc, Kind::ServiceMonitor, &name, Component::Scheduler, &spec))
}

#[cfg(test)]
#[path = "monitoring_tests.rs"]
mod tests;
