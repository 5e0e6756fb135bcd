//! Managed DRA: what the annotations of the service claim for its pods (`reference/workloads.md §13`).

use llmisvc_api::rules::dra::{CEL_SELECTOR, CONTAINER_NAME, DEVICE_CLASS, DEVICE_COUNT};
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::Context;
use super::problem::Problem;
use super::scope::Scope;
use crate::build::dra::{CLAIM, digest};
use crate::labels::Labels;
use crate::object::LiveObject;
use crate::plan::ours;
use crate::rollout::Counts;
use crate::valid::Role;
use crate::workloads::{slot, templates};
use crate::{names, tree};

/// Devices for one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    /// DeviceClass.
    pub class: String,
    /// How many.
    pub count: i64,
    /// CEL expressions that each device fulfils.
    pub selectors: Vec<String>,
}

/// A ResourceClaimTemplate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimTemplate {
    /// Its name.
    pub name: String,
    /// What it claims.
    pub devices: Devices,
}

/// The claims of a service's pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// What the annotations ask for.
    pub current: Option<ClaimTemplate>,
    /// What pods of older templates claim, which would miss it when they are made anew (D-1).
    pub former: Vec<ClaimTemplate>,
    /// The container that gets the devices; `main` unless named.
    pub container: Option<String>,
}

/// Reads the annotations; what is wrong with them is said by the rules of the API.
pub fn claims(ctx: &Context<'_>) -> Claims {
    let annotations = &ctx.id.annotations;
    let current = devices(annotations).map(|devices| ClaimTemplate { name: name(ctx, &devices), devices });
    let container = annotations.get(CONTAINER_NAME).map(|name| name.trim().to_owned());
    let former = former(ctx, current.as_ref().map(|template| template.name.as_str()));
    Claims { current, former, container: container.filter(|name| !name.is_empty()) }
}

fn devices(annotations: &Labels) -> Option<Devices> {
    let class = annotations.get(DEVICE_CLASS)?.trim().to_owned();
    let count = annotations.get(DEVICE_COUNT).and_then(|count| count.trim().parse().ok()).unwrap_or(1);
    let selectors = annotations.get(CEL_SELECTOR).map(String::as_str).unwrap_or_default();
    let selectors = selectors.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    Some(Devices { class, count, selectors: selectors.collect() })
}

/// The spec of a template can't be changed, so its hash is part of the name (D-1). The peer's name, which has none,
/// is kept for what is under it: another one would replace the pods. The peer's template has no label that the watch
/// selects, so at first only the pods tell of it.
fn name(ctx: &Context<'_>, devices: &Devices) -> String {
    let plain = names::claim_template(&ctx.id.name);
    let is_kept = match live(ctx, &plain) {
        Some(live) => live == *devices,
        None => workloads(ctx).any(|(_, workload)| refers(workload, &plain)),
    };
    if is_kept { plain } else { names::claim_template_of(&ctx.id.name, &digest(devices)) }
}

fn live(ctx: &Context<'_>, name: &str) -> Option<Devices> {
    let live = ctx.inputs.live.get(&(Kind::ResourceClaimTemplate, name.to_owned()))?;
    is_ours(ctx, live).then(|| read(&live.body)).flatten()
}

fn is_ours(ctx: &Context<'_>, live: &LiveObject) -> bool {
    !live.deleting && ours(Kind::ResourceClaimTemplate, live, ctx.id.uid.as_deref().unwrap_or_default())
}

/// What a live template claims; none when it is not of our making.
fn read(body: &Value) -> Option<Devices> {
    let [request] = tree::list(body, &["spec", "spec", "devices", "requests"]) else { return None };
    let exactly = request.get("exactly")?;
    let selectors = tree::list(exactly, &["selectors"]).iter();
    Some(Devices {
        class: tree::text(exactly, &["deviceClassName"]).to_owned(),
        count: exactly.get("count").and_then(Value::as_i64).unwrap_or(1),
        selectors: selectors.map(|s| tree::text(s, &["cel", "expression"]).to_owned()).collect(),
    })
}

/// Templates that pods of a workload still need: it refers to them, or is not rolled out yet.
fn former(ctx: &Context<'_>, current: Option<&str>) -> Vec<ClaimTemplate> {
    let live = ctx.inputs.live.iter().filter(|((kind, _), _)| *kind == Kind::ResourceClaimTemplate);
    let others = live.filter(|((_, name), live)| Some(name.as_str()) != current && is_ours(ctx, live));
    let needed = |name: &str| workloads(ctx).any(|(kind, w)| refers(w, name) || !is_rolled_out(kind, w));
    let needed = others.filter(|((_, name), _)| needed(name));
    needed
        .filter_map(|((_, name), live)| {
            Some(ClaimTemplate { name: name.clone(), devices: read(&live.body)? })
        })
        .collect()
}

/// The live Deployments and LeaderWorkerSets of the service's model servers.
fn workloads<'a>(ctx: &Context<'a>) -> impl Iterator<Item = (Kind, &'a Value)> {
    let roles = [Role::Both, Role::Prefill];
    let slots = roles.into_iter().flat_map(|role| [false, true].map(|group| slot(&ctx.id.name, role, group)));
    let slots: Vec<_> = slots.collect();
    slots.into_iter().filter_map(|slot| Some((slot.0, ctx.inputs.live.get(&slot)?.body.as_ref())))
}

fn refers(workload: &Value, name: &str) -> bool {
    let mut claims =
        templates(workload).flat_map(|template| tree::list(template, &["spec", "resourceClaims"]));
    claims.any(|claim| tree::text(claim, &["resourceClaimTemplateName"]) == name)
}

fn is_rolled_out(kind: Kind, workload: &Value) -> bool {
    let counts = Counts::of(kind, workload);
    counts.is_observed() && counts.is_of_one_template()
}

/// Says which templates lack the container that the annotation names.
pub fn check(scope: &mut Scope<'_, '_>, pod: &Value) {
    let annotations = &scope.ctx.id.annotations;
    let named = annotations.get(DEVICE_CLASS).and_then(|_| annotations.get(CONTAINER_NAME));
    let Some(name) = named.map(|name| name.trim()).filter(|name| !name.is_empty()) else { return };
    if tree::named(tree::list(pod, &["containers"]), name).is_none() {
        let field = scope.path(&scope.in_template("containers"));
        let problem = Problem::NoClaimingContainer { name: name.to_owned(), field, claim: CLAIM };
        scope.warn_at(format!("metadata.annotations[{CONTAINER_NAME}]"), &problem);
    }
}
