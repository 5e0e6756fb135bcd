//! Validates router, scheduler, pool and route.
//!
//! Gateways, routes and accounts that are missing are no findings: the children are built all the same, and the
//! conditions say what is missing.

mod account;
mod extras;
#[cfg(test)]
pub(crate) mod fixture;
mod gateways;
mod ingress;
mod kv_events;
mod picker_config;
mod route;
mod scheduler;
#[cfg(test)]
mod tests;
mod timeouts;
mod tokenizer;
mod traffic;
mod unscheduled;

use llmisvc_kinds::Kind;
use serde_json::Value;

pub use self::account::{Account, NAMESPACE};
pub use self::extras::{Choice, Extra, Extras};
pub(crate) use self::gateways::{gateway_of, parent_gateways};
pub(crate) use self::route::has_header;
use crate::facts::Ref;
use crate::labels::Labels;
use crate::names;
use crate::pass::Finding;
use crate::pools::objectives::{self, Objectives};
use crate::pools::{self, Pools};
use crate::traffic::Traffic;
use crate::tree;
use crate::validate::Context;
use crate::validate::storage::Weights;
use crate::validate::tracing::Tracing;

pub use tokenizer::Tokenizer;

/// API group of the pools that we make and route to.
pub const POOL_GROUP: &str = Kind::InferencePool.served().group;
/// API group of Gateways and routes.
pub const GATEWAY_GROUP: &str = Kind::HTTPRoute.served().group;

/// Everything between the gateway and the pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    /// `spec.router` is there, be it empty.
    pub router: bool,
    /// Managed endpoint picker and pool.
    pub scheduler: Option<Scheduler>,
    /// Render server beside it.
    pub tokenizer: Option<Tokenizer>,
    /// What a tokenizer in the picker's own pod reads.
    pub beside_picker: Option<Weights>,
    /// Pool that somebody else keeps, with its picker.
    pub external_pool: Option<ExternalPool>,
    /// The same pool in both API groups: where the route leads, and what is made.
    pub pools: Pools,
    /// Priorities of requests.
    pub objectives: Objectives,
    /// Managed route.
    pub route: Option<Route>,
    /// Names of the user's own routes in the service's namespace.
    pub route_refs: Vec<String>,
    /// Gateways named in `spec.router.gateway.refs`.
    pub gateway_refs: Vec<Ref>,
    /// Objects that the gateways need beyond the standard.
    pub extras: Extras,
    /// Managed Ingress.
    pub ingress: Option<Ingress>,
    /// Ingresses named in `spec.router.ingress.refs`.
    pub ingress_refs: Vec<Ref>,
    /// Share of a group's requests.
    pub traffic: Option<Traffic>,
}

impl Routing {
    /// The pool that requests go to; none without a scheduler.
    pub fn pool(&self, service: &str) -> Option<String> {
        match (&self.external_pool, &self.scheduler) {
            (Some(external), _) => Some(external.name.clone()),
            (None, Some(_)) => Some(names::inference_pool(service)),
            (None, None) => None,
        }
    }

    /// The Service of the endpoint picker, ours or the external pool's.
    pub fn picker_service(&self) -> Option<&str> {
        let external = self.external_pool.as_ref().and_then(|p| p.picker.as_deref());
        external.or(self.scheduler.as_ref().map(|s| s.picker.as_str()))
    }
}

/// `spec.router.scheduler.pool.ref`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalPool {
    /// Its name, in the service's namespace.
    pub name: String,
    /// The Service of its picker, where the pool could be read.
    pub picker: Option<String>,
    /// The API group in which it was found, v1 where it is in both.
    pub group: pools::Group,
}

/// Managed endpoint picker and pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduler {
    /// It runs with the servers' key pair.
    pub shares_pair: bool,
    /// Pods wanted; none leaves the live count.
    pub replicas: Option<i64>,
    /// Pod labels of the user, without those that would change the selector.
    pub labels: Labels,
    /// Pod annotations.
    pub annotations: Labels,
    /// Pod spec, `serviceAccountName` set.
    pub pod: Value,
    /// The command is exactly our preset's, so that the core may add flags.
    pub composed: bool,
    /// Where its traces go.
    pub tracing: Option<Tracing>,
    /// Spec of the pool, complete.
    pub pool: Value,
    /// Name of the picker's Service.
    pub picker: String,
    /// Who the picker is.
    pub account: Account,
    /// Name of the ClusterRoleBinding.
    pub cluster_binding: String,
    /// `config.inline` as text.
    pub inline: Option<String>,
    /// What must be kept of the live Deployment.
    pub live: Option<LiveScheduler>,
}

