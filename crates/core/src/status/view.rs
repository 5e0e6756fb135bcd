//! What a service consists of, whether it was decided now or only lives on from an earlier decision.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::StatusInput;
use super::ways::{Ingress, Route};
use crate::facts::{Answer, Key, Ref};
use crate::names;
use crate::pass::{Fault, is_stopped};
use crate::tree;
use crate::valid::{Pods, Role, ValidService, Workload};

/// A service as the status sees it.
pub(super) struct View<'a> {
    pub(super) input: &'a StatusInput<'a>,
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) stopped: bool,
    pub(super) fault: Option<&'a Fault>,
    pub(super) valid: Option<&'a ValidService>,
    /// Deployments and LeaderWorkerSets that there are, or shall be.
    pub(super) parts: Vec<Part>,
    /// Name of the pool, and whether it is ours.
    pub(super) pool: Option<(String, bool)>,
    pub(super) picker: Option<String>,
    /// `gateway.refs`.
    pub(super) gateway_refs: Vec<Ref>,
    pub(super) routes: Vec<Route<'a>>,
    pub(super) ingresses: Vec<Ingress<'a>>,
}

/// A Deployment or LeaderWorkerSet of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Main or decode workload.
    Main,
    /// The same in groups of pods.
    MainGroup,
    /// Prefill workload.
    Prefill,
    /// The same in groups of pods.
    PrefillGroup,
    /// Endpoint picker.
    Scheduler,
    /// Tokenizer.
    Tokenizer,
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Main, Self::MainGroup, Self::Prefill, Self::PrefillGroup, Self::Scheduler, Self::Tokenizer];

    fn of(workload: &Workload) -> Self {
        match (workload.role, &workload.pods) {
            (Role::Both | Role::Decode, Pods::Single(_)) => Self::Main,
            (Role::Both | Role::Decode, Pods::Group(_)) => Self::MainGroup,
            (Role::Prefill, Pods::Single(_)) => Self::Prefill,
            (Role::Prefill, Pods::Group(_)) => Self::PrefillGroup,
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::MainGroup | Self::PrefillGroup => Kind::LeaderWorkerSet,
            Self::Main | Self::Prefill | Self::Scheduler | Self::Tokenizer => Kind::Deployment,
        }
    }

    pub(super) fn name(self, service: &str) -> String {
        match self {
            Self::Main => names::decode(service),
            Self::MainGroup => names::decode_group(service),
            Self::Prefill => names::prefill(service),
            Self::PrefillGroup => names::prefill_group(service),
            Self::Scheduler => names::scheduler(service),
            Self::Tokenizer => names::tokenizer(service),
        }
    }
}

/// What is known about an object.
#[derive(Clone, Copy)]
pub(super) enum Sight<'a> {
    Found(&'a Value),
    Absent,
    Unreadable(&'a str),
    /// Nobody asked before; the question is open now.
    Unasked,
}

impl<'a> Sight<'a> {
    pub(super) fn found(self) -> Option<&'a Value> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn new(input: &'a StatusInput<'a>) -> Self {
        let mut view = Self::bare(input);
        match &input.decision.outcome {
            Ok(desired) => view.fill_from_decision(&desired.service),
            Err(fault) => view.fill_from_live(fault),
        }
        view
    }

    fn bare(input: &'a StatusInput<'a>) -> Self {
        Self {
            input,
            name: tree::text(input.service, &["metadata", "name"]),
            namespace: tree::text(input.service, &["metadata", "namespace"]),
            stopped: is_stopped(input.service),
            fault: None,
            valid: None,
            parts: Vec::new(),
            pool: None,
            picker: None,
            gateway_refs: Vec::new(),
            routes: Vec::new(),
            ingresses: Vec::new(),
        }
    }

    fn fill_from_decision(&mut self, service: &'a ValidService) {
        let routing = &service.routing;
        self.valid = Some(service);
        self.parts.push(Part::of(&service.decode));
        self.parts.extend(service.prefill.as_ref().map(Part::of));
        self.parts.extend(routing.scheduler.as_ref().map(|_| Part::Scheduler));
        self.parts.extend(routing.tokenizer.as_ref().map(|_| Part::Tokenizer));
        self.pool = routing.pool(self.name).map(|name| (name, routing.external_pool.is_none()));
        self.picker = routing.picker_service().map(str::to_owned);
        self.gateway_refs.clone_from(&routing.gateway_refs);
        self.ways_from_decision(service);
    }

    /// Nothing was decided: what lives is what there is. Routes and Gateways of the user are those that the
    /// service itself names.
    fn fill_from_live(&mut self, fault: &'a Fault) {
        self.fault = Some(fault);
        let lives = |part: &Part| self.live(part.kind(), &part.name(self.name)).is_some();
        self.parts = Part::ALL.into_iter().filter(lives).collect();
        self.fill_pool_from_live();
        self.ways_from_live();
    }

    fn fill_pool_from_live(&mut self) {
        let pool = names::inference_pool(self.name);
        let external =
            tree::text(self.input.service, &["spec", "router", "scheduler", "pool", "ref", "name"]);
        let reference =
            [(Kind::InferencePool, "endpointPickerRef"), (Kind::OlderInferencePool, "extensionRef")];
        let live = reference.into_iter().find_map(|(kind, field)| Some((self.live(kind, &pool)?, field)));
        if let Some((live, field)) = live {
            let picker = Some(tree::text(live, &["spec", field, "name"]));
            self.picker = picker.filter(|p| !p.is_empty()).map(str::to_owned);
            self.pool = Some((pool, true));
        } else if !external.is_empty() {
            self.pool = Some((external.to_owned(), false));
        }
    }

    /// The Deployment or LeaderWorkerSet is part of the service.
    pub(super) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// A live child that is not on its way out.
    pub(super) fn live(&self, kind: Kind, name: &str) -> Option<&'a Value> {
        self.input.live.get(&(kind, name.to_owned())).filter(|o| !o.deleting).map(|o| o.body.as_ref())
    }

    /// A child that is on its way out.
    pub(super) fn is_going(&self, kind: Kind, name: &str) -> bool {
        self.input.live.get(&(kind, name.to_owned())).is_some_and(|o| o.deleting)
    }

    /// What the cluster says about a key; an open question is asked.
    pub(super) fn look(&self, key: &Key) -> Sight<'a> {
        let asked = self.input.seen.keys().any(|k| k == key);
        match self.input.seen.get(key) {
            _ if !asked => Sight::Unasked,
            Answer::Found(value) => Sight::Found(value),
            Answer::Absent => Sight::Absent,
            Answer::Unreadable(why) => Sight::Unreadable(why),
        }
    }

    /// Gateways in use: the named ones and the parents of every route.
    pub(super) fn gateways(&self) -> BTreeSet<Ref> {
        self.gateway_refs.iter().cloned().chain(self.routes.iter().flat_map(Route::gateways)).collect()
    }

    /// `namespace/name` of a child.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace)
    }
}
