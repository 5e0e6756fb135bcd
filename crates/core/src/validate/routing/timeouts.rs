//! Timeouts of the managed route, by what its Gateways can do (`reference/asks.md` E2): `0s`, no limit, where that is
//! taken, and nothing where a timeout would make the Gateway refuse the route.

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::account::live_body;
use super::gateways::{Behind, behind};
use super::{Routing, parent_gateways};
use crate::facts::Ref;
use crate::gateway_class::{Provider, Timeouts};
use crate::names;
use crate::pass::Finding;
use crate::tree;
use crate::validate::Context;

const RULES: &str = "spec.router.route.http.spec.rules";

/// Takes the timeouts out that a Gateway would refuse, and says where long answers are cut all the same and no extra of
/// ours keeps that from happening.
pub(super) fn fit(ctx: &Context<'_>, routing: &mut Routing, warnings: &mut Vec<Finding>) {
    let Some(route) = &routing.route else { return };
    let gateways = parent_gateways(&route.spec, &ctx.id.namespace);
    let known: Vec<(Ref, Option<Provider>)> =
        gateways.into_iter().map(|gateway| (gateway.clone(), provider(ctx, &gateway))).collect();
    let raised = routing.extras.kinds.contains(&Kind::GCPBackendPolicy);
    for (gateway, provider) in &known {
        let cut = provider.filter(|it| !(raised && *it == Provider::Gke)).and_then(Provider::cuts_streams);
        if let Some(why) = cut {
            warnings.push(Finding::new("spec.router.route", format!("Gateway {gateway}: {why}")));
        }
    }
    let takes_none = |provider: &Option<Provider>| match provider {
        Some(provider) => provider.timeouts() == Timeouts::Refused,
        None => live_route_has_none(ctx),
    };
    let refused = known.iter().find(|(_, provider)| takes_none(provider)).map(|(gateway, _)| gateway);
    if let Some((gateway, route)) = refused.zip(routing.route.as_mut()) {
        remove(ctx, gateway, &mut route.spec, warnings);
    }
}

/// The implementation behind a Gateway; none while it cannot be read. A Gateway or a class that is not there is an
/// unknown one (edge 33).
fn provider(ctx: &Context<'_>, gateway: &Ref) -> Option<Provider> {
    match behind(ctx, gateway) {
        Behind::Provider(provider) => Some(provider),
        Behind::Missing => Some(Provider::Unknown),
        Behind::Unreadable => None,
    }
}

/// What cannot be read now was judged before: the live route went without timeouts.
fn live_route_has_none(ctx: &Context<'_>) -> bool {
    let live = live_body(ctx, Kind::HTTPRoute, &names::route(&ctx.id.name));
    live.is_some_and(|live| {
        tree::list(live, &["spec", "rules"]).iter().all(|rule| rule.get("timeouts").is_none())
    })
}

/// No limit goes without saying; a limit that the user wants stays, for the Gateway to refuse.
fn remove(ctx: &Context<'_>, gateway: &Ref, spec: &mut Value, warnings: &mut Vec<Finding>) {
    for (index, rule) in tree::array(spec, "rules").iter_mut().enumerate() {
        let Some(timeouts) = rule.get("timeouts") else { continue };
        if is_no_limit(timeouts) {
            if let Some(rule) = rule.as_object_mut() {
                rule.remove("timeouts");
            }
            continue;
        }
        let message = format!("Gateway {gateway} takes no route with timeouts; remove them");
        warnings.push(ctx.finding(&format!("{RULES}[{index}].timeouts"), message));
    }
}

fn is_no_limit(timeouts: &Value) -> bool {
    let values = timeouts.as_object().into_iter().flat_map(serde_json::Map::values);
    values.filter_map(Value::as_str).all(|value| value.chars().all(|c| !c.is_ascii_digit() || c == '0'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::{Answer, Key};
    use crate::validate::routing::fixture::{World, default_gateway, spec};

    fn class(world: &mut World, controller: &str) {
        world.see(Key::Gateway(default_gateway()), json!({"spec": {"gatewayClassName": "c"}}));
        let class = json!({"spec": {"controllerName": controller}});
        world.see(Key::GatewayClass(Ref::new("", "c")), class);
    }

    /// Rules with timeouts, and warnings.
    fn fitted(world: &mut World, merged: &Value) -> (usize, Vec<String>) {
        let (routing, _, warnings) = world.validate(merged);
        let spec = routing.route.unwrap().spec;
        let rules = tree::list(&spec, &["rules"]).iter().filter(|rule| rule.get("timeouts").is_some());
        (rules.count(), warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn no_limit_is_written_where_it_is_taken() {
        let merged = spec(json!({"scheduler": {}, "route": {}}));
        let cut =
            |why: &str| vec![format!("spec.router.route: Gateway kserve/kserve-ingress-gateway: {why}")];
        for (controller, rules) in
            [("istio.io/gateway-controller", 12), ("example.com/new", 12), ("networking.gke.io/gateway", 0)]
        {
            let mut world = World::new();
            class(&mut world, controller);
            assert_eq!(fitted(&mut world, &merged), (rules, vec![]), "an extra keeps answers from being cut");
            world.cluster.served.clear();
            let why = Provider::of(controller).cuts_streams();
            assert_eq!(
                fitted(&mut world, &merged),
                (rules, why.map(cut).unwrap_or_default()),
                "{controller}"
            );
        }
    }

    #[test]
    // G-33
    fn a_gateway_or_a_class_that_is_missing_fails_nothing() {
        let merged = spec(json!({"route": {}}));
        let mut world = World::new();
        assert_eq!(fitted(&mut world, &merged), (12, vec![]));
        world.see(Key::Gateway(default_gateway()), json!({"spec": {"gatewayClassName": "gone"}}));
        assert_eq!(fitted(&mut world, &merged), (12, vec![]));
        world.see(Key::Gateway(default_gateway()), json!({"spec": {}}));
        assert_eq!(fitted(&mut world, &merged), (12, vec![]));
    }

    #[test]
    fn a_class_that_cannot_be_read_leaves_the_route_as_it_is() {
        let merged = spec(json!({"route": {}}));
        let mut world = World::new();
        class(&mut world, "networking.gke.io/gateway");
        let unreadable = Answer::Unreadable("timeout".to_owned());
        world.seen.insert(Key::GatewayClass(Ref::new("", "c")), unreadable);
        assert_eq!(fitted(&mut world, &merged).0, 12);
        world.live(Kind::HTTPRoute, "llama-kserve-route", json!({"spec": {"rules": [{"name": "a"}]}}));
        assert_eq!(fitted(&mut world, &merged).0, 0);
    }

    #[test]
    fn a_limit_that_the_user_wants_is_left_for_the_gateway_to_refuse() {
        let rules = json!([{"timeouts": {"request": "30s", "backendRequest": "0s"}}, {"timeouts": {"request": "0h0m"}}]);
        let merged = spec(json!({"route": {"http": {"spec": {"rules": rules}}}}));
        let mut world = World::new();
        class(&mut world, "networking.gke.io/gateway");
        let (rules, warnings) = fitted(&mut world, &merged);
        let message = "spec.router.route.http.spec.rules[0].timeouts: Gateway kserve/kserve-ingress-gateway takes no \
                       route with timeouts; remove them";
        assert_eq!((rules, warnings), (1, vec![message.to_owned()]));
    }
}