impl Scheduler {
    /// There are more pickers than the one that leads.
    pub fn has_standby(&self) -> bool {
        self.replicas.is_some_and(|n| n > 1)
    }

    /// Labels that the Deployment selects its pods by. Selectors are immutable: a live one stays.
    pub fn selector(&self, base: &Labels) -> Labels {
        let live = self.live.as_ref().map(|live| &live.selector).filter(|s| !s.is_empty());
        live.unwrap_or(base).clone()
    }
}

/// What a live scheduler Deployment has that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveScheduler {
    /// Its selector, which is immutable.
    pub selector: Labels,
    /// Configuration flag and text.
    pub config: Option<(String, String)>,
    /// Where that text came from, if we wrote it.
    pub mark: Option<String>,
    /// Several run, and nothing keeps them apart: to change that would replace them.
    pub unspread: bool,
}

/// Managed route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Spec of the HTTPRoute, complete but for LoRA adapters.
    pub spec: Value,
    /// Header of model-based routing, where that is on.
    pub model_header: Option<String>,
}

/// Managed Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// The one host that it answers to.
    pub host: String,
    /// `ingressClassName`; none for the default class.
    pub class: Option<String>,
}

/// Validates `spec.router`, applies the fix-ups of `reference/workloads.md §3.8`, and asks for every Gateway,
/// route, pool and account that it depends on.
pub fn routing(ctx: &Context<'_>, findings: &mut Vec<Finding>, warnings: &mut Vec<Finding>) -> Routing {
    let Some(router) = tree::get(ctx.spec, &["router"]).filter(|r| r.is_object()) else {
        return Routing::default();
    };
    let external_pool = external_pool(ctx, router, warnings);
    let scheduler = match external_pool {
        Some(_) => None,
        None => scheduler::scheduler(ctx, router, findings, warnings),
    };
    let mut routing = Routing { router: true, scheduler, external_pool, ..Routing::default() };
    routing.tokenizer = tokenizer::tokenizer(ctx, router, routing.scheduler.as_ref(), findings, warnings);
    routing.beside_picker = tokenizer::beside_picker(ctx, routing.scheduler.as_ref(), findings, warnings);
    picker_config::check(ctx, &routing, findings, warnings);
    routing.gateway_refs = gateways::refs(ctx, router, findings);
    route::routes(ctx, router, &mut routing, findings, warnings);
    ingress::ingress(ctx, router, &mut routing, findings, warnings);
    routing.extras = extras::extras(ctx, &routing, warnings);
    timeouts::fit(ctx, &mut routing, warnings);
    gateways::ask(ctx, &routing);
    pools::decide::decide(ctx, &mut routing, warnings);
    if routing.pool(&ctx.id.name).is_some() {
        routing.objectives = objectives::read(ctx, warnings);
    }
    routing.traffic = traffic::traffic(ctx, router, &routing);
    routing
}

fn external_pool(ctx: &Context<'_>, router: &Value, warnings: &mut Vec<Finding>) -> Option<ExternalPool> {
    let name = tree::text(router, &["scheduler", "pool", "ref", "name"]);
    if name.is_empty() {
        return None;
    }
    let own_spec = "spec.router.scheduler.pool.spec";
    if tree::get(router, &["scheduler", "pool", "spec"]).is_some() && (ctx.origin)(own_spec).is_none() {
        warnings.push(Finding::new(
            own_spec,
            "is ignored, since pool.ref names an external pool; remove one of the two",
        ));
    }
    let group = pools::decide::of_picker(ctx, name);
    Some(ExternalPool { name: name.to_owned(), picker: picker_of(ctx, name, group), group })
}

/// The Service of a pool's picker, which the service's certificate names. A pool of the older group says it elsewhere
/// (L-8).
fn picker_of(ctx: &Context<'_>, pool: &str, group: pools::Group) -> Option<String> {
    let reference = match group {
        pools::Group::V1 => "endpointPickerRef",
        pools::Group::Older => "extensionRef",
    };
    let pool = ctx.inputs.seen.get(&group.key(Ref::new(&ctx.id.namespace, pool))).found()?;
    let picker = tree::text(pool, &["spec", reference, "name"]);
    Some(picker.to_owned()).filter(|picker| !picker.is_empty())
}

impl Context<'_> {
    /// A finding with the config that the value came from.
    pub(crate) fn finding(&self, path: &str, message: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), message: message.into(), origin: (self.origin)(path) }
    }
}
