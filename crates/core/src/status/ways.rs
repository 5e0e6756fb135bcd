//! The ways in that a service has: HTTPRoutes and Ingresses, ours and the user's.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::view::{Sight, View};
use crate::build::route;
use crate::facts::{Key, Ref};
use crate::names;
use crate::tree;
use crate::valid::ValidService;
use crate::validate::routing::parent_gateways;

/// One route of the service.
pub(super) struct Route<'a> {
    pub(super) at: Ref,
    pub(super) managed: bool,
    /// It goes on where another route is full, and has no base paths of its own.
    pub(super) further: bool,
    /// Its spec: as it lives, else as it shall be.
    pub(super) spec: Option<&'a Value>,
    pub(super) sight: Sight<'a>,
}

impl Route<'_> {
    pub(super) fn gateways(&self) -> BTreeSet<Ref> {
        self.spec.map(|spec| parent_gateways(spec, &self.at.namespace)).unwrap_or_default()
    }
}

/// One Ingress of the service.
pub(super) struct Ingress<'a> {
    pub(super) at: Ref,
    pub(super) managed: bool,
    pub(super) sight: Sight<'a>,
}

impl<'a> View<'a> {
    pub(super) fn ways_from_decision(&mut self, service: &'a ValidService) {
        let routing = &service.routing;
        if let Some(managed) = &routing.route {
            let parts = if service.adapters.is_empty() { 1 } else { route::routes(service, managed).len() };
            let parts: Vec<_> =
                (0..parts).map(|part| self.managed_route(part, Some(&managed.spec))).collect();
            self.routes.extend(parts);
        }
        let referenced: Vec<_> = routing.route_refs.iter().map(|name| self.referenced_route(name)).collect();
        self.routes.extend(referenced);
        self.ingresses.extend(routing.ingress.as_ref().map(|_| self.managed_ingress()));
        let referenced: Vec<_> = routing.ingress_refs.iter().map(|at| self.referenced_ingress(at)).collect();
        self.ingresses.extend(referenced);
    }

    /// Nothing was decided: those that live, and those that the service itself names.
    pub(super) fn ways_from_live(&mut self) {
        let parts = (0..).take_while(|part| self.live_route(*part).is_some());
        let parts: Vec<_> = parts.map(|part| self.managed_route(part, None)).collect();
        self.routes.extend(parts);
        let named = |of: &[&str]| tree::list(self.input.service, of).iter();
        let routes = named(&["spec", "router", "route", "http", "refs"]).map(|r| tree::text(r, &["name"]));
        let routes: Vec<_> =
            routes.filter(|name| !name.is_empty()).map(|name| self.referenced_route(name)).collect();
        let ingresses = named(&["spec", "router", "ingress", "refs"]).map(|r| self.reference(r));
        let ingresses: Vec<_> = ingresses.map(|at| self.referenced_ingress(&at)).collect();
        self.routes.extend(routes);
        if self.live(Kind::Ingress, &names::ingress(self.name)).is_some() {
            self.ingresses.push(self.managed_ingress());
        } else if self.routes.is_empty() {
            self.ingresses.extend(ingresses);
        }
    }

    fn reference(&self, of: &Value) -> Ref {
        let namespace = Some(tree::text(of, &["namespace"])).filter(|namespace| !namespace.is_empty());
        Ref::new(namespace.unwrap_or(self.namespace), tree::text(of, &["name"]))
    }

    fn live_route(&self, part: usize) -> Option<&'a Value> {
        self.live(Kind::HTTPRoute, &names::route_part(self.name, part))
    }

    fn managed_route(&self, part: usize, desired: Option<&'a Value>) -> Route<'a> {
        let live = self.live_route(part);
        Route {
            at: Ref::new(self.namespace, &names::route_part(self.name, part)),
            managed: true,
            further: part > 0,
            spec: live.and_then(|l| tree::get(l, &["spec"])).or(desired),
            sight: live.map_or(Sight::Absent, Sight::Found),
        }
    }

    fn referenced_route(&self, name: &str) -> Route<'a> {
        let at = Ref::new(self.namespace, name);
        let sight = self.look(&Key::HttpRoute(at.clone()));
        let spec = sight.found().and_then(|r| tree::get(r, &["spec"]));
        Route { at, managed: false, further: false, spec, sight }
    }

    fn managed_ingress(&self) -> Ingress<'a> {
        let at = Ref::new(self.namespace, &names::ingress(self.name));
        let live = self.live(Kind::Ingress, &at.name);
        Ingress { at, managed: true, sight: live.map_or(Sight::Absent, Sight::Found) }
    }

    fn referenced_ingress(&self, at: &Ref) -> Ingress<'a> {
        Ingress { at: at.clone(), managed: false, sight: self.look(&Key::Ingress(at.clone())) }
    }
}
