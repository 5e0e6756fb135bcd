//! One role: decode or prefill, its replicas, ranks and pods (`reference/llm-d.md §3.2`).

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::Draft;
use super::accelerator::Accelerator;
use super::container::{self, Start};
use super::model::Model;
use super::parallelism::Ranks;
use super::pod;
use super::ports::Move;
use crate::convert::ConvertError;
use crate::convert::keys::{Keys, put};

/// Decode or prefill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `decode`, the service itself.
    Decode,
    /// `prefill`.
    Prefill,
}

impl Role {
    /// Those that the service has.
    pub fn of(split: bool) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Decode).chain(split.then_some(Self::Prefill))
    }

    /// The key of the chart.
    pub fn key(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Prefill => "prefill",
        }
    }

    /// Where its workload stands in a service.
    pub fn base(self) -> &'static [&'static str] {
        match self {
            Self::Decode => &["spec"],
            Self::Prefill => &["spec", "prefill"],
        }
    }

    /// A path in its workload.
    pub fn path(self, field: &str) -> Vec<&str> {
        self.base().iter().copied().chain([field]).collect()
    }
}

/// What both roles share.
#[derive(Debug)]
pub struct Shared {
    /// The model.
    pub model: Model,
    /// There is prefill.
    pub split: bool,
    /// A replica is a group of pods.
    pub is_group: bool,
    /// Servers download the model themselves.
    pub downloads: bool,
    /// The port of the chart's pods, but for decode behind a sidecar.
    pub service_port: i64,
    decode_port: i64,
    /// ServiceAccount of all pods.
    pub account: Option<String>,
    /// Scheduler of all pods.
    pub scheduler: Option<String>,
}

impl Shared {
    /// Reads what stands beside the roles.
    pub fn of(keys: &mut Keys, model: Model, split: bool) -> Self {
        let service_port = keys.number("routing.servicePort").unwrap_or(8000);
        let target = keys.number("routing.proxy.targetPort").unwrap_or(8200);
        let proxy = keys.is_on("routing.proxy.enabled", true);
        Self {
            model,
            split,
            is_group: keys.is_on("multinode", false),
            downloads: false,
            service_port,
            decode_port: if proxy { target } else { service_port },
            account: keys.text("serviceAccountOverride"),
            scheduler: keys.text("schedulerName"),
        }
    }

    /// The port of a role's server, there and here.
    pub fn port(&self, role: Role) -> Move {
        match role {
            Role::Prefill => Move { from: self.service_port, to: 8000 },
            Role::Decode => Move { from: self.decode_port, to: if self.split { 8001 } else { 8000 } },
        }
    }
}

/// The first container of the role runs as our presets have it.
pub fn is_preset_command(keys: &Keys, role: Role) -> bool {
    let containers = keys.peek(&format!("{}.containers", role.key()));
    let first = containers.and_then(Value::as_array).and_then(|all| all.first());
    first.is_none_or(|first| Start::of(first) == Start::Serve)
}

/// Puts a role into the service.
pub fn convert(
    keys: &mut Keys,
    role: Role,
    shared: &Shared,
    accelerator: &Accelerator,
    draft: &mut Draft,
) -> Result<(), ConvertError> {
    let mut ranks = Ranks::of(keys, role.key())?;
    let mut pod = json!({});
    let preset = accelerator.image(role);
    let mut containers = container::all(keys, role, shared, preset, &mut ranks, draft);
    accelerator.give(keys, role, &ranks, &mut containers, &mut pod, draft);
    put(&mut pod, &["containers"], Value::Array(containers.list));
    pod::fields(keys, role, shared, &mut pod);
    let is_counted = accelerator.is_counted(role, &pod);
    let mut parallelism = ranks.field(shared.is_group, is_counted);
    if containers.expert {
        put(&mut parallelism, &["expert"], json!(true));
    }
    draft.put(&role.path("parallelism"), parallelism);
    size(keys, role, draft);
    metadata(keys, role, draft);
    place(role, shared.is_group, pod, draft);
    Ok(())
}

/// The pod, for leader and workers alike. That there is a role, or a group, is said even if nothing else is.
fn place(role: Role, is_group: bool, pod: Value, draft: &mut Draft) {
    if role == Role::Prefill {
        tree::object(tree::entry(&mut draft.service, "spec"), "prefill");
    }
    if is_group {
        tree::object(workload(draft, role), "worker");
        draft.put(&role.path("worker"), pod.clone());
    }
    draft.put(&role.path("template"), pod);
}

fn workload(draft: &mut Draft, role: Role) -> &mut Value {
    role.base().iter().fold(&mut draft.service, |at, key| tree::entry(at, key))
}

/// An autoscaler that stands beside the chart keeps its hands on a Deployment without replicas.
fn size(keys: &mut Keys, role: Role, draft: &mut Draft) {
    let replicas = keys.take(&format!("{}.replicas", role.key())).unwrap_or_default();
    let scales = tree::get(&draft.service, &role.path("scaling")).is_some();
    if keys.is_on(&format!("{}.autoscaling.enabled", role.key()), false) || scales {
        if scales {
            return rollout(keys, role, draft);
        }
        draft.lose(
            format!("{}.autoscaling.enabled", role.key()),
            "the autoscaler is not among the values; replicas are left out, write spec.scaling in its place",
        );
    } else {
        draft.put(&role.path("replicas"), replicas);
    }
    rollout(keys, role, draft);
}

fn rollout(keys: &mut Keys, role: Role, draft: &mut Draft) {
    let rolling = keys.take(&format!("{}.strategy.rollingUpdate", role.key())).unwrap_or_default();
    draft.put(&role.path("rolloutStrategy"), rolling);
    let strategy = format!("{}.strategy.type", role.key());
    if keys.peek(&strategy) == Some(&json!("RollingUpdate")) {
        keys.take(&strategy);
    }
}

fn metadata(keys: &mut Keys, role: Role, draft: &mut Draft) {
    if !keys.is_on(&format!("{}.create", role.key()), true) {
        draft.lose("decode.create", "a service always has decode pods");
    }
    let annotations = keys.take(&format!("{}.podAnnotations", role.key())).unwrap_or_default();
    draft.put(&role.path("annotations"), annotations);
}
