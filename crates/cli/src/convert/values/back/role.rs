//! One role.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::{Draft, container};
use crate::convert::keys::{Keys, put};
use crate::convert::values::accelerator::{self, KINDS, Kind};
use crate::convert::values::parallelism::Ranks;
use crate::convert::values::pod::POD_FIELDS;
use crate::convert::values::role::Role;
use crate::convert::values::scaling::keda;

/// Where a role's fields stand below `spec`.
fn at(role: Role, field: &str) -> String {
    if role == Role::Decode { field.to_owned() } else { format!("prefill.{field}") }
}

/// Fills in `decode` or `prefill`.
pub fn convert(keys: &mut Keys, role: Role, draft: &mut Draft) {
    let mut values = json!({});
    let (ranks, flags) = parallelism(keys, role, &mut values);
    for (field, path) in [
        ("replicas", vec!["replicas"]),
        ("annotations", vec!["podAnnotations"]),
        ("rolloutStrategy", vec!["strategy", "rollingUpdate"]),
    ] {
        put(&mut values, &path, keys.take(&at(role, field)).unwrap_or_default());
    }
    scaling(keys, role, &mut values, draft);
    let template = keys.take(&at(role, "template"));
    pod(keys, role, template, &ranks, &flags, &mut values, draft);
    draft.put(&[role.key()], values);
}

fn parallelism(keys: &mut Keys, role: Role, values: &mut Value) -> (Ranks, Vec<String>) {
    let mut number = |field: &str| keys.number(&at(role, &format!("parallelism.{field}")));
    let (tensor, data, local, pipeline) =
        (number("tensor"), number("data"), number("dataLocal"), number("pipeline"));
    let pods = data.zip(local).map(|(data, local)| (data + local - 1) / local).or(pipeline);
    let workers = pods.filter(|pods| *pods > 1);
    for (key, size) in [("tensor", tensor), ("data", data), ("dataLocal", local), ("workers", workers)] {
        put(values, &["parallelism", key], json!(size));
    }
    let mut flags = Vec::new();
    flags.extend(
        keys.is_on(&at(role, "parallelism.expert"), false).then(|| "--enable-expert-parallel".to_owned()),
    );
    flags.extend(pipeline.filter(|pods| *pods > 1).map(|pods| format!("--pipeline-parallel-size={pods}")));
    let total = data.unwrap_or(1);
    (
        Ranks {
            tensor: tensor.unwrap_or(1),
            data: total,
            local: local.unwrap_or(total),
            workers: pods.unwrap_or(1),
        },
        flags,
    )
}

/// The chart leaves the number of pods to an autoscaler that stands beside it.
fn scaling(keys: &mut Keys, role: Role, values: &mut Value, draft: &mut Draft) {
    let path = |field: &str| at(role, &format!("scaling.{field}"));
    if keys.peek(&at(role, "scaling")).is_none() {
        return;
    }
    put(values, &["autoscaling", "enabled"], json!(true));
    if keys.peek(&path("keda")).is_none() {
        return;
    }
    let target = format!("{}-{}", draft.name, role.key());
    let mut spec = json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}});
    put(&mut spec, &["minReplicaCount"], json!(keys.number(&path("minReplicas")).unwrap_or(1)));
    put(&mut spec, &["maxReplicaCount"], json!(keys.number(&path("maxReplicas"))));
    for field in keda() {
        put(&mut spec, &[field], keys.take(&path(&format!("keda.{field}"))).unwrap_or_default());
    }
    draft.beside.push(json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": target},
        "spec": spec,
    }));
}

fn pod(
    keys: &mut Keys,
    role: Role,
    template: Option<Value>,
    ranks: &Ranks,
    flags: &[String],
    values: &mut Value,
    draft: &mut Draft,
) {
    let worker = at(role, "worker");
    let is_same = keys.peek(&worker) == template.as_ref();
    if is_same || keys.peek(&worker) == Some(&json!({})) {
        keys.take(&worker);
    }
    let mut pod = Keys::new(template.unwrap_or_else(|| json!({})), keys.at(&at(role, "template")));
    put(values, &["containers"], Value::Array(container::all(&mut pod, role, ranks, flags, draft)));
    accelerator(draft.overlay.kind, values);
    sidecar(&mut pod, draft);
    for (key, field) in POD_FIELDS {
        put(values, &[key], pod.take(field).unwrap_or_default());
    }
    if let Some(account) = pod.take("serviceAccountName") {
        draft.put(&["serviceAccountOverride"], account);
    }
    put(values, &["extraConfig"], pod.rest());
}

/// A role whose server asks for devices that no overlay brings has a type of its own.
fn accelerator(of_all: Option<&Kind>, values: &mut Value) {
    let server = tree::list(values, &["containers"]).first();
    let kind = server.and_then(accelerator::requested).filter(|kind| *kind != of_all.unwrap_or(&KINDS[0]));
    if let Some(kind) = kind {
        put(values, &["accelerator", "type"], json!(kind.name));
    }
}

/// The chart has keys for the sidecar's image and connector.
fn sidecar(pod: &mut Keys, draft: &mut Draft) {
    let Some(Value::Array(mut all)) = pod.take("initContainers") else { return };
    let at = all.iter().position(|container| tree::text(container, &["name"]) == "llm-d-routing-sidecar");
    if let Some(sidecar) = at.map(|at| all.remove(at)) {
        let mut keys = Keys::new(sidecar, pod.at("initContainers[llm-d-routing-sidecar]"));
        keys.take("name");
        draft.put(&["routing", "proxy", "image"], json!(keys.text("image")));
        let args = keys.list("args");
        let connector = args.iter().find_map(|arg| arg.as_str()?.strip_prefix("--kv-connector="));
        draft.put(&["routing", "proxy", "connector"], json!(connector));
        let others =
            args.iter().filter(|arg| !arg.as_str().is_some_and(|arg| arg.starts_with("--kv-connector=")));
        for arg in others {
            draft.lose(keys.at("args"), format!("{arg}: the chart gives the sidecar its flags"));
        }
        draft.lost.extend(keys.lost(super::reasons::of));
    }
    pod.back("initContainers", Value::Array(all));
}
