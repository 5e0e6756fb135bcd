//! Validates router, scheduler, pool and route.
//!
//! Gateways, routes and accounts that are missing are no findings: the children are built all the same, and the
//! conditions say what is missing.

mod account;
#[cfg(test)]
pub(crate) mod fixture;
mod gateways;
mod kv_events;
mod picker_config;
mod route;
mod scheduler;
#[cfg(test)]
mod tests;
mod tokenizer;

use llmisvc_kinds::Kind;
use serde_json::Value;

pub use self::account::{Account, NAMESPACE};
pub(crate) use self::gateways::{gateway_of, parent_gateways};
pub(crate) use self::route::has_header;
use crate::facts::{Answer, Key, Ref};
use crate::labels::Labels;
use crate::names;
use crate::pass::Finding;
use crate::tree;
use crate::validate::Context;
use crate::validate::storage::Weights;
use crate::validate::tracing::Tracing;

pub use tokenizer::Tokenizer;

/// API group of the pools that we make and route to.
pub const POOL_GROUP: &str = Kind::InferencePool.served().group;
/// API group of pools that were made for the Inference Extension before its v1.
pub const OLDER_POOL_GROUP: &str = "inference.networking.x-k8s.io";
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
    /// Managed route.
    pub route: Option<Route>,
    /// Names of the user's own routes in the service's namespace.
    pub route_refs: Vec<String>,
    /// Gateways named in `spec.router.gateway.refs`.
    pub gateway_refs: Vec<Ref>,
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

/// What a live scheduler Deployment has that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveScheduler {
    /// Its selector, which is immutable.
    pub selector: Labels,
    /// Configuration flag and text.
    pub config: Option<(String, String)>,
    /// Where that text came from, if we wrote it.
    pub mark: Option<String>,
}

/// Managed route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Spec of the HTTPRoute, complete but for LoRA adapters.
    pub spec: Value,
    /// Header of model-based routing, where that is on.
    pub model_header: Option<String>,
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
    gateways::ask(ctx, &routing);
    warn_about_unsupported(ctx, router, warnings);
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
    Some(ExternalPool { name: name.to_owned(), picker: picker_of(ctx, name) })
}

/// The Service of a pool's picker, which the service's certificate names. A pool of the older group says it elsewhere
/// (L-8).
fn picker_of(ctx: &Context<'_>, pool: &str) -> Option<String> {
    let at = || Ref::new(&ctx.id.namespace, pool);
    let seen = &ctx.inputs.seen;
    let picker = match seen.get(&Key::InferencePool(at())) {
        Answer::Absent => {
            let pool = seen.get(&Key::OlderInferencePool(at())).found()?;
            tree::text(pool, &["spec", "extensionRef", "name"])
        }
        answer => tree::text(answer.found()?, &["spec", "endpointPickerRef", "name"]),
    };
    Some(picker.to_owned()).filter(|picker| !picker.is_empty())
}

/// Fields that the API has and nothing reads are not ignored silently.
fn warn_about_unsupported(ctx: &Context<'_>, router: &Value, warnings: &mut Vec<Finding>) {
    let fields: [(&[&str], &str); 3] = [
        (&["ingress"], "Ingress is not supported; use spec.router.route"),
        (&["route", "group"], "traffic splitting between services is not supported yet"),
        (&["route", "weight"], "traffic splitting between services is not supported yet"),
    ];
    for (path, why) in fields {
        if tree::get(router, path).is_some_and(|v| !v.is_null()) {
            warnings
                .push(ctx.finding(&format!("spec.router.{}", path.join(".")), format!("is ignored: {why}")));
        }
    }
}

impl Context<'_> {
    /// A finding with the config that the value came from.
    pub(crate) fn finding(&self, path: &str, message: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), message: message.into(), origin: (self.origin)(path) }
    }
}
