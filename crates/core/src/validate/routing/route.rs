//! Completes the managed route (`reference/workloads.md §3.8`, `reference/router.md §6.3`, `§7`).

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::account::live_body;
use super::gateways::in_use;
use super::{GATEWAY_GROUP, POOL_GROUP, Route, Routing, unscheduled};
use crate::facts::{Answer, Key, Ref};
use crate::labels::MODEL_BASED_ROUTING;
use crate::names;
use crate::pass::Finding;
use crate::settings::ModelRouting;
use crate::tree;
use crate::validate::Context;

const PATH: &str = "spec.router.route.http";

/// Fills in `routing.route` or `routing.route_refs`.
pub(super) fn routes(
    ctx: &Context<'_>,
    router: &Value,
    routing: &mut Routing,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) {
    let http = tree::get(router, &["route", "http"]).unwrap_or(&Value::Null);
    let spec = tree::get(http, &["spec"]).filter(|s| s.is_object());
    let refs = tree::list(http, &["refs"]).iter().map(|r| tree::text(r, &["name"]).to_owned());
    routing.route_refs = refs.filter(|name| !name.is_empty()).collect();
    // That refs stand alone, without a spec or a managed gateway, is a rule of the API.
    if !routing.route_refs.is_empty() {
        return unscheduled::warn_refs(ctx, routing, warnings);
    }
    if let Some(spec) = spec {
        let spec = with_gateways(ctx, router, spec.clone(), warnings);
        let spec = with_backends(ctx, routing, spec);
        unscheduled::warn_spec(ctx, routing, &spec, warnings);
        routing.route = Some(Route { spec, model_header: None });
        strip_model_routing(ctx, routing);
    } else if tree::get(router, &["route"]).is_some_and(Value::is_object) {
        let message = "has neither a spec nor refs; the preset config-llm-router-route brings a spec";
        findings.push(ctx.finding(PATH, message));
    }
}

/// `gateway.refs` replace the parents.
fn with_gateways(ctx: &Context<'_>, router: &Value, mut spec: Value, warnings: &mut Vec<Finding>) -> Value {
    let refs = tree::list(router, &["gateway", "refs"]);
    if refs.is_empty() {
        return spec;
    }
    let parents: Vec<Value> = refs.iter().map(parent).collect();
    let path = format!("{PATH}.spec.parentRefs");
    let own = tree::get(&spec, &["parentRefs"]).filter(|_| (ctx.origin)(&path).is_none());
    if own.is_some_and(|own| identities(own) != identities(&json!(parents))) {
        warnings.push(Finding::new(path, "are replaced by spec.router.gateway.refs; remove one of the two"));
    }
    *tree::entry(&mut spec, "parentRefs") = Value::Array(parents);
    spec
}

fn parent(gateway: &Value) -> Value {
    let mut parent = json!({"group": GATEWAY_GROUP, "kind": "Gateway", "name": gateway.get("name")});
    for key in ["namespace", "sectionName"] {
        if let Some(value) = gateway.get(key).filter(|v| v.as_str().is_some_and(|s| !s.is_empty())) {
            *tree::entry(&mut parent, key) = value.clone();
        }
    }
    parent
}

fn identities(parents: &Value) -> BTreeSet<(&str, &str, &str)> {
    let parents = parents.as_array().into_iter().flatten();
    parents
        .map(|p| (tree::text(p, &["namespace"]), tree::text(p, &["name"]), tree::text(p, &["sectionName"])))
        .collect()
}

/// Backends that name the default pool go where the requests can go: to the pool in its v1 group (edges 22 to
/// 24), to the external pool, or to the workload Service.
fn with_backends(ctx: &Context<'_>, routing: &Routing, mut spec: Value) -> Value {
    let default = names::inference_pool(&ctx.id.name);
    let target = match routing.pool(&ctx.id.name) {
        Some(pool) => json!({"group": POOL_GROUP, "name": pool}),
        None => json!({"group": "", "kind": "Service", "name": names::workload_service(&ctx.id.name)}),
    };
    for rule in tree::array(&mut spec, "rules") {
        for backend in rule.get_mut("backendRefs").and_then(Value::as_array_mut).into_iter().flatten() {
            let named = tree::text(backend, &["kind"]) == "InferencePool"
                && tree::text(backend, &["name"]) == default;
            for (key, value) in target.as_object().filter(|_| named).into_iter().flatten() {
                *tree::entry(backend, key) = value.clone();
            }
        }
    }
    spec
}

/// Drops the matches on the model header where model-based routing is off.
fn strip_model_routing(ctx: &Context<'_>, routing: &mut Routing) {
    let header = ctx.inputs.settings.model_header.clone();
    let enabled = model_routing(ctx, routing);
    let Some(route) = routing.route.as_mut().filter(|_| !header.is_empty()) else { return };
    if enabled {
        route.model_header = Some(header);
        return;
    }
    tree::array(&mut route.spec, "rules").retain_mut(|rule| {
        match rule.get_mut("matches").and_then(Value::as_array_mut) {
            // A rule that never had matches takes everything, and stays (edge 25).
            None => true,
            Some(matches) if matches.is_empty() => true,
            Some(matches) => {
                matches.retain(|m| !has_header(m, &header));
                !matches.is_empty()
            }
        }
    });
}

/// A match on the header; names of headers have no case (edge M-1).
pub(crate) fn has_header(rule_match: &Value, header: &str) -> bool {
    tree::list(rule_match, &["headers"]).iter().any(|h| tree::text(h, &["name"]).eq_ignore_ascii_case(header))
}

/// `reference/router.md §7.1`; the default Gateway's annotation counts too (edge 27), and while a Gateway cannot
/// be read the live route says how it was.
fn model_routing(ctx: &Context<'_>, routing: &Routing) -> bool {
    let announced =
        tree::strings(ctx.spec, &["annotations"]).get(MODEL_BASED_ROUTING).is_some_and(|v| v == "true");
    match ctx.inputs.settings.model_routing {
        _ if !announced => false,
        ModelRouting::Disabled => false,
        ModelRouting::Forced => true,
        ModelRouting::Enabled => in_use(ctx, routing).into_iter().all(|gateway| gateway_allows(ctx, gateway)),
    }
}

fn gateway_allows(ctx: &Context<'_>, gateway: Ref) -> bool {
    match ctx.inputs.seen.get(&Key::Gateway(gateway)) {
        Answer::Found(gateway) => tree::strings(gateway, &["metadata", "annotations"])
            .get(MODEL_BASED_ROUTING)
            .is_none_or(|v| v != "false"),
        // One that is gone may come back as it was.
        Answer::Absent | Answer::Unreadable(_) => live_route_has_header(ctx),
    }
}

fn live_route_has_header(ctx: &Context<'_>) -> bool {
    let Some(live) = live_body(ctx, Kind::HTTPRoute, &names::route(&ctx.id.name)) else { return true };
    let mut matches =
        tree::list(live, &["spec", "rules"]).iter().flat_map(|rule| tree::list(rule, &["matches"]));
    matches.any(|m| has_header(m, &ctx.inputs.settings.model_header))
}
