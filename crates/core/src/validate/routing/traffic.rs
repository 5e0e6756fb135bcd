//! The service's share of its group's requests (`reference/router.md §12.3`).

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::Routing;
use super::account::live_body;
use crate::facts::{Key, Ref};
use crate::names;
use crate::traffic::{Backend, Me, Members, Traffic, models, rules, split};
use crate::tree;
use crate::validate::{Context, identity};

/// None without a group, or without a route of ours. That group and weight stand together is a rule of the API, here on
/// the merged spec (edge 30).
pub(super) fn traffic(ctx: &Context<'_>, router: &Value, routing: &Routing) -> Option<Traffic> {
    let group = tree::text(router, &["route", "group"]);
    if group.is_empty() || routing.route.is_none() {
        return None;
    }
    let members = Members::of(ctx.inputs.seen.get(&Key::Group(Ref::new(&ctx.id.namespace, group))));
    let live = live_body(ctx, Kind::HTTPRoute, &names::route(&ctx.id.name));
    let listed = live.map(|route| rules::listed(route, ctx.inputs.service, &members)).unwrap_or_default();
    let me = Me {
        name: &ctx.id.name,
        group,
        weight: tree::get(router, &["route", "weight"]).and_then(Value::as_i64).unwrap_or_default(),
        models: models(&identity::model_name(ctx.id, ctx.spec), &adapters(ctx.spec)),
        backend: Backend::of(&ctx.id.name, routing),
    };
    Some(split(me, members, &listed))
}

fn adapters(spec: &Value) -> Vec<String> {
    let adapters = tree::list(spec, &["model", "lora", "adapters"]).iter();
    adapters.map(|a| tree::text(a, &["name"]).to_owned()).filter(|name| !name.is_empty()).collect()
}
