//! The part of a gateway controller, for Gateways that nobody answers for otherwise: those whose name begins with
//! `quiet`. Also that of a controller of Ingresses.

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

const POOLS: &str = "inferencepools.inference.networking.k8s.io";

/// Writes what a controller would: to the Gateways, to the routes on them, and to the pools. What is answered for the
/// current generation stays.
pub fn answer(world: &World<'_>) -> Result<()> {
    let gateways = quiet(world)?;
    for gateway in &gateways {
        write(world, "gateway", gateway, &programmed(gateway))?;
    }
    for route in world.list("httproutes.gateway.networking.k8s.io")? {
        let parents = list(&route, "/spec/parentRefs").iter().filter(|parent| is_quiet(parent));
        let parents: Vec<Value> = parents.map(|parent| accepted(&route, parent)).collect();
        write(world, "httproute", &route, &json!({ "parents": parents }))?;
    }
    for pool in world.list(POOLS)? {
        let parents: Vec<Value> =
            gateways.iter().map(|gateway| accepted(&pool, &parent_of(gateway))).collect();
        write(world, POOLS, &pool, &json!({ "parents": parents }))?;
    }
    for ingress in world.list("ingresses.networking.k8s.io")? {
        write(world, "ingress", &ingress, &json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.8"}]}}))?;
    }
    Ok(())
}

/// The Gateways go, and nobody writes anything any more. An Ingress loses its address.
pub fn go(world: &World<'_>) -> Result<()> {
    for ingress in world.list("ingresses.networking.k8s.io")? {
        write(world, "ingress", &ingress, &json!({"loadBalancer": null}))?;
    }
    for gateway in quiet(world)? {
        let command = ["-n", namespace(&gateway), "delete", "gateway", name(&gateway), "--wait=false"];
        world.cluster().kubectl(&command, None)?;
    }
    Ok(())
}

/// Also those in the second namespace, where there is one.
fn quiet(world: &World<'_>) -> Result<Vec<Value>> {
    let mut gateways = Vec::new();
    for namespace in [world.namespace(), &elsewhere(world)] {
        gateways.extend(world.cluster().list("gateways.gateway.networking.k8s.io", namespace)?);
    }
    gateways.retain(|gateway| is_quiet(&gateway["metadata"]));
    Ok(gateways)
}

/// Name of the namespace that is called `elsewhere` in the inputs.
pub fn elsewhere(world: &World<'_>) -> String {
    format!("{}-2", world.namespace())
}

fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

fn is_quiet(named: &Value) -> bool {
    named["name"].as_str().is_some_and(|name| name.starts_with("quiet"))
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn parent_of(gateway: &Value) -> Value {
    let metadata = &gateway["metadata"];
    json!({
        "group": "gateway.networking.k8s.io", "kind": "Gateway",
        "name": metadata["name"], "namespace": metadata["namespace"],
    })
}

fn conditions(object: &Value, kinds: &[&str]) -> Vec<Value> {
    let condition = |kind: &&str| {
        json!({
            "type": kind, "status": "True", "reason": kind, "message": "",
            "observedGeneration": object["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    kinds.iter().map(condition).collect()
}

fn accepted(object: &Value, parent: &Value) -> Value {
    json!({
        "controllerName": "llmisvc.io/quiet", "parentRef": parent,
        "conditions": conditions(object, &["Accepted", "ResolvedRefs"]),
    })
}

fn programmed(gateway: &Value) -> Value {
    let listener = |listener: &Value| {
        json!({
            "name": listener["name"], "attachedRoutes": 1,
            "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
            "conditions": conditions(gateway, &["Accepted", "Programmed", "ResolvedRefs"]),
        })
    };
    let addresses = match list(gateway, "/spec/addresses") {
        [] => json!([{"type": "IPAddress", "value": "198.51.100.7"}]),
        given => json!(given),
    };
    json!({
        "addresses": addresses, "conditions": conditions(gateway, &["Accepted", "Programmed"]),
        "listeners": list(gateway, "/spec/listeners").iter().map(listener).collect::<Vec<_>>(),
    })
}

fn write(world: &World<'_>, kind: &str, object: &Value, status: &Value) -> Result<()> {
    let fields = status.as_object().context("a status is an object")?;
    let empty = fields.values().all(|value| value.as_array().is_some_and(Vec::is_empty));
    if empty || fields.iter().all(|(key, value)| object["status"][key] == *value) {
        return Ok(());
    }
    let patch = json!({ "status": status }).to_string();
    let at = ["-n", namespace(object), "patch", kind, name(object)];
    let command = [&at[..], &["--subresource=status", "--type=merge", "-p", &patch]].concat();
    world.cluster().kubectl(&command, None).map(drop)
}
