//! Validates `spec.router.scheduler` and completes its pool.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::account::{account, cluster_binding, live_body};
use super::{LiveScheduler, Scheduler};
use crate::build::{availability, scheduler_config, tls};
use crate::labels::{self, Component, Labels};
use crate::names;
use crate::pass::Finding;
use crate::tree;
use crate::validate::{Context, tracing};

const PATH: &str = "spec.router.scheduler";
/// Port of the picker where the pool names none (`reference/workloads.md §3.8`, row 9).
const PICKER_PORT: i64 = 9002;

/// The managed scheduler; none when `spec.router.scheduler` is absent.
pub(super) fn scheduler(
    ctx: &Context<'_>,
    router: &Value,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<Scheduler> {
    let spec = tree::get(router, &["scheduler"]).filter(|s| s.is_object())?;
    let mut pod = pod(ctx, spec, findings);
    let account = account(ctx, &pod);
    *tree::entry(&mut pod, "serviceAccountName") = json!(account.name());
    let pool = pool(ctx, spec, findings);
    check_picker_port(ctx, &pod, &pool, warnings);
    let live = live(ctx);
    Some(Scheduler {
        replicas: replicas(ctx, spec, findings),
        labels: pod_labels(ctx, spec, live.as_ref(), warnings),
        annotations: tree::strings(spec, &["annotations"]),
        composed: is_composed(ctx, &pod),
        shares_pair: live_pod(ctx).is_some_and(|pod| tls::shares_pair(pod, &ctx.id.name)),
        picker: tree::text(&pool, &["endpointPickerRef", "name"]).to_owned(),
        inline: inline(ctx, spec, findings),
        tracing: tracing::of(ctx.spec, "inference-scheduler"),
        cluster_binding: cluster_binding(ctx),
        pod,
        pool,
        account,
        live,
    })
}

fn pod(ctx: &Context<'_>, spec: &Value, findings: &mut Vec<Finding>) -> Value {
    let pod = tree::get(spec, &["template"]).cloned().unwrap_or(Value::Null);
    if tree::list(&pod, &["containers"]).is_empty() {
        let message = "has no container; the preset config-llm-scheduler brings one named main";
        findings.push(ctx.finding(&format!("{PATH}.template.containers"), message));
    }
    pod
}

fn replicas(ctx: &Context<'_>, spec: &Value, findings: &mut Vec<Finding>) -> Option<i64> {
    let value = tree::get(spec, &["replicas"]).filter(|v| !v.is_null())?;
    let replicas = value.as_i64().filter(|n| *n > 0);
    if replicas.is_none() {
        let message = format!("{value} is not a positive number; set 1, or more for a standby");
        findings.push(ctx.finding(&format!("{PATH}.replicas"), message));
    }
    replicas
}

/// The command is exactly what our preset renders to.
fn is_composed(ctx: &Context<'_>, pod: &Value) -> bool {
    let pool = names::inference_pool(&ctx.id.name);
    let ours = [
        "/app/epp",
        "--pool-name",
        &pool,
        "--pool-namespace",
        &ctx.id.namespace,
        "--zap-encoder",
        "json",
        "--grpc-port",
        "9002",
        "--grpc-health-port",
        "9003",
    ];
    let main = tree::named(tree::list(pod, &["containers"]), "main");
    main.is_some_and(|c| tree::list(c, &["command"]).iter().map(Value::as_str).eq(ours.map(Some)))
}

/// `config.inline` as text: a document becomes YAML, a text (from a ConfigMap) stays as it is.
fn inline(ctx: &Context<'_>, spec: &Value, findings: &mut Vec<Finding>) -> Option<String> {
    let config = tree::get(spec, &["config"]).filter(|c| !c.is_null())?;
    let path = format!("{PATH}.config");
    let inline = tree::get(config, &["inline"]).filter(|v| !v.is_null());
    let Some(inline) = inline else {
        if tree::text(config, &["ref", "name"]).is_empty() {
            findings.push(ctx.finding(&path, "has neither inline nor ref; set one of them"));
        }
        return None;
    };
    let text = match inline {
        Value::String(text) => Some(text.clone()),
        document => serde_yaml_ng::to_string(document).ok(),
    };
    let text = text
        .filter(|t| scheduler_config::parse(t).is_some_and(|d| d.as_object().is_some_and(|m| !m.is_empty())));
    if text.is_none() {
        let message = "is not an EndpointPickerConfig document; it must be a YAML object with plugins and schedulingProfiles";
        findings.push(ctx.finding(&format!("{path}.inline"), message));
    }
    text
}

/// The pool's spec with selector, picker name and picker port filled in.
fn pool(ctx: &Context<'_>, spec: &Value, findings: &mut Vec<Finding>) -> Value {
    let mut pool =
        tree::get(spec, &["pool", "spec"]).filter(|p| p.is_object()).cloned().unwrap_or_else(|| json!({}));
    let selector = tree::entry(&mut pool, "selector");
    if tree::strings(selector, &["matchLabels"]).is_empty() {
        *tree::entry(selector, "matchLabels") = json!(labels::endpoints(&ctx.id.name));
    }
    complete_picker(tree::entry(&mut pool, "endpointPickerRef"), &ctx.id.name);
    check_ports(ctx, &pool, findings);
    pool
}

fn complete_picker(picker: &mut Value, service: &str) {
    if tree::text(picker, &["name"]).is_empty() {
        *tree::entry(picker, "name") = json!(names::scheduler_service(service));
    }
    let port = tree::get(picker, &["port", "number"]).and_then(Value::as_i64).unwrap_or_default();
    if port == 0 && matches!(tree::text(picker, &["kind"]), "" | "Service") {
        *tree::entry(picker, "port") = json!({"number": PICKER_PORT});
    }
}

/// The Service of the picker has the named ports of its containers, so the pool can't reach it at another one.
fn check_picker_port(ctx: &Context<'_>, pod: &Value, pool: &Value, warnings: &mut Vec<Finding>) {
    let containers = tree::list(pod, &["containers"]).iter();
    let named = containers.flat_map(|container| tree::list(container, &["ports"]));
    let named = named.filter(|port| !tree::text(port, &["name"]).is_empty());
    let ports: BTreeSet<i64> =
        named.filter_map(|port| tree::get(port, &["containerPort"])?.as_i64()).collect();
    let picker = tree::get(pool, &["endpointPickerRef"]).unwrap_or(&Value::Null);
    let port = tree::get(picker, &["port", "number"]).and_then(Value::as_i64);
    let is_service = matches!(tree::text(picker, &["kind"]), "" | "Service");
    if let Some(port) = port.filter(|port| is_service && !ports.is_empty() && !ports.contains(port)) {
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let message = format!(
            "{port} is no port of the endpoint picker, which has {}: no request gets through; set the port that \
             its --grpc-port says",
            ports.join(", ")
        );
        warnings.push(ctx.finding(&format!("{PATH}.pool.spec.endpointPickerRef.port.number"), message));
    }
}

fn check_ports(ctx: &Context<'_>, pool: &Value, findings: &mut Vec<Finding>) {
    let path = format!("{PATH}.pool.spec.targetPorts");
    let ports = tree::list(pool, &["targetPorts"]);
    let numbers: Vec<Option<i64>> = ports.iter().map(|p| tree::get(p, &["number"])?.as_i64()).collect();
    for (index, number) in numbers.iter().enumerate() {
        if !number.is_some_and(|n| (1..=65535).contains(&n)) {
            findings
                .push(ctx.finding(&format!("{path}[{index}].number"), "is not a port between 1 and 65535"));
        }
    }
    if !(1..=8).contains(&ports.len()) {
        let message =
            format!("has {} ports; a pool needs one to eight, such as [{{number: 8000}}]", ports.len());
        findings.push(ctx.finding(&path, message));
    } else if numbers.iter().collect::<BTreeSet<_>>().len() < numbers.len() {
        findings.push(ctx.finding(&path, "names a port twice; ports of a pool must differ"));
    }
}

fn live_pod<'a>(ctx: &Context<'a>) -> Option<&'a Value> {
    tree::get(
        live_body(ctx, Kind::Deployment, &names::scheduler(&ctx.id.name))?,
        &["spec", "template", "spec"],
    )
}

