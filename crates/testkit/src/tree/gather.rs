//! Reads a namespace and hangs each object below its owner.

use anyhow::Result;
use serde_json::Value;

use super::{Paint, Tree, condition, list, text};
use crate::Cluster;
use crate::world::KINDS;

/// Objects that people ask for first come first; the rest follows by kind.
const ORDER: [&str; 7] =
    ["Deployment", "LeaderWorkerSet", "Pod", "Service", "InferencePool", "InferenceObjective", "HTTPRoute"];

/// A tree per `LLMInferenceService` of a namespace; the empty name takes all namespaces.
pub fn services(cluster: &Cluster, namespace: &str, paint: Paint) -> Result<Vec<Tree>> {
    let objects: Vec<Value> = KINDS
        .iter()
        .filter(|kind| **kind != "events")
        .flat_map(|kind| cluster.list(kind, namespace).unwrap_or_default())
        .collect();
    let services = objects.iter().filter(|it| text(it, "/kind") == "LLMInferenceService");
    Ok(services.map(|service| service_tree(service, &objects, paint)).collect())
}

fn service_tree(service: &Value, objects: &[Value], paint: Paint) -> Tree {
    let mut below = owned(service, objects, paint);
    below.push(conditions(service, paint));
    Tree { line: headline(service, paint), below }
}

fn headline(service: &Value, paint: Paint) -> String {
    let ready = condition(service, "Ready");
    let status = ready.map_or("Unknown", |it| text(it, "/status"));
    let reason = ready.map_or("", |it| text(it, "/reason"));
    let state = if status == "True" { "Ready".to_owned() } else { format!("Ready={status} {reason}") };
    let place = format!("{}/{}", text(service, "/metadata/namespace"), text(service, "/metadata/name"));
    let url = text(service, "/status/url");
    format!("{}  {}  {url}", paint.bold(&place), paint.state(status == "True", state.trim()))
        .trim_end()
        .to_owned()
}

/// What an object owns, through ReplicaSets and StatefulSets, which are left out. So the workers of a group hang below
/// its leader.
fn owned(owner: &Value, objects: &[Value], paint: Paint) -> Vec<Tree> {
    let uid = text(owner, "/metadata/uid");
    let is_owner = |it: &Value| text(it, "/uid") == uid;
    let mut mine: Vec<&Value> =
        objects.iter().filter(|it| list(it, "/metadata/ownerReferences").iter().any(is_owner)).collect();
    mine.sort_by_key(|it| (rank(it), text(it, "/kind").to_owned(), text(it, "/metadata/name").to_owned()));
    let mut trees = Vec::new();
    for object in mine {
        let below = owned(object, objects, paint);
        if matches!(text(object, "/kind"), "ReplicaSet" | "StatefulSet") {
            trees.extend(below);
        } else {
            trees.push(Tree { line: line(object, paint), below });
        }
    }
    trees
}

fn rank(object: &Value) -> usize {
    ORDER.iter().position(|kind| *kind == text(object, "/kind")).unwrap_or(ORDER.len())
}

fn line(object: &Value, paint: Paint) -> String {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let (good, state) = state(object);
    format!("{} {name}  {}", paint.dim(kind), paint.state(good, &state)).trim_end().to_owned()
}

/// What is worth knowing about an object, and whether it is good.
fn state(object: &Value) -> (bool, String) {
    match text(object, "/kind") {
        "Deployment" | "LeaderWorkerSet" => replicas(object),
        "Pod" => pod(object),
        "Service" => (true, ports(object)),
        "InferencePool" | "HTTPRoute" => parents(object),
        _ => (true, String::new()),
    }
}

fn replicas(object: &Value) -> (bool, String) {
    let number = |pointer| object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let (wanted, ready) = (number("/spec/replicas"), number("/status/readyReplicas"));
    (ready >= wanted, format!("{ready}/{wanted} ready"))
}

fn pod(object: &Value) -> (bool, String) {
    let ready = condition(object, "Ready").is_some_and(|it| text(it, "/status") == "True");
    let phase = if ready { "Ready" } else { text(object, "/status/phase") };
    let node = text(object, "/spec/nodeName");
    let place = if node.is_empty() { "on no node".to_owned() } else { format!("on {node}") };
    (ready, format!("{phase} {place}"))
}

fn ports(object: &Value) -> String {
    let port = |it: &Value| it.get("port").and_then(Value::as_i64).map(|port| format!(":{port}"));
    list(object, "/spec/ports").iter().filter_map(port).collect::<Vec<_>>().join(" ")
}

