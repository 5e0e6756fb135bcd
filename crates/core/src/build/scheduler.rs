//! Deployment and Service of the endpoint picker (`reference/router.md §10.1`, `§10.2`).

use std::collections::BTreeMap;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::build::{availability, scheduler_config, tls, tracing};
use crate::labels::{self, Component, Labels};
use crate::names;
use crate::object::Object;
use crate::tree;
use crate::valid::{Scheduler, ValidService};

/// Container ports that the Service exposes, by name.
const PORTS: [&str; 4] = ["grpc", "grpc-health", "metrics", "zmq"];
/// What a picker of our preset's command serves TLS with. The scheme of the model servers' metrics is no flag
/// any more, it is part of the configuration.
const TLS_FLAGS: [&str; 3] =
    ["--enable-cert-reload=true", "--secure-serving=true", "--cert-path=/var/run/kserve/tls"];

/// Service of the endpoint picker.
pub fn service(svc: &ValidService, scheduler: &Scheduler) -> Object {
    let labels = labels::base(&svc.id.name, Component::Scheduler);
    let rest = json!({"spec": {"selector": labels, "ports": ports(&scheduler.pod)}});
    Object::new(Kind::Service, &svc.id.namespace, &scheduler.picker, labels, rest)
}

/// Sorted by name; of two containers with a port of the same name the later one counts.
fn ports(pod: &Value) -> Vec<Value> {
    let containers = tree::list(pod, &["containers"]).iter();
    let ports = containers.flat_map(|c| tree::list(c, &["ports"]));
    let named =
        ports.filter(|p| PORTS.contains(&tree::text(p, &["name"]))).map(|p| (tree::text(p, &["name"]), p));
    named.collect::<BTreeMap<_, _>>().into_iter().map(|(name, port)| service_port(name, port)).collect()
}

fn service_port(name: &str, port: &Value) -> Value {
    let protocol = tree::get(port, &["protocol"]).and_then(Value::as_str).unwrap_or("TCP");
    json!({"name": name, "port": port.get("containerPort"), "targetPort": name, "protocol": protocol})
}

/// Deployment of the endpoint picker.
pub fn deployment(svc: &ValidService, scheduler: &Scheduler) -> Object {
    let base = labels::base(&svc.id.name, Component::Scheduler);
    let mut own = scheduler.labels.clone();
    own.extend(base.clone());
    let selector = scheduler.selector(&base);
    let (mut pod, mark) = pod(svc, scheduler);
    availability::spread(&mut pod, scheduler, &selector);
    let mut spec = json!({
        "strategy": availability::strategy(scheduler),
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": pod_labels(scheduler, &own)}, "spec": pod},
    });
    if let Some(replicas) = scheduler.replicas {
        *tree::entry(&mut spec, "replicas") = json!(replicas);
    }
    if !scheduler.annotations.is_empty() {
        let metadata = tree::entry(tree::entry(&mut spec, "template"), "metadata");
        *tree::entry(metadata, "annotations") = json!(scheduler.annotations);
    }
    let name = names::scheduler(&svc.id.name);
    let mut object = Object::new(Kind::Deployment, &svc.id.namespace, &name, own, json!({"spec": spec}));
    let annotations = json!({scheduler_config::MARK: mark});
    tree::object(&mut object.body, "metadata").insert("annotations".to_owned(), annotations);
    object
}

/// Pods carry whatever the selector wants.
fn pod_labels(scheduler: &Scheduler, own: &Labels) -> Labels {
    let mut labels = own.clone();
    labels.extend(scheduler.live.iter().flat_map(|l| l.selector.clone()));
    labels
}

/// The pod with the arguments that are ours, and where its configuration came from.
fn pod(svc: &ValidService, scheduler: &Scheduler) -> (Value, String) {
    let mut pod = scheduler.pod.clone();
    if svc.tls && !scheduler.shares_pair {
        tls::mount_own(&mut pod, &svc.id.name, &names::scheduler_tls_secret(&svc.id.name));
    }
    let Some(main) = main_of(&mut pod) else {
        return (pod, scheduler_config::TEMPLATE.to_owned());
    };
    let command = tree::list(main, &["command"]).to_vec();
    let args = tree::array(main, "args");
    if svc.tls && scheduler.composed {
        add_flags(args, &TLS_FLAGS);
    }
    if scheduler.has_standby() && !is_given(&command, availability::LEADER_ELECTION) {
        add_flags(args, &[availability::LEADER_ELECTION]);
    }
    let mark = scheduler_config::add(svc, scheduler, &mut pod);
    if let (Some(tracing), Some(main)) = (&scheduler.tracing, main_of(&mut pod)) {
        if !["command", "args"].iter().any(|list| is_given(tree::list(main, &[list]), "--tracing")) {
            tree::array(main, "args").push(json!("--tracing=true"));
        }
        tracing::add_variables(main, &svc.id, tracing);
    }
    (pod, mark)
}

fn main_of(pod: &mut Value) -> Option<&mut Value> {
    tree::named_mut(tree::array(pod, "containers"), "main")
}

fn add_flags(args: &mut Vec<Value>, flags: &[&str]) {
    for flag in flags {
        if !is_given(args, flag) {
            args.push(json!(flag));
        }
    }
}

/// The flag stands there with one dash or two, with or without a value.
pub fn is_given(args: &[Value], flag: &str) -> bool {
    let name = |arg: &str| arg.split('=').next().unwrap_or(arg).trim_start_matches('-').to_owned();
    args.iter().filter_map(Value::as_str).any(|arg| arg.starts_with('-') && name(arg) == name(flag))
}
