//! From the merged, rendered spec to a [`crate::valid::ValidService`], or findings with their field paths.
//!
//! Needs no webhook: every rule that admission knows is checked in every pass. All findings are reported at once.

use llmisvc_api::conditions::reason;
use llmisvc_api::rules::{self, Rule, Violation};
use llmisvc_api::v1alpha2::{self, AppliedConfig, LlmInferenceServiceSpec};
use serde_json::Value;

use crate::facts::Key;
use crate::node::Node;
use crate::pass::{Fault, Finding, Inputs, is_stopped};
use crate::valid::{Identity, ValidService};

pub mod accelerator;
pub mod account;
pub mod dra;
pub(crate) mod fit;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod flags;
pub(crate) mod group;
pub mod identity;
pub mod kv_cache;
pub(crate) mod lora;
pub mod monitoring;
pub(crate) mod parallelism;
pub mod paths;
pub(crate) mod pod;
pub(crate) mod problem;
pub(crate) mod revision;
pub(crate) mod rollout;
pub mod routing;
pub(crate) mod running;
pub mod scaling;
pub(crate) mod scope;
pub mod storage;
pub mod template;
pub(crate) mod tpu;
pub mod tracing;
pub(crate) mod unheard;
pub mod workload;

/// What the validating functions share.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The pass.
    pub inputs: &'a Inputs<'a>,
    /// Who the service is.
    pub id: &'a Identity,
    /// The whole merged and rendered spec.
    pub spec: &'a Value,
    /// The config that the value at a path (`spec.…`) came from; none when it is the service's own.
    pub origin: &'a dyn Fn(&str) -> Option<String>,
}

/// Decodes the spec and checks it. `tree` is the spec with its provenance.
pub fn validate(
    inputs: &Inputs<'_>,
    tree: &Node,
    configs: &[AppliedConfig],
    warnings: &mut Vec<Finding>,
) -> Result<ValidService, Fault> {
    let mut spec = tree.value();
    let own = inputs.service.get("spec").unwrap_or(&Value::Null);
    let unheard = [unheard::outdone(own, tree), unheard::unheard(&spec)].concat();
    unheard::settle_accounts(&mut spec);
    let id = identity::identity(inputs.service);
    let origin = |path: &str| origin(tree, configs, path);
    let ctx = Context { inputs, id: &id, spec: &spec, origin: &origin };
    let mut findings = Vec::new();
    let typed = decode(&spec).map_err(|finding| invalid(inputs, vec![with_origin(&ctx, finding)]))?;
    let given = |v: Violation| with_origin(&ctx, Finding::new(v.path, v.message));
    let broken = rules::check(&id.namespace, &id.name, &id.annotations, &typed);
    findings.extend(broken.into_iter().filter(|v| !about_parents_of_others(&ctx, v)).map(given));
    findings.extend(paths::unsupported(&ctx).into_iter().map(|finding| with_origin(&ctx, finding)));
    findings.extend(unheard::refused(&spec).into_iter().map(|finding| with_origin(&ctx, finding)));
    warnings.extend(unheard.into_iter().map(|finding| with_origin(&ctx, finding)));
    let doubtful = rules::warnings(&id.namespace, &typed);
    warnings.extend(doubtful.into_iter().filter(|v| !about_parents_of_others(&ctx, v)).map(given));
    let service = assemble(&ctx, &typed, &mut findings, warnings);
    match service {
        Some(service) if findings.is_empty() => Ok(service),
        _ => Err(invalid(inputs, findings)),
    }
}

/// Gateway refs replace the parents that a preset or config brings, so only the service's own can contradict them.
fn about_parents_of_others(ctx: &Context<'_>, violation: &Violation) -> bool {
    let about_parents = matches!(violation.rule, Rule::R3 | Rule::W1);
    about_parents && (ctx.origin)("spec.router.route.http.spec.parentRefs").is_some()
}

fn assemble(
    ctx: &Context<'_>,
    typed: &LlmInferenceServiceSpec,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<ValidService> {
    let workloads = workload::workloads(ctx, findings, warnings);
    let routing = routing::routing(ctx, findings, warnings);
    let (decode, prefill) = workloads?;
    Some(ValidService {
        live_pair: prefill.as_ref().and_then(|prefill| revision::live_pair(ctx, prefill, &decode)),
        id: ctx.id.clone(),
        stopped: is_stopped(ctx.inputs.service),
        tls: ctx.inputs.settings.tls,
        domain: ctx.inputs.cluster.domain.clone(),
        model: identity::model_name(ctx.id, ctx.spec),
        adapters: adapters(typed),
        decode,
        prefill,
        routing,
        claims: dra::claims(ctx),
        monitors: monitoring::monitors(ctx, warnings),
    })
}

fn adapters(spec: &LlmInferenceServiceSpec) -> Vec<String> {
    let lora = spec.model.as_ref().and_then(|m| m.lora.as_ref());
    let adapters = lora.and_then(|l| l.adapters.as_deref()).unwrap_or_default();
    let mut names: Vec<String> =
        adapters.iter().filter_map(|a| a.name.clone()).filter(|n| !n.is_empty()).collect();
    names.sort();
    names
}

fn decode(spec: &Value) -> Result<LlmInferenceServiceSpec, Finding> {
    v1alpha2::decode(spec)
        .map_err(|error| Finding::new(error.path, format!("{}; correct the value", error.message)))
}

fn origin(tree: &Node, configs: &[AppliedConfig], path: &str) -> Option<String> {
    let layer = tree.nearest(path.strip_prefix("spec.").unwrap_or_default()).layer();
    configs.get(layer).map(ToString::to_string)
}

fn with_origin(ctx: &Context<'_>, finding: Finding) -> Finding {
    let origin = finding.origin.clone().or_else(|| (ctx.origin)(&finding.path));
    Finding { origin, ..finding }
}

/// While an account or a Secret cannot be read, nobody can tell whether the spec is wrong.
fn invalid(inputs: &Inputs<'_>, findings: Vec<Finding>) -> Fault {
    let hidden = inputs.seen.unreadable().any(|key| matches!(key, Key::ServiceAccount(_) | Key::Secret(_)));
    let reason = if hidden { reason::VALIDATION_UNAVAILABLE } else { reason::INVALID_RENDERED_CONFIG };
    Fault { reason, findings }
}