fn live(ctx: &Context<'_>) -> Option<LiveScheduler> {
    let body = live_body(ctx, Kind::Deployment, &names::scheduler(&ctx.id.name))?;
    let main = tree::named(tree::list(body, &["spec", "template", "spec", "containers"]), "main");
    Some(LiveScheduler {
        selector: tree::strings(body, &["spec", "selector", "matchLabels"]),
        config: main.and_then(|c| scheduler_config::pair(tree::list(c, &["args"]))),
        mark: tree::strings(body, &["metadata", "annotations"]).remove(scheduler_config::MARK),
        unspread: main.is_some_and(availability::has_flag)
            && !live_pod(ctx).is_some_and(availability::is_spread),
    })
}

/// Labels that the selector stands on cannot be changed by the user.
fn pod_labels(
    ctx: &Context<'_>,
    spec: &Value,
    live: Option<&LiveScheduler>,
    warnings: &mut Vec<Finding>,
) -> Labels {
    let mut fixed = live.map(|l| l.selector.clone()).unwrap_or_default();
    fixed.extend(labels::base(&ctx.id.name, Component::Scheduler));
    let mut wanted = tree::strings(spec, &["labels"]);
    wanted.retain(|key, value| match fixed.get(key) {
        Some(kept) if kept != value => {
            let message =
                format!("{value:?} is ignored: the selector of the Deployment has {kept:?} and is immutable");
            warnings.push(ctx.finding(&format!("{PATH}.labels[{key}]"), message));
            false
        }
        _ => true,
    });
    wanted
}
