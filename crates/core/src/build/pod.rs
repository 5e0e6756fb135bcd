//! The pod of a model server: the merged template, completed.

use serde_json::{Value, json};

use super::features::{self, Features};
use super::{argv, dra, kv_cache, lora, resources, sidecar, storage, tracing};
use crate::tree;
use crate::valid::{PodTemplate, Role, ValidService, Workload};
use crate::validate::template::{About, compose_flags};

/// The probes of a container.
pub const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
/// Port of NIXL's side channel, as in vLLM's own default; the other side is told it, so it is always set.
const SIDE_CHANNEL_PORT: &str = "5600";

/// The completed pod spec. Fields that nobody here knows stay as they are.
pub fn pod(svc: &ValidService, workload: &Workload, template: &PodTemplate) -> Value {
    let mut pod = template.pod.clone();
    if let Some(name) = &template.account {
        *tree::entry(&mut pod, "serviceAccountName") = json!(name);
    }
    if template.sidecar {
        sidecar::complete(&mut pod, svc);
    }
    complete_main(&mut pod, svc, workload, template);
    storage::attach(&mut pod, &template.weights);
    if let Some(kv) = &template.kv_cache {
        kv_cache::attach(&mut pod, kv);
    }
    add_tracing(&mut pod, svc, template);
    dra::attach(&mut pod, &svc.claims);
    resources::balance(&mut pod);
    pod
}

fn complete_main(pod: &mut Value, svc: &ValidService, workload: &Workload, template: &PodTemplate) {
    let Some(main) = tree::named_mut(tree::array(pod, "containers"), "main") else { return };
    if let Some((resource, count)) = &template.accelerators {
        resources::add(main, resource, *count);
    }
    if workload.role != Role::Both && workload.is_own_preset() {
        side_channel(main);
    }
    let features = features::features(workload.role, template);
    if let Some(flags) = compose_flags(template, &about(svc, workload, &features)) {
        argv::compose(main, &flags, &template.extra_args);
    } else {
        lora::add_to_foreign(main, template);
    }
}

/// A composed command line has the flags already.
fn add_tracing(pod: &mut Value, svc: &ValidService, template: &PodTemplate) {
    let Some(tracing) = &template.tracing else { return };
    let Some(main) = tree::named_mut(tree::array(pod, "containers"), "main") else { return };
    if template.composed_for.is_none() {
        tracing::add_flags(main, tracing);
    }
    tracing::add_variables(main, &svc.id, tracing);
}

fn about<'a>(svc: &'a ValidService, workload: &'a Workload, features: &'a Features) -> About<'a> {
    About {
        model: &svc.model,
        namespace: &svc.id.namespace,
        tls: svc.tls,
        parallelism: &workload.parallelism,
        features,
    }
}

/// Where the other role finds this pod's KV caches.
fn side_channel(main: &mut Value) {
    let host = json!({"fieldRef": {"fieldPath": "status.podIP"}});
    set_env(main, json!({"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom": host}));
    set_env(main, json!({"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": SIDE_CHANNEL_PORT}));
}

/// Adds a variable unless there is one of its name.
pub fn set_env(container: &mut Value, variable: Value) {
    let env = tree::array(container, "env");
    if tree::named(env, tree::text(&variable, &["name"])).is_none() {
        env.push(variable);
    }
}
