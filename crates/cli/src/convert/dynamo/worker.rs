//! A worker or prefill component as a workload.

use llmisvc_core::build::pod::PROBES;
use llmisvc_core::tree;
use serde_json::{Map, Value, json};

use super::super::Loss;
use super::super::common::container::{self, Served};
use super::super::common::service::Workload;
use super::super::common::source::Source;
use super::super::common::{metadata, parallelism, pod};
use super::component::Component;
use super::flags::{self, Named};
use super::{resources, volumes};

/// What becomes of a component.
#[derive(Debug)]
pub struct Worker {
    /// Its name in the graph.
    pub name: String,
    /// The workload, without its number of replicas.
    pub workload: Workload,
    /// What its flags say about the model.
    pub named: Named,
    /// `modelRef.name`.
    pub reference: Option<String>,
    /// What is left of it.
    pub source: Source,
}

/// Fields that have no counterpart.
const BEYOND: [(&str, &str); 10] = [
    ("frontendSidecar", "the routing sidecar and the endpoint picker take the frontend's place"),
    ("gpuMemoryService", NONE),
    ("failover", NONE),
    ("checkpoint", NONE),
    ("experimental", NONE),
    ("ingress", "requests come through router.gateway and router.route"),
    ("serviceName", "names follow from that of the service"),
    ("eppConfig", "belongs to the component of type epp"),
    ("topologyConstraint", "set affinity or topologySpreadConstraints in template"),
    ("multinode.roles", "all pods of a group come from template and worker"),
];
const NONE: &str = "there is none";

/// Takes a component. `env` is that of the whole graph.
pub fn take(component: Component, env: &[Value], is_split: bool, lost: &mut Vec<Loss>) -> Worker {
    let mut source = component.source;
    let is_new = source.peek("podTemplate").is_some();
    let mut spec = source.part(if is_new { "podTemplate.spec" } else { "extraPodSpec" });
    let (main, beside) = containers(&mut spec);
    let (flags, place) = (main.at("args"), main.at("env"));
    let mut served = container::take(main, |_| false, lost);
    let named = flags::take(&mut served.args, is_split, &flags, lost);
    variables(&mut source, &mut served, env, &place, lost);
    let mut pod = pod::take(&mut spec);
    spec.finish(lost);
    extend(&mut source, &mut served.main, &mut pod, lost);
    let sizes = parallelism::take(&mut served.args);
    let mut workload = Workload::new(pod, served.main, beside, served.args);
    workload.set("parallelism", Some(Value::Object(sizes)));
    describe(&mut source, &mut workload, lost);
    spread(&mut workload, source.number("multinode.nodeCount").unwrap_or(1));
    let reference = source.text("modelRef.name");
    for (field, why) in BEYOND {
        source.lose(field, why, lost);
    }
    Worker { name: component.name, workload, named, reference, source }
}

/// The container that serves, and those beside it.
fn containers(spec: &mut Source) -> (Source, Vec<Value>) {
    let mut main = spec.part("mainContainer");
    let mut beside = Vec::new();
    for mut container in spec.parts("containers") {
        if container.peek("name").and_then(Value::as_str) == Some("main") {
            main = container;
        } else {
            beside.push(container.everything());
        }
    }
    (main, beside)
}

/// Variables from all places, each before those of the places that win over it.
fn variables(source: &mut Source, served: &mut Served, env: &[Value], place: &str, lost: &mut Vec<Loss>) {
    let own = served.main.remove("env").and_then(|own| own.as_array().cloned()).unwrap_or_default();
    let listed = source.list("envs");
    let listed = without_own(listed, &source.at("envs"), lost);
    let mut all: Vec<Value> = Vec::new();
    for variable in env.iter().cloned().chain(listed).chain(without_own(own, place, lost)) {
        all.retain(|other| other.get("name") != variable.get("name"));
        all.push(variable);
    }
    if let Some(secret) = source.text("envFromSecret") {
        push(&mut served.main, "envFrom", vec![json!({"secretRef": {"name": secret}})]);
    }
    all.extend(token(&all, &served.main));
    push(&mut served.main, "env", all);
}

/// The variables that are not Dynamo's own.
pub fn without_own(mut variables: Vec<Value>, place: &str, lost: &mut Vec<Loss>) -> Vec<Value> {
    variables.retain(|variable| {
        let name = tree::text(variable, &["name"]);
        let is_own = ["DYN_", "ETCD_", "NATS_"].iter().any(|prefix| name.starts_with(prefix));
        let why = "a variable of Dynamo, which has no part in it";
        lost.extend(is_own.then(|| Loss::new(format!("{place}[{name}]"), why)));
        !is_own
    });
    variables
}

/// The download gets the token only from a variable of its name.
fn token(all: &[Value], main: &Map<String, Value>) -> Option<Value> {
    let from = main.get("envFrom").and_then(Value::as_array).into_iter().flatten();
    let secret = from.map(|from| tree::text(from, &["secretRef", "name"])).find(|name| !name.is_empty())?;
    let from = json!({"secretKeyRef": {"name": secret, "key": "HF_TOKEN", "optional": true}});
    tree::named(all, "HF_TOKEN").is_none().then(|| json!({"name": "HF_TOKEN", "valueFrom": from}))
}

/// What v1alpha1 says beside the container, and both versions beside the pod.
fn extend(
    source: &mut Source,
    main: &mut Map<String, Value>,
    pod: &mut Map<String, Value>,
    lost: &mut Vec<Loss>,
) {
    main.extend(resources::take(source, lost).map(|resources| ("resources".to_owned(), resources)));
    for name in PROBES {
        main.extend(container::probe(source.part(name), false, lost).map(|probe| (name.to_owned(), probe)));
    }
    let mounted = volumes::take(source, lost);
    push(main, "volumeMounts", mounted.mounts);
    push(main, "env", mounted.env);
    push(pod, "volumes", mounted.volumes);
}

fn push(map: &mut Map<String, Value>, field: &str, items: Vec<Value>) {
    if items.is_empty() {
        return;
    }
    let list = map.entry(field).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.extend(items);
    }
}

/// Labels and annotations, from all three places.
fn describe(source: &mut Source, workload: &mut Workload, lost: &mut Vec<Loss>) {
    for field in ["labels", "annotations"] {
        let mut all = json!({});
        for place in ["", "extraPodMetadata.", "podTemplate.metadata."] {
            if let Some(kept) = metadata::kept(source, &format!("{place}{field}"), lost) {
                tree::overlay(&mut all, &kept);
            }
        }
        workload.set(field, Some(all));
    }
}

/// Every node of a replica runs the same.
fn spread(workload: &mut Workload, nodes: i64) {
    parallelism::settle_in(&mut workload.spec, nodes);
    if nodes < 2 {
        return;
    }
    let mut worker = workload.spec.get("template").cloned().unwrap_or_else(|| json!({}));
    for container in tree::array(&mut worker, "containers") {
        let fields = container.as_object_mut().into_iter();
        fields.for_each(|fields| fields.retain(|field, _| !field.ends_with("Probe") && field != "ports"));
    }
    *tree::entry(&mut workload.spec, "worker") = worker;
}
