//! What a service publishes after a pass.

use llmisvc_api::conditions::kind;
use llmisvc_kinds::Kind;
use serde_json::Value;

use super::{Backend, Member, Traffic};
use crate::decide::{Decision, Desired};
use crate::names;
use crate::pass::is_stopped;
use crate::tree;

/// Where a service stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It has had no pass that decided anything.
    #[default]
    Unknown,
    /// It is in no group.
    Single,
    /// It is in one.
    Member(Member),
}

impl Standing {
    /// What it has published.
    pub const fn member(&self) -> Option<&Member> {
        match self {
            Self::Member(member) => Some(member),
            Self::Unknown | Self::Single => None,
        }
    }
}

/// Where a service stands after a pass with this decision and status. While nothing is decided it stands as before,
/// and serves as what lives of it does.
pub fn standing(service: &Value, decision: &Decision, status: &Value, former: &Standing) -> Standing {
    let stopped = is_stopped(service);
    let published = match (&decision.outcome, former) {
        (Ok(desired), _) => match &desired.service.routing.traffic {
            None => return Standing::Single,
            Some(traffic) => published(service, desired, traffic, former),
        },
        (Err(_), Standing::Member(member)) => member.clone(),
        // Its children go, whatever is wrong with it.
        (Err(_), Standing::Unknown) if stopped => return Standing::Single,
        (Err(_), other) => return other.clone(),
    };
    let stays = match former {
        Standing::Member(member) => member.routable,
        // After a restart of the operator, the route says what was.
        Standing::Unknown => is_listed(decision, &published.name),
        Standing::Single => false,
    };
    let handing_over = decision.held().is_some_and(|held| !held.reasons().is_empty());
    let routable = !stopped && (serves(status) && (stays || is_taken(status)) || stays && handing_over);
    Standing::Member(Member { stopped, routable, ..published })
}

fn published(service: &Value, desired: &Desired, traffic: &Traffic, former: &Standing) -> Member {
    let name = desired.service.id.name.clone();
    let route_waits = desired.held.has(Kind::HTTPRoute, &names::route(&name));
    let turned_to = if route_waits { before(service, &name, former) } else { None };
    Member {
        group: traffic.group.clone(),
        weight: traffic.weight,
        models: traffic.models.clone(),
        backend: turned_to.unwrap_or_else(|| traffic.backend.clone()),
        name,
        ..Member::default()
    }
}

/// The others turn to another backend when the service's own route does.
fn before(service: &Value, name: &str, former: &Standing) -> Option<Backend> {
    let members = tree::list(service, &["status", "router", "group", "members"]);
    let told = || tree::named(members, name).and_then(|m| m.get("backendRef")).map(Backend::named);
    former.member().map(|member| member.backend.clone()).or_else(told)
}

fn is_listed(decision: &Decision, name: &str) -> bool {
    let traffic = decision.outcome.as_ref().ok().and_then(|d| d.service.routing.traffic.as_ref());
    traffic.is_some_and(|traffic| traffic.listed.iter().any(|listed| listed.name == name))
}

/// Each of its workloads has a pod that is ready.
fn serves(status: &Value) -> bool {
    let part = |key: &str| tree::get(status, &["workloads", key]);
    let is_up =
        |part: &Value| tree::get(part, &["readyReplicas"]).and_then(Value::as_i64).unwrap_or_default() > 0;
    part("primary").is_some() && ["primary", "prefill", "scheduler"].into_iter().filter_map(part).all(is_up)
}

/// No gateway has yet to take its pool.
fn is_taken(status: &Value) -> bool {
    let pool = tree::list(status, &["conditions"]).iter();
    let pool = pool.filter(|c| tree::text(c, &["type"]) == kind::INFERENCE_POOL_READY);
    pool.map(|c| tree::text(c, &["status"])).all(|status| status != "False")
}
