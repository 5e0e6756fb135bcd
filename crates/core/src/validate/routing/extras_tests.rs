use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::{Choice, Extra, Extras};
use crate::facts::{Answer, Key, Ref};
use crate::labels::{GATEWAY_CA, GATEWAY_EXTRAS, labels};
use crate::validate::routing::fixture::{World, default_gateway, spec};

/// A world whose default Gateway is of this controller.
fn world(controller: &str) -> World {
    let mut world = World::new();
    world.see(Key::Gateway(default_gateway()), json!({"spec": {"gatewayClassName": "class"}}));
    world.see(class(), json!({"spec": {"controllerName": controller}}));
    world
}

fn class() -> Key {
    Key::GatewayClass(Ref::new("", "class"))
}

fn routed() -> Value {
    spec(json!({"scheduler": {}, "route": {}, "gateway": {}}))
}

fn kinds(world: &mut World) -> Vec<Kind> {
    world.validate(&routed()).0.extras.kinds.into_iter().collect()
}

const ISTIO: &str = "istio.io/gateway-controller";
const OF_GKE: [Kind; 2] = [Kind::HealthCheckPolicy, Kind::GCPBackendPolicy];

#[test]
fn gateway_classes_say_what_is_needed() {
    let cases: [(&str, &[Kind]); 6] = [
        (ISTIO, &[Kind::DestinationRule]),
        ("openshift.io/gateway-controller/v1", &[Kind::DestinationRule]),
        ("gateway.envoyproxy.io/gatewayclass-controller", &[Kind::BackendTrafficPolicy]),
        ("networking.gke.io/gateway", &OF_GKE),
        ("agentgateway.dev/agentgateway", &[]),
        ("example.com/unknown", &[]),
    ];
    for (controller, expected) in cases {
        assert_eq!(kinds(&mut world(controller)), expected, "{controller}");
    }
    assert_eq!(kinds(&mut World::new()), [], "no Gateway is known");
}

#[test]
fn a_kind_that_is_not_served_is_left_out() {
    let mut world = world("networking.gke.io/gateway");
    world.cluster.served.remove(&Kind::GCPBackendPolicy);
    assert_eq!(kinds(&mut world), [Kind::HealthCheckPolicy]);
}

#[test]
fn what_is_there_stays_while_nobody_can_tell_whose_gateway_it_is() {
    let rule = |world: &mut World| world.live(Kind::DestinationRule, "llama-epp-service-extra", json!({}));
    let unreadable = || Answer::Unreadable("forbidden".to_owned());
    for key in [Key::Gateway(default_gateway()), class()] {
        for answer in [unreadable(), Answer::Absent] {
            let mut world = world(ISTIO);
            world.seen.insert(key.clone(), answer);
            assert_eq!(kinds(&mut world), [], "{key:?}");
            rule(&mut world);
            assert_eq!(kinds(&mut world), [Kind::DestinationRule], "{key:?}");
        }
    }
    let mut known = world("kgateway.dev/kgateway");
    rule(&mut known);
    assert_eq!(kinds(&mut known), []);
}

#[test]
fn the_annotation_comes_first_and_then_the_settings() {
    let mut world = world(ISTIO);
    world.settings.gateway_extras = Choice::Named(BTreeSet::from([Extra::Gke]));
    assert_eq!(kinds(&mut world), OF_GKE);
    let mut by = |text: &str| {
        world.annotations = labels([(GATEWAY_EXTRAS, text)]);
        kinds(&mut world)
    };
    assert_eq!(by("none"), []);
    assert_eq!(by("auto"), [Kind::DestinationRule]);
    assert_eq!(by("envoy-gateway, istio"), [Kind::DestinationRule, Kind::BackendTrafficPolicy]);
}

#[test]
fn names_that_nobody_knows_and_kinds_that_are_not_served_are_told() {
    let mut world = world(ISTIO);
    world.cluster.served.remove(&Kind::BackendTrafficPolicy);
    world.annotations = labels([(GATEWAY_EXTRAS, "nginx,envoy-gateway,istio")]);
    let (routing, findings, warnings) = world.validate(&routed());
    assert_eq!((routing.extras.kinds, findings), (BTreeSet::from([Kind::DestinationRule]), Vec::new()));
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "metadata.annotations[llmisvc.io/gateway-extras]: no extra is called nginx; write auto, none, or some of \
             istio, envoy-gateway, gke, with commas between them",
            "metadata.annotations[llmisvc.io/gateway-extras]: envoy-gateway is named, and the cluster does not serve \
             BackendTrafficPolicy (gateway.envoyproxy.io/v1alpha1): install the CustomResourceDefinition \
             backendtrafficpolicies.gateway.envoyproxy.io, or leave envoy-gateway out",
        ]
    );
}

#[test]
fn the_secret_with_the_ca_is_named_by_an_annotation() {
    let mut world = world(ISTIO);
    world.annotations = labels([(GATEWAY_CA, "llama-ca")]);
    let expected =
        Extras { kinds: BTreeSet::from([Kind::DestinationRule]), trust: Some("llama-ca".to_owned()) };
    assert_eq!(world.validate(&routed()).0.extras, expected);
}

#[test]
fn a_service_without_a_router_gets_none() {
    let mut world = world(ISTIO);
    world.annotations = labels([(GATEWAY_EXTRAS, "istio")]);
    assert_eq!(world.validate(&json!({})).0.extras, Extras::default());
}
