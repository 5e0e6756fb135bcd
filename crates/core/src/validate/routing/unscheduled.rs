//! Routes that go past the scheduler of their service.

use serde_json::Value;

use super::Routing;
use crate::facts::{Key, Ref};
use crate::pass::Finding;
use crate::tree;
use crate::validate::Context;

/// Says so where no rule of the managed route leads to the pool.
pub(super) fn warn_spec(ctx: &Context<'_>, routing: &Routing, spec: &Value, warnings: &mut Vec<Finding>) {
    warn(ctx, routing, &[spec], "spec.router.route.http.spec.rules", warnings);
}

/// The same for the user's own routes, once all of them are known.
pub(super) fn warn_refs(ctx: &Context<'_>, routing: &Routing, warnings: &mut Vec<Finding>) {
    let key = |name: &String| Key::HttpRoute(Ref::new(&ctx.id.namespace, name));
    let routes = routing.route_refs.iter().map(|name| ctx.inputs.seen.get(&key(name)).found());
    let Some(routes) = routes.collect::<Option<Vec<&Value>>>() else { return };
    let specs: Vec<&Value> = routes.into_iter().filter_map(|route| tree::get(route, &["spec"])).collect();
    warn(ctx, routing, &specs, "spec.router.route.http.refs", warnings);
}

fn warn(ctx: &Context<'_>, routing: &Routing, specs: &[&Value], path: &str, warnings: &mut Vec<Finding>) {
    let Some(pool) = routing.pool(&ctx.id.name) else { return };
    if specs.iter().any(|spec| leads_to(spec, &pool)) {
        return;
    }
    let message = format!(
        "no rule leads to InferencePool {pool}, so requests go past the scheduler; name the pool as a backend, or \
         remove spec.router.scheduler"
    );
    warnings.push(ctx.finding(path, message));
}

fn leads_to(spec: &Value, pool: &str) -> bool {
    let rules = tree::list(spec, &["rules"]).iter();
    let mut backends = rules.flat_map(|rule| tree::list(rule, &["backendRefs"]));
    backends.any(|b| tree::text(b, &["kind"]) == "InferencePool" && tree::text(b, &["name"]) == pool)
}
