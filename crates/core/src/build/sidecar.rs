//! The routing sidecar of decode pods, and its identity (`reference/workloads.md §6.7, §8.5`).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::workload::annotate;
use super::{argv, pod};
use crate::labels::{self, Component, Labels};
use crate::object::Object;
use crate::pools::Group;
use crate::valid::{Account, Pods, ValidService, Workload};
use crate::{names, tree};

/// Name of its container.
pub const CONTAINER: &str = "llm-d-routing-sidecar";
/// The command of our preset; any other one is left alone.
pub const PRESET_COMMAND: &str = "/app/pd-sidecar";

/// Tells the sidecar its pool, and composes the flags of our preset's.
pub fn complete(pod: &mut Value, svc: &ValidService) {
    let Some(container) = tree::named_mut(tree::array(pod, "initContainers"), CONTAINER) else { return };
    if svc.routing.router {
        pod::set_env(container, json!({"name": "INFERENCE_POOL_NAME", "value": pool(svc)}));
    }
    if argv::words(container, "command") == [PRESET_COMMAND] {
        let user = argv::words(container, "args");
        let generated = argv::without(flags(svc), &user).concat();
        *tree::entry(container, "args") = json!([generated, user].concat());
    }
}

/// The pool whose pods may be asked for prefill. Without one the name leads nowhere, and nobody may be asked.
fn pool(svc: &ValidService) -> String {
    svc.routing.pool(&svc.id.name).unwrap_or_else(|| names::inference_pool(&svc.id.name))
}

fn told(group: Group) -> String {
    format!("--pool-group={}", group.name())
}

/// A live sidecar looks its pool up in this group.
pub fn reads(container: &Value, group: Group) -> bool {
    ["command", "args"].iter().any(|field| argv::words(container, field).contains(&told(group)))
}

/// The same, of one that is ours.
pub fn was_told(container: &Value, group: Group) -> bool {
    argv::words(container, "command") == [PRESET_COMMAND]
        && argv::words(container, "args").contains(&told(group))
}

/// Only pods of the pool may be asked for prefill: the target is a request header, which clients can set too.
fn flags(svc: &ValidService) -> Vec<Vec<String>> {
    let mut flags = vec![
        "--port=8000".to_owned(),
        "--vllm-port=8001".to_owned(),
        "--kv-connector=nixlv2".to_owned(),
        "--enable-ssrf-protection=true".to_owned(),
        told(svc.routing.pools.readers),
        format!("--inference-pool={}/{}", svc.id.namespace, pool(svc)),
        format!("--secure-proxy={}", svc.tls),
    ];
    if svc.tls {
        // Prefill pods are reached by address, and certificates name no pods: they would change with each (L-2). Only
        // pods of the pool are asked at all.
        let tls = [
            "--cert-path=/var/run/kserve/tls",
            "--enable-tls=decoder",
            "--enable-tls=prefiller",
            "--tls-insecure-skip-verify=prefiller",
        ];
        flags.extend(tls.map(str::to_owned));
    }
    flags.into_iter().map(|flag| vec![flag]).collect()
}

/// ServiceAccount (unless it is the user's), Role and RoleBinding; none without a sidecar (W-2).
pub fn objects(svc: &ValidService) -> Vec<Object> {
    let workloads = std::iter::once(&svc.decode).chain(&svc.prefill);
    let mut objects: Vec<Object> = workloads.filter_map(|workload| managed_account(svc, workload)).collect();
    if svc.decode.has_sidecar() {
        let account = svc.decode.account.name().unwrap_or("default");
        objects.extend([role(svc), binding(svc, account)]);
    }
    objects
}

/// Those of a LeaderWorkerSet belong to both of its components.
fn child(svc: &ValidService, kind: Kind, name: &str, rest: Value) -> Object {
    let mut labels: Labels = labels::base(&svc.id.name, Component::Workload);
    if is_group(svc) {
        labels.remove(labels::COMPONENT);
    }
    Object::new(kind, &svc.id.namespace, name, labels, rest)
}

fn is_group(svc: &ValidService) -> bool {
    matches!(svc.decode.pods, Pods::Group(_))
}

fn managed_account(svc: &ValidService, workload: &Workload) -> Option<Object> {
    let Account::Managed { name, annotations, secrets, image_pull_secrets } = &workload.account else {
        return None;
    };
    let mut rest = json!({});
    for (key, list) in [("secrets", secrets), ("imagePullSecrets", image_pull_secrets)] {
        if !list.is_empty() {
            *tree::entry(&mut rest, key) = json!(list);
        }
    }
    let mut account = child(svc, Kind::ServiceAccount, name, rest);
    annotate(&mut account.body, annotations);
    Some(account)
}

fn role(svc: &ValidService) -> Object {
    let verbs = json!(["get", "list", "watch"]);
    let groups = json!([Group::Older.name(), Group::V1.name()]);
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": verbs},
        {"apiGroups": groups, "resources": ["inferencepools"], "verbs": verbs},
    ]);
    child(svc, Kind::Role, &role_name(svc), json!({"rules": rules}))
}

fn binding(svc: &ValidService, account: &str) -> Object {
    let role = role_name(svc);
    let rest = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": svc.id.namespace}],
    });
    let service = &svc.id.name;
    let name = if is_group(svc) {
        names::group_sidecar_role_binding(service)
    } else {
        names::sidecar_role_binding(service)
    };
    child(svc, Kind::RoleBinding, &name, rest)
}

fn role_name(svc: &ValidService) -> String {
    let service = &svc.id.name;
    if is_group(svc) { names::group_sidecar_role(service) } else { names::sidecar_role(service) }
}
