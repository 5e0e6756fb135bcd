//! Route and gateways (R), traffic splitting (T).

use serde_json::Value;

use super::{Found, Rule};
use crate::v1alpha2::{HttpRoute, NameRef, Route, Router};

const HTTP: &str = "spec.router.route.http";
const GROUP: &str = "spec.router.route.group";

pub(super) fn check(namespace: &str, router: &Router, found: &mut Found) {
    let Some(http) = router.route.as_ref().and_then(|r| r.http.as_ref()) else { return };
    let refs = names(http.refs.as_deref().unwrap_or_default());
    if !refs.is_empty() {
        found.add_if(
            http.spec.is_some(),
            Rule::R1,
            HTTP,
            format!(
                "unsupported configuration: cannot use both custom HTTPRoute refs ({refs}) and a route spec: remove \
                 refs or spec"
            ),
        );
        let managed =
            router.gateway.as_ref().is_some_and(|g| g.refs.as_deref().unwrap_or_default().is_empty());
        found.add_if(
            managed,
            Rule::R2,
            format!("{HTTP}.refs"),
            format!(
                "unsupported configuration: custom HTTPRoute refs ({refs}) cannot be used with a managed gateway: \
                 name the gateways in spec.router.gateway.refs, or remove spec.router.gateway"
            ),
        );
    }
    if let Some((parents, gateways)) = both_parents(namespace, router, http).filter(|(p, g)| p != g) {
        let message = format!(
            "unsupported configuration: the route spec has parentRefs that conflict with custom gateway refs: \
             {} against {}: remove parentRefs, they follow from spec.router.gateway.refs",
            listed(&parents),
            listed(&gateways)
        );
        found.add(Rule::R3, format!("{HTTP}.spec"), message);
    }
}

pub(super) fn warn(namespace: &str, router: &Router, found: &mut Found) {
    let Some(http) = router.route.as_ref().and_then(|r| r.http.as_ref()) else { return };
    if let Some((i, kind)) = other_kind(http).filter(|_| both_parents(namespace, router, http).is_some()) {
        let message = format!("kind is {kind}, and spec.router.gateway.refs puts gateways in its place");
        return found.add(Rule::N10, format!("{HTTP}.spec.parentRefs[{i}]"), message);
    }
    if let Some((parents, _)) = both_parents(namespace, router, http).filter(|(p, g)| p == g) {
        let message = format!(
            "parentRefs can be omitted when spec.router.gateway.refs is set: they follow from it ({})",
            listed(&parents)
        );
        found.add(Rule::W1, format!("{HTTP}.spec.parentRefs"), message);
    }
}

pub(super) fn check_traffic(router: &Router, found: &mut Found) {
    let Some(route) = &router.route else { return };
    let (Some(split), http) = (Split::of(route), route.http.as_ref()) else { return };
    if router.ingress.is_some() {
        let message = "traffic splitting requires Gateway API routing: remove spec.router.ingress";
        return found.add(Rule::T1, GROUP, message);
    }
    match split {
        Split::Weight(weight) => {
            found.add(Rule::T2, GROUP, format!("weight requires group: weight is {weight}, set a group too"));
        }
        Split::Group(group) => {
            let message = format!("group requires weight: group is \"{group}\", set a weight too");
            found.add(Rule::T3, "spec.router.route.weight", message);
        }
        Split::Both(group) => {
            let refs = names(http.and_then(|h| h.refs.as_deref()).unwrap_or_default());
            let message = format!(
                "group \"{group}\" cannot be used with custom HTTPRoute refs ({refs}): remove the refs, the split is \
                 written into our own route"
            );
            found.add_if(!refs.is_empty(), Rule::T4, GROUP, message);
        }
    }
}

enum Split<'a> {
    Weight(i32),
    Group(&'a str),
    Both(&'a str),
}

impl<'a> Split<'a> {
    fn of(route: &'a Route) -> Option<Self> {
        match (route.group.as_deref(), route.weight) {
            (None, None) => None,
            (None, Some(weight)) => Some(Self::Weight(weight)),
            (Some(group), None) => Some(Self::Group(group)),
            (Some(group), Some(_)) => Some(Self::Both(group)),
        }
    }
}

/// Namespace, name and listener.
type Parent<'a> = (&'a str, &'a str, &'a str);

/// The parents that the route spec names and those that the gateway refs name, sorted, where both are given. An
/// absent namespace is that of the service (edge 24).
fn both_parents<'a>(
    namespace: &'a str,
    router: &'a Router,
    http: &'a HttpRoute,
) -> Option<(Vec<Parent<'a>>, Vec<Parent<'a>>)> {
    let or_own = |given: &'a str| if given.is_empty() { namespace } else { given };
    let parent = |p: &'a Value| {
        let text = |key| p.get(key).and_then(Value::as_str).unwrap_or_default();
        (or_own(text("namespace")), text("name"), text("sectionName"))
    };
    let mut parents: Vec<Parent<'_>> = parent_refs(http).iter().map(parent).collect();
    let text = |field: &'a Option<String>| field.as_deref().unwrap_or_default();
    let gateways = router.gateway.as_ref()?.refs.as_ref()?.iter();
    let mut gateways: Vec<Parent<'_>> =
        gateways.map(|g| (or_own(text(&g.namespace)), text(&g.name), text(&g.section_name))).collect();
    parents.sort_unstable();
    gateways.sort_unstable();
    (!parents.is_empty() && !gateways.is_empty()).then_some((parents, gateways))
}

/// The first parent that is no gateway (edge 24).
fn other_kind(http: &HttpRoute) -> Option<(usize, &str)> {
    let kind =
        |parent: &'_ Value| parent.get("kind").and_then(Value::as_str).unwrap_or("Gateway") != "Gateway";
    let (index, parent) = parent_refs(http).iter().enumerate().find(|(_, parent)| kind(parent))?;
    Some((index, parent.get("kind").and_then(Value::as_str)?))
}

fn parent_refs(http: &HttpRoute) -> &[Value] {
    let spec = http.spec.as_ref().and_then(|spec| spec.get("parentRefs"));
    spec.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn listed(parents: &[Parent<'_>]) -> String {
    let one = |(namespace, name, section): &Parent<'_>| match *section {
        "" => format!("{namespace}/{name}"),
        section => format!("{namespace}/{name}#{section}"),
    };
    parents.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn names(refs: &[NameRef]) -> String {
    refs.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ")
}
