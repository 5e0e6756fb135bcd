//! The pools of a service: what is read for [`choose`], and what follows for routes, pods and pools.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::answers::{self, Lead};
use super::choice::{Choice, State, Verdict, choose};
use super::{Group, MIGRATED, Pools, REFUSED};
use crate::adopt;
use crate::build::sidecar;
use crate::facts::{Answer, Key, Ref};
use crate::labels::ADOPT;
use crate::object::LiveObject;
use crate::pass::Finding;
use crate::plan::ours;
use crate::pods::is_rolling;
use crate::valid::{Role, Routing};
use crate::validate::Context;
use crate::validate::routing::parent_gateways;
use crate::workloads::{slot, templates};
use crate::{names, tree};

/// A live child of the service that is not on its way out.
fn mine<'a>(ctx: &Context<'a>, kind: Kind, name: &str) -> Option<&'a LiveObject> {
    let uid = ctx.id.uid.as_deref().unwrap_or_default();
    ctx.inputs.live.get(&(kind, name.to_owned())).filter(|child| !child.deleting && ours(kind, child, uid))
}

/// Decides about the pools, and lets the managed route lead to the right ones.
pub fn decide(ctx: &Context<'_>, routing: &mut Routing, warnings: &mut Vec<Finding>) {
    let Some(name) = routing.pool(&ctx.id.name) else { return };
    routing.pools = match &routing.external_pool {
        Some(external) => Pools { group: external.group, readers: external.group, ..Pools::default() },
        None => managed(ctx, routing, &name, warnings),
    };
    let group = routing.pools.group;
    if let Some(route) = &mut routing.route {
        answers::lead_to(&mut route.spec, &name, group);
    }
}

fn managed(ctx: &Context<'_>, routing: &Routing, pool: &str, warnings: &mut Vec<Finding>) -> Pools {
    let live = routing.route.as_ref().and_then(|_| mine(ctx, Kind::HTTPRoute, &names::route(&ctx.id.name)));
    let lead = live.map(|live| Lead::of(&live.body, &ctx.id.namespace, pool));
    let state = state(ctx, routing, live.zip(lead.as_ref()));
    let choice = choose(&state);
    if let Some(lead) = &lead {
        warnings.extend(differing(lead, &state, &choice));
    }
    let readers = readers(ctx, &state.served);
    let made = made(ctx, routing, pool, (&state, &choice, lead.as_ref()));
    warnings.extend(lost_ports(routing, &made));
    warnings.extend(blind_picker(routing, &state.served));
    Pools { group: choice.group, readers, made, migrated: choice.migrated, refused: choice.refused }
}

fn state(ctx: &Context<'_>, routing: &Routing, live: Option<(&LiveObject, &Lead)>) -> State {
    let is_served = |group: &Group| ctx.inputs.cluster.served.contains(&group.kind());
    let mut state = State { served: Group::ALL.into_iter().filter(is_served).collect(), ..State::default() };
    let Some((live, lead)) = live else { return state };
    let gateways = routing.route.as_ref().map(|route| parent_gateways(&route.spec, &ctx.id.namespace));
    state.lead = lead.groups.last().copied();
    state.wished = tree::text(ctx.inputs.service, &["metadata", "annotations", ADOPT]) == "now"
        && adopt::is_taken_over(live);
    let annotations = tree::strings(&live.body, &["metadata", "annotations"]);
    state.migrated = annotations.get(MIGRATED).is_some_and(|v| v == "v1");
    // What the gateways of another time have said tells nothing about those of now.
    if gateways.as_ref() == Some(&lead.gateways) {
        state.refused = remembered(annotations.get(REFUSED).map_or("", String::as_str));
        state.verdict = Verdict::of(lead.known.len(), lead.refused.len());
    }
    state.accepts_v1 = gateways.is_some_and(|gateways| accept_v1(ctx, &gateways));
    state
}

fn remembered(versions: &str) -> BTreeSet<Group> {
    let named = |version: &str| Group::ALL.into_iter().find(|group| group.version() == version);
    versions.split(',').filter_map(named).collect()
}

fn accept_v1(ctx: &Context<'_>, gateways: &BTreeSet<Ref>) -> bool {
    let Some(pool) = mine(ctx, Kind::InferencePool, &names::inference_pool(&ctx.id.name)) else {
        return false;
    };
    let accepted = answers::accepted(&pool.body, &ctx.id.namespace);
    let those = accepted.intersection(gateways).count();
    those * 2 > gateways.len()
}

/// Both groups are served, and one route can lead to one of them only.
fn differing(lead: &Lead, state: &State, choice: &Choice) -> Option<Finding> {
    if lead.refused.is_empty() || state.served.len() < 2 || state.lead != Some(choice.group) {
        return None;
    }
    let list =
        |gateways: &BTreeSet<Ref>| gateways.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (group, refused) = (choice.group.name(), list(&lead.refused));
    let message = if lead.known.is_empty() {
        format!(
            "Gateways {refused} know InferencePools of neither group: turn on the Inference Extension in their \
             controller, or leave spec.router.scheduler out"
        )
    } else {
        format!(
            "Gateways {refused} do not know InferencePools of the group {group}, as {} do, and a route can lead to one \
             group only: turn on the Inference Extension in their controller, or make a service of its own for them",
            list(&lead.known)
        )
    };
    Some(Finding::new("spec.router.route", message))
}

