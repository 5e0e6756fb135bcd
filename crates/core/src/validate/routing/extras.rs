//! Which gateway extras a service gets: objects beyond the standard that an implementation of the Gateway API needs
//! (`reference/llm-d.md §5.2`, `reference/router.md §20`, edge 56).
//!
//! By itself the operator goes by the GatewayClasses of the Gateways in use. An annotation on the service, and after it
//! the global ConfigMap, say otherwise.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::{Routing, gateways};
use crate::facts::{Answer, Key, Ref};
use crate::gateway_class::Provider;
use crate::labels::{GATEWAY_CA, GATEWAY_EXTRAS};
use crate::pass::Finding;
use crate::tree;
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
    let choice = match ctx.id.annotations.get(GATEWAY_EXTRAS) {
        Some(text) => read(text, warnings),
        None => ctx.inputs.settings.gateway_extras.clone(),
    };
    let kinds = match choice {
        Choice::Auto => by_gateways(ctx, routing),
        Choice::Named(extras) => named(ctx, &extras, warnings),
    };
    Extras { kinds, trust }
}

fn read(text: &str, warnings: &mut Vec<Finding>) -> Choice {
    let (choice, unknown) = Choice::parse(text);
    if !unknown.is_empty() {
        let message = format!("no extra is called {}; write {}", unknown.join(" or "), Choice::possible());
        warnings.push(Finding::new(format!("metadata.annotations[{GATEWAY_EXTRAS}]"), message));
    }
    choice
}

fn named(ctx: &Context<'_>, extras: &BTreeSet<Extra>, warnings: &mut Vec<Finding>) -> BTreeSet<Kind> {
    let wanted = || extras.iter().flat_map(|extra| extra.kinds().iter().map(move |kind| (*extra, *kind)));
    for (extra, kind) in wanted().filter(|(_, kind)| !is_served(ctx, *kind)) {
        let (name, served) = (extra.name(), kind.served());
        let message = format!(
            "{name} is named, and the cluster does not serve {kind} ({}): install the CustomResourceDefinition \
             {}.{}, or leave {name} out",
            served.api_version(),
            served.plural,
            served.group
        );
        warnings.push(Finding::new(format!("metadata.annotations[{GATEWAY_EXTRAS}]"), message));
    }
    wanted().map(|(_, kind)| kind).filter(|kind| is_served(ctx, *kind)).collect()
}

fn is_served(ctx: &Context<'_>, kind: Kind) -> bool {
    ctx.inputs.cluster.served.contains(&kind)
}

/// What the Gateways in use need. While one of them or its class is not there or can't be read, what is live stays.
fn by_gateways(ctx: &Context<'_>, routing: &Routing) -> BTreeSet<Kind> {
    let providers: Vec<Option<Provider>> =
        gateways::in_use(ctx, routing).iter().map(|gateway| provider(ctx, gateway)).collect();
    let known = providers.iter().flatten().filter_map(|provider| Extra::of(*provider));
    let mut kinds: BTreeSet<Kind> = known.flat_map(|extra| extra.kinds().iter().copied()).collect();
    if providers.contains(&None) {
        let all = Extra::ALL.iter().flat_map(|extra| extra.kinds().iter().copied());
        kinds.extend(all.filter(|kind| ctx.inputs.live.keys().any(|(live, _)| live == kind)));
    }
    kinds.retain(|kind| is_served(ctx, *kind));
    kinds
}

/// The implementation behind a Gateway; none while nobody can tell.
fn provider(ctx: &Context<'_>, gateway: &Ref) -> Option<Provider> {
    let seen = &ctx.inputs.seen;
    let class = match seen.get(&Key::Gateway(gateway.clone())) {
        Answer::Found(gateway) => tree::text(gateway, &["spec", "gatewayClassName"]).to_owned(),
        _ => return None,
    };
    let class: &Value = match class.as_str() {
        "" => return None,
        name => seen.get(&Key::GatewayClass(Ref::new("", name))).found()?,
    };
    Some(Provider::of(tree::text(class, &["spec", "controllerName"])))
}

#[cfg(test)]
#[path = "extras_tests.rs"]
mod tests;