fn parents(object: &Value) -> (bool, String) {
    let accepted = |parent: &Value| {
        list(parent, "/conditions")
            .iter()
            .any(|it| text(it, "/type") == "Accepted" && text(it, "/status") == "True")
    };
    let parents = list(object, "/status/parents");
    let names: Vec<&str> =
        parents.iter().filter(|it| accepted(it)).map(|it| text(it, "/parentRef/name")).collect();
    if names.is_empty() {
        (false, "no parent yet".to_owned())
    } else {
        (true, format!("accepted by {}", names.join(", ")))
    }
}

fn conditions(service: &Value, paint: Paint) -> Tree {
    // A condition that is True and has something to say is a warning, such as SpecIgnored.
    let one = |it: &Value| {
        let [status, reason, message] = ["/status", "/reason", "/message"].map(|pointer| text(it, pointer));
        let good = status == "True" && message.is_empty();
        let detail = [reason, message].iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>();
        let detail =
            if good || detail.is_empty() { String::new() } else { format!("  {}", detail.join(": ")) };
        Tree::leaf(format!("{}={}{detail}", text(it, "/type"), paint.state(good, status)))
    };
    Tree {
        line: paint.dim("conditions"),
        below: list(service, "/status/conditions").iter().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, name: &str, owner: &str, rest: Value) -> Value {
        let mut object = rest;
        object["kind"] = json!(kind);
        object["metadata"] = json!({"name": name, "uid": format!("uid-{name}"), "namespace": "demo",
                                    "ownerReferences": [{"uid": format!("uid-{owner}")}]});
        object
    }

    #[test]
    fn pods_hang_below_their_deployment_and_conditions_come_last() {
        let ready =
            json!({"conditions": [{"type": "Ready", "status": "True"}], "url": "http://203.0.113.1/demo/m"});
        let service = object("LLMInferenceService", "m", "", json!({"status": ready}));
        let running = json!({"spec": {"nodeName": "gpu-0"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let all = [
            object("Service", "svc", "m", json!({"spec": {"ports": [{"port": 8000}]}})),
            object("Pod", "pod", "rs", running),
            object("ReplicaSet", "rs", "d", json!({})),
            object("Deployment", "d", "m", json!({"spec": {"replicas": 1}, "status": {"readyReplicas": 1}})),
            object("HTTPRoute", "r", "m", json!({})),
        ];
        let expected = "demo/m  Ready  http://203.0.113.1/demo/m\n├─ Deployment d  1/1 ready\n│  └─ Pod pod  Ready on gpu-0\n\
                        ├─ Service svc  :8000\n├─ HTTPRoute r  no parent yet\n└─ conditions\n   └─ Ready=True\n";
        assert_eq!(service_tree(&service, &all, Paint::plain()).to_string(), expected);
    }

    #[test]
    fn the_workers_of_a_group_hang_below_their_leader() {
        let service = object("LLMInferenceService", "m", "", json!({}));
        let on = |node: &str| json!({"spec": {"nodeName": node}, "status": {"phase": "Running"}});
        let sets = json!({"spec": {"replicas": 1}, "status": {"readyReplicas": 0}});
        let all = [
            object("LeaderWorkerSet", "lws", "m", sets),
            object("StatefulSet", "leaders", "lws", json!({})),
            object("Pod", "lws-0", "leaders", on("gpu-0")),
            object("StatefulSet", "workers", "lws-0", json!({})),
            object("Pod", "lws-0-1", "workers", on("gpu-1")),
        ];
        let expected = "demo/m  Ready=Unknown\n├─ LeaderWorkerSet lws  0/1 ready\n│  └─ Pod lws-0  Running on gpu-0\n\
                        │     └─ Pod lws-0-1  Running on gpu-1\n└─ conditions\n";
        assert_eq!(service_tree(&service, &all, Paint::plain()).to_string(), expected);
    }

    #[test]
    fn a_service_that_is_not_ready_says_why() {
        let not = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Waiting", "message": "1 of 2"}]});
        let service = object("LLMInferenceService", "m", "", json!({"status": not}));
        let expected = "demo/m  Ready=False Waiting\n└─ conditions\n   └─ Ready=False  Waiting: 1 of 2\n";
        assert_eq!(service_tree(&service, &[], Paint::plain()).to_string(), expected);
    }

    #[test]
    fn a_warning_is_told() {
        let warning =
            json!({"type": "SpecIgnored", "status": "True", "reason": "Typo", "message": "no field x"});
        let status = json!({"conditions": [{"type": "Ready", "status": "True"}, warning]});
        let service = object("LLMInferenceService", "m", "", json!({"status": status}));
        let expected =
            "demo/m  Ready\n└─ conditions\n   ├─ Ready=True\n   └─ SpecIgnored=True  Typo: no field x\n";
        assert_eq!(service_tree(&service, &[], Paint::plain()).to_string(), expected);
    }
}