/// v1 wherever it is served: sidecar and picker look it up. The older one while anything leads to it or looks it up.
fn made(
    ctx: &Context<'_>,
    routing: &Routing,
    pool: &str,
    (state, choice, lead): (&State, &Choice, Option<&Lead>),
) -> BTreeSet<Group> {
    let mut made = BTreeSet::from([choice.group]);
    made.extend(state.served.get(&Group::V1));
    let stays = || mine(ctx, Kind::OlderInferencePool, pool).is_some() && is_left(ctx, lead);
    if state.served.contains(&Group::Older)
        && (reads_older(ctx) || leads_of_the_user(ctx, routing, pool) || stays())
    {
        made.insert(Group::Older);
    }
    made
}

/// Somebody may still need the older pool: gateways that have not taken the route to v1 yet, routes of other services,
/// pods that are being replaced.
fn is_left(ctx: &Context<'_>, lead: Option<&Lead>) -> bool {
    let turned = |lead: &Lead| !lead.groups.contains(&Group::Older) && lead.is_settled();
    let shared = !tree::text(ctx.spec, &["router", "route", "group"]).is_empty();
    shared || lead.is_some_and(|lead| !turned(lead)) || workloads(ctx).any(is_rolling)
}

/// A route of the user leads to the older pool.
fn leads_of_the_user(ctx: &Context<'_>, routing: &Routing, pool: &str) -> bool {
    routing.route_refs.iter().any(|name| {
        let route = ctx.inputs.seen.get(&Key::HttpRoute(Ref::new(&ctx.id.namespace, name))).found();
        let spec = route.and_then(|route| tree::get(route, &["spec"]));
        spec.is_some_and(|spec| answers::groups(spec, pool).contains(&Group::Older))
    })
}

/// Sidecars of a former controller, and of ours from before v1 was served, look the older pool up.
fn reads_older(ctx: &Context<'_>) -> bool {
    live_sidecar(ctx).is_some_and(|container| sidecar::reads(container, Group::Older))
}

/// What runs is not restarted because v1 came.
fn readers(ctx: &Context<'_>, served: &BTreeSet<Group>) -> Group {
    let stays = || live_sidecar(ctx).is_some_and(|container| sidecar::was_told(container, Group::Older));
    match (served.contains(&Group::V1), served.contains(&Group::Older)) {
        (false, true) => Group::Older,
        (true, true) if stays() => Group::Older,
        _ => Group::V1,
    }
}

fn live_sidecar<'a>(ctx: &Context<'a>) -> Option<&'a Value> {
    let mut templates = workloads(ctx).flat_map(templates);
    templates.find_map(|t| tree::named(tree::list(t, &["spec", "initContainers"]), sidecar::CONTAINER))
}

fn workloads<'a>(ctx: &Context<'a>) -> impl Iterator<Item = &'a Value> {
    let slots = [false, true].map(|is_group| slot(&ctx.id.name, Role::Decode, is_group));
    let ctx = *ctx;
    slots.into_iter().filter_map(move |(kind, name)| mine(&ctx, kind, &name)).map(|live| live.body.as_ref())
}

fn lost_ports(routing: &Routing, made: &BTreeSet<Group>) -> Option<Finding> {
    let pool = &routing.scheduler.as_ref().filter(|_| made.contains(&Group::Older))?.pool;
    let ports = tree::list(pool, &["targetPorts"]);
    let first = ports.first().and_then(|port| tree::get(port, &["number"]))?;
    let message = format!(
        "has {} ports, and an InferencePool of the group {} takes one: gateways that know no other group use {first} \
         only",
        ports.len(),
        Group::Older.name()
    );
    (ports.len() > 1).then(|| Finding::new("spec.router.scheduler.pool.spec.targetPorts", message))
}

/// The picker of our preset reads v1 pools only.
fn blind_picker(routing: &Routing, served: &BTreeSet<Group>) -> Option<Finding> {
    let ours = routing.scheduler.as_ref().is_some_and(|scheduler| scheduler.composed);
    let message = format!(
        "the endpoint picker of the preset reads InferencePools of the group {} only, which the cluster does not serve: \
         install that CRD, or name an image and a command that read the group {}",
        Group::V1.name(),
        Group::Older.name()
    );
    let blind = ours && *served == BTreeSet::from([Group::Older]);
    blind.then(|| Finding::new("spec.router.scheduler.template", message))
}

/// The group in which an external pool is found: v1 first. While that cannot be read, the live route says how it was.
pub fn found(ctx: &Context<'_>, pool: &str) -> Group {
    let look = |group: Group| {
        let served = ctx.inputs.cluster.served.contains(&group.kind());
        let key = group.key(Ref::new(&ctx.id.namespace, pool));
        if served { ctx.inputs.seen.get(&key) } else { &Answer::Absent }
    };
    for group in Group::ALL {
        match look(group) {
            Answer::Found(_) => return group,
            Answer::Unreadable(_) => return as_it_was(ctx, pool),
            Answer::Absent => {}
        }
    }
    Group::V1
}

fn as_it_was(ctx: &Context<'_>, pool: &str) -> Group {
    let route = mine(ctx, Kind::HTTPRoute, &names::route(&ctx.id.name));
    let lead = route.map(|route| Lead::of(&route.body, &ctx.id.namespace, pool));
    lead.and_then(|lead| lead.groups.last().copied()).unwrap_or_default()
}
