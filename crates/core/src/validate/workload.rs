//! Validates the decode and prefill workloads.

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::Value;

use super::problem::Problem;
use super::scope::Scope;
use super::{Context, accelerator, account, flags, identity, parallelism, pod, rollout, storage};
use crate::build::argv::{self, Flags, Version};
use crate::build::sidecar;
use crate::labels::{self, Component, Labels};
use crate::pass::Finding;
use crate::valid::{Account, Download, ExtraArgs, Role, Workload};
use crate::{names, tree};

/// The main workload and the prefill one. None when something blocks.
pub fn workloads(
    ctx: &Context<'_>,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<(Workload, Option<Workload>)> {
    let prefill = ctx.spec.get("prefill").filter(|p| !p.is_null());
    let role = if prefill.is_some() { Role::Decode } else { Role::Both };
    let main = workload(ctx, role, ctx.spec, findings, warnings);
    let prefill = prefill.map(|spec| workload(ctx, Role::Prefill, spec, findings, warnings));
    match prefill {
        None => Some((main?, None)),
        Some(prefill) => Some((main?, Some(prefill?))),
    }
}

/// One workload; `spec` is `spec` or `spec.prefill` of the merged and rendered document. None when something blocks.
pub fn workload(
    ctx: &Context<'_>,
    role: Role,
    spec: &Value,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<Workload> {
    let before = findings.len();
    let mut scope = Scope { ctx, role, spec, findings, warnings };
    let workload = read(&mut scope);
    workload.filter(|_| findings.len() == before)
}

fn read(scope: &mut Scope<'_, '_>) -> Option<Workload> {
    if scope.given(&["worker"]).is_some() {
        // Its pods come from presets that are not there either: one finding says it all.
        scope.error("worker", &Problem::Worker);
        return None;
    }
    unsupported(scope);
    let live = live(scope);
    let plain = plain(scope, live);
    // Without a pod the rest would only repeat that.
    let pod = pod::pod(scope)?;
    let workload = with_pod(scope, plain, pod, live)?;
    if workload.composed_for.is_some() {
        check_composed(scope, &workload);
    }
    Some(workload)
}

/// Everything that does not depend on the pod template.
fn plain(scope: &mut Scope<'_, '_>, live: Option<&Value>) -> Workload {
    let live_selector = live.map(|l| tree::strings(l, &["spec", "selector", "matchLabels"]));
    let live_selector = live_selector.filter(|selector| !selector.is_empty());
    Workload {
        role: scope.role,
        replicas: scope.integer(&["replicas"], 0, "at least 0"),
        labels: labels(scope, live_selector.as_ref()),
        annotations: tree::strings(scope.spec, &["annotations"]),
        pod: Value::Null,
        rollout: rollout::rollout(scope),
        parallelism: parallelism::parallelism(scope),
        composed_for: None,
        accelerators: None,
        download: Download::None,
        live_selector,
        extra_args: ExtraArgs::Words(Vec::new()),
        kv_transfer: kv_transfer(scope),
        account: Account::Default,
        sidecar: false,
    }
}

/// Everything that does.
fn with_pod(
    scope: &mut Scope<'_, '_>,
    mut workload: Workload,
    pod: Value,
    live: Option<&Value>,
) -> Option<Workload> {
    let main = tree::named(tree::list(&pod, &["containers"]), "main")?;
    workload.sidecar = has_sidecar(scope, &pod);
    let (account, credentials) = account::account(scope, &pod, workload.sidecar);
    workload.composed_for = composed_for(scope, main);
    workload.extra_args = flags::extra_args(scope, main, workload.composed_for.is_some());
    let world = parallelism::world(&workload.parallelism, &flags::user_words(main, &workload.extra_args));
    workload.accelerators = accelerator::accelerators(scope, &pod, &world, live);
    let from = (account.name().unwrap_or("default"), credentials);
    let download = storage::download(scope, &pod, from, live)?;
    Some(Workload { pod, download, account, ..workload })
}

fn live<'a>(scope: &Scope<'a, '_>) -> Option<&'a Value> {
    let service = &scope.ctx.id.name;
    let name = if scope.role == Role::Prefill { names::prefill(service) } else { names::decode(service) };
    storage::live_deployment(scope, name)
}

/// What later versions do, and what must not be ignored in silence.
fn unsupported(scope: &mut Scope<'_, '_>) {
    if scope.given(&["kvCacheOffloading"]).is_some() {
        scope.warn("kvCacheOffloading", &Problem::NoEffect { feature: "KV cache offloading" });
    }
    if scope.role == Role::Prefill {
        if tree::get(scope.ctx.spec, &["router", "scheduler"]).is_none_or(Value::is_null) {
            scope.warn("template", &Problem::PrefillWithoutScheduler);
        }
        return;
    }
    if tree::get(scope.spec, &["model", "confidential", "enabled"]) == Some(&Value::Bool(true)) {
        scope.error("model.confidential", &Problem::Confidential);
    }
    if let Some(annotation) = accelerator::managed_dra(scope) {
        let problem = Problem::ManagedDra { annotation: annotation.clone() };
        scope.error_at(format!("metadata.annotations[{annotation}]"), &problem);
    }
    for (path, feature) in [("tracing", "tracing"), ("scaling", "autoscaling")] {
        if scope.given(&[path]).is_some() {
            scope.warn(path, &Problem::NoEffect { feature });
        }
    }
    if scope.given(&["model", "lora", "adapters"]).is_some() {
        scope.warn("model.lora.adapters", &Problem::NoEffect { feature: "LoRA" });
    }
}

/// The workload's labels without those that would change a selector on the pods (W-1).
fn labels(scope: &mut Scope<'_, '_>, live: Option<&Labels>) -> Labels {
    let component = if scope.role == Role::Prefill { Component::Prefill } else { Component::Workload };
    let mut kept = labels::base(&scope.ctx.id.name, component);
    kept.extend(live.cloned().unwrap_or_default());
    let given = tree::strings(scope.spec, &["labels"]);
    let (fine, ignored): (Labels, Labels) =
        given.into_iter().partition(|(key, value)| kept.get(key).is_none_or(|k| k == value));
    for (key, got) in ignored {
        let kept = kept.get(&key).cloned().unwrap_or_default();
        scope.warn(&format!("labels[{key}]"), &Problem::LabelIgnored { key, got, kept });
    }
    fine
}

fn has_sidecar(scope: &Scope<'_, '_>, pod: &Value) -> bool {
    let init = tree::list(pod, &["initContainers"]);
    scope.role != Role::Prefill && tree::named(init, sidecar::CONTAINER).is_some()
}

/// Prefill and decode hand KV caches over by NIXL.
fn kv_transfer(scope: &Scope<'_, '_>) -> bool {
    scope.role != Role::Both
}

/// The vLLM version, when the command is our preset's. An upstream image says its own version in its tag.
fn composed_for(scope: &mut Scope<'_, '_>, main: &Value) -> Option<String> {
    let preset = tree::text(scope.spec, &["annotations", labels::VLLM_VERSION]);
    if preset.is_empty() || argv::words(main, "command") != argv::PRESET_COMMAND {
        return None;
    }
    if Version::parse(preset).is_none() {
        let field = format!("annotations[{}]", labels::VLLM_VERSION);
        scope.error(&field, &Problem::Version { got: preset.to_owned() });
    }
    Some(tagged_version(tree::text(main, &["image"])).unwrap_or(preset).to_owned())
}

fn tagged_version(image: &str) -> Option<&str> {
    let (repository, tag) = image.rsplit('/').next()?.split('@').next()?.split_once(':')?;
    let version = tag.strip_prefix('v').filter(|version| Version::parse(version).is_some());
    version.filter(|_| repository.starts_with("vllm-openai"))
}

fn check_composed(scope: &mut Scope<'_, '_>, workload: &Workload) {
    let ctx = scope.ctx;
    let model = identity::model_name(ctx.id, ctx.spec);
    let flags = compose_flags(workload, &model, &ctx.id.namespace, ctx.inputs.settings.tls);
    let main = tree::named(tree::list(&workload.pod, &["containers"]), "main");
    if let (Some(flags), Some(main)) = (flags, main) {
        flags::check_env(scope, main);
        flags::check(scope, &flags, &flags::user_words(main, &workload.extra_args));
    }
}

/// What the generated flags depend on; none for a foreign command.
pub fn compose_flags<'a>(
    workload: &Workload,
    model: &'a str,
    namespace: &'a str,
    tls: bool,
) -> Option<Flags<'a>> {
    let version = Version::parse(workload.composed_for.as_deref()?)?;
    let grace = tree::get(&workload.pod, &["terminationGracePeriodSeconds"]).and_then(Value::as_i64);
    Some(Flags {
        model,
        namespace,
        port: if workload.sidecar { 8001 } else { 8000 },
        version,
        grace: grace.unwrap_or(60),
        tls,
        parallelism: Parallelism { data_local: None, data_rpc_port: None, ..workload.parallelism },
        kv_transfer: workload.kv_transfer,
    })
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
