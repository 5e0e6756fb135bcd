//! Which gateway extras a service gets: objects beyond the standard that an implementation of the Gateway API needs
//! (`reference/llm-d.md §5.2`, `reference/router.md §20`, edge 56).
//!
//! By itself the operator goes by the GatewayClasses of the Gateways in use. An annotation on the service, and after it
//! the global ConfigMap, say otherwise.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;

use super::Routing;
use super::gateways::{self, Behind};
use crate::facts::{Key, Ref};
use crate::gateway_class::Provider;
use crate::labels::{GATEWAY_CA, GATEWAY_EXTRAS};
use crate::pass::Finding;
use crate::validate::Context;

/// A named set of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extra {
    /// How Istio, and OpenShift's gateway, connect to what the route leads to.
    Istio,
    /// How Envoy Gateway treats long answers.
    EnvoyGateway,
    /// Health checks and timeouts of GKE.
    Gke,
}

impl Extra {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Istio, Self::EnvoyGateway, Self::Gke];

    /// The name by which it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Istio => "istio",
            Self::EnvoyGateway => "envoy-gateway",
            Self::Gke => "gke",
        }
    }

    /// Kinds of its objects, which belong to no other extra.
    pub const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Istio => &[Kind::DestinationRule],
            Self::EnvoyGateway => &[Kind::BackendTrafficPolicy],
            Self::Gke => &[Kind::HealthCheckPolicy, Kind::GCPBackendPolicy],
        }
    }

    /// What an implementation needs; nothing where the standard is enough.
    pub const fn of(provider: Provider) -> Option<Self> {
        match provider {
            Provider::Istio | Provider::OpenShift => Some(Self::Istio),
            Provider::EnvoyGateway => Some(Self::EnvoyGateway),
            Provider::Gke => Some(Self::Gke),
            _ => None,
        }
    }
}

/// Who decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The GatewayClasses.
    #[default]
    Auto,
    /// Somebody: these and no others.
    Named(BTreeSet<Extra>),
}

impl Choice {
    /// `auto`, `none`, or names with commas between them; and the names that nobody knows.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if matches!(words[..], [] | ["auto"]) {
            return (Self::Auto, Vec::new());
        }
        let known = |word: &str| Extra::ALL.into_iter().find(|extra| extra.name() == word);
        let (named, unknown): (Vec<&str>, Vec<&str>) =
            words.into_iter().filter(|word| *word != "none").partition(|word| known(word).is_some());
        let named = named.into_iter().filter_map(known).collect();
        (Self::Named(named), unknown.into_iter().map(str::to_owned).collect())
    }

    /// What may be written there.
    pub fn possible() -> String {
        let names = Extra::ALL.map(Extra::name).join(", ");
        format!("auto, none, or some of {names}, with commas between them")
    }
}

/// What a service gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Kinds of objects to make, all served.
    pub kinds: BTreeSet<Kind>,
    /// Secret with the service's CA in the Gateway's namespace, by which Istio verifies servers.
    pub trust: Option<String>,
}

/// Decides, and warns about names that nobody knows and about kinds that the cluster does not serve.
pub(super) fn extras(ctx: &Context<'_>, routing: &Routing, warnings: &mut Vec<Finding>) -> Extras {
    let trust = ctx.id.annotations.get(GATEWAY_CA).filter(|name| !name.is_empty()).cloned();
    let own = ctx.id.annotations.get(GATEWAY_EXTRAS);
    let choice = match own {
        Some(text) => read(text, warnings),
        None => ctx.inputs.settings.gateway_extras.clone(),
    };
    let kinds = match choice {
        Choice::Auto => by_gateways(ctx, routing),
        Choice::Named(extras) => {
            let place = if own.is_some() { annotation() } else { "ConfigMap".to_owned() };
            warnings.extend(unserved(ctx, &extras, &place));
            kinds_of(ctx, extras)
        }
    };
    Extras { kinds, trust }
}

fn read(text: &str, warnings: &mut Vec<Finding>) -> Choice {
    let (choice, unknown) = Choice::parse(text);
    if !unknown.is_empty() {
        let message = format!("no extra is called {}; write {}", unknown.join(" or "), Choice::possible());
        warnings.push(Finding::new(annotation(), message));
    }
    choice
}

fn annotation() -> String {
    format!("metadata.annotations[{GATEWAY_EXTRAS}]")
}

/// Kinds that were asked for by name and are not served.
fn unserved(ctx: &Context<'_>, extras: &BTreeSet<Extra>, place: &str) -> Vec<Finding> {
    let wanted = extras.iter().flat_map(|extra| extra.kinds().iter().map(|kind| (extra.name(), *kind)));
    let missing = wanted.filter(|(_, kind)| !ctx.inputs.cluster.served.contains(kind));
    let told = missing.map(|(name, kind)| {
        let served = kind.served();
        let (version, crd) = (served.api_version(), format!("{}.{}", served.plural, served.group));
        let message = format!(
            "gateway extra {name} is named, and the cluster does not serve {kind} ({version}): install the \
             CustomResourceDefinition {crd}, or leave {name} out"
        );
        Finding::new(place, message)
    });
    told.collect()
}

/// Those that are served.
fn kinds_of(ctx: &Context<'_>, extras: impl IntoIterator<Item = Extra>) -> BTreeSet<Kind> {
    let kinds = extras.into_iter().flat_map(|extra| extra.kinds().iter().copied());
    kinds.filter(|kind| ctx.inputs.cluster.served.contains(kind)).collect()
}

/// What the Gateways in use need. While one of them, its class, or a route that may lead to another is not there or
/// can't be read, what is live stays.
fn by_gateways(ctx: &Context<'_>, routing: &Routing) -> BTreeSet<Kind> {
    let behind: Vec<Behind> =
        gateways::in_use(ctx, routing).iter().map(|gateway| gateways::behind(ctx, gateway)).collect();
    let needed = behind.iter().filter_map(|it| match it {
        Behind::Provider(provider) => Extra::of(*provider),
        Behind::Missing | Behind::Unreadable => None,
    });
    let mut kinds = kinds_of(ctx, needed);
    let are_known = behind.iter().all(|it| matches!(it, Behind::Provider(_)));
    if !are_known || !routes_are_known(ctx, routing) {
        let is_live = |kind: &Kind| ctx.inputs.live.keys().any(|(live, _)| live == kind);
        kinds.extend(kinds_of(ctx, Extra::ALL).into_iter().filter(is_live));
    }
    kinds
}

fn routes_are_known(ctx: &Context<'_>, routing: &Routing) -> bool {
    let key = |name: &String| Key::HttpRoute(Ref::new(&ctx.id.namespace, name));
    routing.route_refs.iter().all(|name| ctx.inputs.seen.get(&key(name)).found().is_some())
}

#[cfg(test)]
#[path = "extras_tests.rs"]
mod tests;
