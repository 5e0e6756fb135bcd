//! What is taken and does nothing, or not what it seems to (N): the reference says nothing about it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Found, Rule, rollout, workloads};
use crate::v1alpha2::{
    LlmInferenceServiceSpec, Quantity, Router, Scaling, SchedulerConfig, Tracing, Workload,
};

const SCHEDULER: &str = "spec.router.scheduler";

pub(super) fn warn(spec: &LlmInferenceServiceSpec, found: &mut Found) {
    if let Some(router) = &spec.router {
        warn_router(router, found);
    }
    for (base, workload) in workloads(spec) {
        rollout::warn(base, workload, found);
        warn_tiers(base, workload, found);
        if let Some(scaling) = &workload.scaling {
            warn_fallback(base, scaling, found);
        }
    }
    warn_base_refs(spec, found);
    if let Some(tracing) = &spec.tracing {
        warn_tracing(tracing, found);
    }
}

/// Edge 13.
fn warn_router(router: &Router, found: &mut Found) {
    let others = [("route", router.route.is_some()), ("gateway", router.gateway.is_some())];
    let other = others.into_iter().find(|(_, is_there)| *is_there && router.ingress.is_some());
    if let Some((other, _)) = other {
        let message = format!("has no effect beside spec.router.{other}: remove one of them");
        found.add(Rule::N2, "spec.router.ingress", message);
    }
    let Some(scheduler) = &router.scheduler else { return };
    if let Some(pool) = &scheduler.pool
        && let Some(named) = pool.reference.as_ref().map(|r| r.name.as_str()).filter(|n| !n.is_empty())
    {
        let message = format!("has no effect beside pool.ref, which names \"{named}\": remove one of them");
        found.add_if(pool.spec.is_some(), Rule::N3, format!("{SCHEDULER}.pool.spec"), message);
    }
    if let Some(config) = &scheduler.config {
        warn_inline(config, found);
    }
}

/// Edge 28: the picker refuses other documents when it starts.
fn warn_inline(config: &SchedulerConfig, found: &mut Found) {
    let Some(Value::Object(document)) =
        config.inline.as_ref().filter(|v| v.as_object().is_none_or(|m| !m.is_empty()))
    else {
        return;
    };
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let message = format!("kind is \"{kind}\", and the endpoint picker reads an EndpointPickerConfig only");
    found.add_if(
        kind != "EndpointPickerConfig",
        Rule::N9,
        format!("{SCHEDULER}.config.inline.kind"),
        message,
    );
    let known =
        ["inference.networking.x-k8s.io/", "llm-d.ai/"].iter().any(|group| version.starts_with(group));
    let message = format!(
        "apiVersion is \"{version}\", and the endpoint picker knows inference.networking.x-k8s.io/v1alpha1 and \
         llm-d.ai/v1alpha1"
    );
    found.add_if(!known, Rule::N9, format!("{SCHEDULER}.config.inline.apiVersion"), message);
}

/// Edge 25.
fn warn_tiers(base: &str, workload: &Workload, found: &mut Found) {
    let Some(offloading) = &workload.kv_cache_offloading else { return };
    for (i, tier) in offloading.secondary.iter().flatten().enumerate() {
        let dir = tier.file_system.as_ref().and_then(|f| f.empty_dir.as_ref());
        let empty = dir.is_some_and(|dir| dir.size.as_ref().is_none_or(Quantity::is_zero));
        let path = format!("{base}.kvCacheOffloading.secondary[{i}].fileSystem.emptyDir.size");
        found.add_if(empty, Rule::N5, path, "is no size above zero: give the tier one, for example 100Gi");
    }
}

/// Edge 28.
fn warn_fallback(base: &str, scaling: &Scaling, found: &mut Found) {
    let wva = scaling.wva.as_ref().and_then(|w| w.keda.as_ref()).map(|k| ("wva.keda", k));
    let direct = scaling.keda.as_ref().map(|k| ("keda", &k.settings));
    for (member, keda) in wva.into_iter().chain(direct) {
        let Some(fallback) = &keda.fallback else { continue };
        let values = [("failureThreshold", fallback.failure_threshold), ("replicas", fallback.replicas)];
        for (name, value) in values {
            let Some(value) = value.filter(|v| *v < 0) else { continue };
            let message = format!("is {value}, which KEDA refuses: give a number from 0");
            found.add(Rule::N8, format!("{base}.scaling.{member}.fallback.{name}"), message);
        }
    }
}

/// Edge 28.
fn warn_base_refs(spec: &LlmInferenceServiceSpec, found: &mut Found) {
    let mut seen = BTreeSet::new();
    for (i, name) in spec.base_refs.iter().flatten().map(|r| r.name.as_str()).enumerate() {
        let path = format!("spec.baseRefs[{i}].name");
        if name.is_empty() {
            found.add(
                Rule::N6,
                path,
                "is empty, and no config is found by it: name one, or remove the entry",
            );
        } else if !seen.insert(name) {
            let message =
                format!("\"{name}\" is listed before: merging it twice changes nothing but the order");
            found.add(Rule::N6, path, message);
        }
    }
}

/// Edge 28.
fn warn_tracing(tracing: &Tracing, found: &mut Found) {
    let is_plain = |text: &&str| !text.is_empty() && !text.contains("{{");
    let text = |field: &'_ Option<String>| field.as_deref().filter(is_plain).map(str::to_owned);
    if let Some(endpoint) = text(&tracing.exporter_endpoint).filter(|e| !e.contains("://")) {
        let message = format!("\"{endpoint}\" has no scheme: write for example http://otel-collector:4317");
        found.add(Rule::N7, "spec.tracing.exporterEndpoint", message);
    }
    let ratio = tracing.sampler.as_deref().is_none_or(|s| s.ends_with("traceidratio"));
    let wrong = |arg: &String| arg.parse::<f64>().map_or(true, |n| !(0.0..=1.0).contains(&n));
    if let Some(arg) = text(&tracing.sampler_arg).filter(wrong).filter(|_| ratio) {
        let message = format!("\"{arg}\" is no ratio: give a number from 0 to 1, for example \"0.05\"");
        found.add(Rule::N7, "spec.tracing.samplerArg", message);
    }
}
