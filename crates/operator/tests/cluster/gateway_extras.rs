//! Gateway extras against the CRDs of Istio and Envoy Gateway. Those of GKE are in no module; a schema that takes
//! anything stands in for them.

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::PATIENCE;

const KINDS: &str = "destinationrules.networking.istio.io,backendtrafficpolicies.gateway.envoyproxy.io,\
     healthcheckpolicies.networking.gke.io,gcpbackendpolicies.networking.gke.io";
const ISTIO: [&str; 3] = [
    "DestinationRule m-epp-service-extra",
    "DestinationRule m-inference-pool-ip-dccfb228-extra",
    "DestinationRule m-kserve-workload-svc-extra",
];
const OTHERS: [&str; 5] = [
    "BackendTrafficPolicy m-kserve-route-extra",
    "GCPBackendPolicy m-inference-pool-extra",
    "GCPBackendPolicy m-kserve-workload-svc-extra",
    "HealthCheckPolicy m-inference-pool-extra",
    "HealthCheckPolicy m-kserve-workload-svc-extra",
];

fn stand_in(kind: &str, plural: &str) -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version =
        json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": anything}});
    let names = json!({"kind": kind, "plural": plural, "singular": kind.to_lowercase()});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.networking.gke.io")},
        "spec": {"group": "networking.gke.io", "names": names, "scope": "Namespaced", "versions": [version]},
    })
}

fn install(world: &World<'_>) -> Result<()> {
    world.cluster().add_gateway_kinds()?;
    for (kind, plural) in
        [("HealthCheckPolicy", "healthcheckpolicies"), ("GCPBackendPolicy", "gcpbackendpolicies")]
    {
        world.cluster().kubectl(&["apply", "-f", "-"], Some(&stand_in(kind, plural).to_string()))?;
    }
    world.cluster().kubectl(&["wait", "crd", "--all", "--for=condition=Established"], None).map(drop)
}

/// A Gateway of Istio, so that its class has a name of its own.
fn gateway(world: &World<'_>) -> String {
    let class = world.namespace();
    let listener = json!({"name": "http", "port": 80, "protocol": "HTTP"});
    let items = json!([
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": class},
         "spec": {"controllerName": "istio.io/gateway-controller"}},
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw"},
         "spec": {"gatewayClassName": class, "listeners": [listener]}},
    ]);
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn service() -> String {
    let gateway = json!({"refs": [{"name": "gw"}]});
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": "m"},
        "spec": {
            "model": {"uri": "hf://org/m"},
            "router": {"route": {}, "gateway": gateway, "scheduler": {}},
        },
    })
    .to_string()
}

fn extras(world: &World<'_>) -> Result<Vec<Value>> {
    let text = world.kubectl(&["get", KINDS, "-l", "app.kubernetes.io/name=m", "-o", "json"], None)?;
    let mut list: Value = serde_json::from_str(&text).context("kubectl get")?;
    Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn names(objects: &[Value]) -> Vec<String> {
    let text = |it: &Value, pointer: &str| {
        it.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let name = |it: &Value| format!("{} {}", text(it, "/kind"), text(it, "/metadata/name"));
    let mut names: Vec<String> = objects.iter().map(name).collect();
    names.sort();
    names
}

fn until_there_are(world: &World<'_>, expected: &[&str]) -> Result<Vec<Value>> {
    let same = || Ok(Some(extras(world)?).filter(|found| names(found) == expected));
    let found = world.eventually(&format!("{expected:?}"), PATIENCE, same);
    found.with_context(|| format!("there is {:?}", extras(world).map(|it| names(&it))))
}

fn wanted(world: &World<'_>, value: &str) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {"llmisvc.io/gateway-extras": value}}});
    world.patch("llmisvc", "m", "merge", &patch.to_string())
}

// G-56, G-24
#[test]
fn extras_follow_gateway_class_and_annotation() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&gateway(&world))?;
    world.apply(&service())?;
    let outcome = through_all(&world);
    world.cluster().kubectl(&["delete", "gatewayclass", world.namespace(), "--ignore-not-found"], None)?;
    outcome
}

fn through_all(world: &World<'_>) -> Result<()> {
    world.until_condition("llmisvc", "m", "MainWorkloadReady", "True")?;
    install(world)?;
    let rules = until_there_are(world, &ISTIO)?;
    let picker = rules.iter().find(|it| it["metadata"]["name"] == "m-epp-service-extra").context("a rule")?;
    let expected = json!({
        "host": format!("m-epp-service.{}.svc.cluster.local", world.namespace()),
        "trafficPolicy": {"tls": {"mode": "SIMPLE", "insecureSkipVerify": true}},
    });
    assert_eq!(picker["spec"], expected);
    wanted(world, "none")?;
    until_there_are(world, &[])?;
    wanted(world, "gke, envoy-gateway")?;
    let others = until_there_are(world, &OTHERS)?;
    assert_eq!(others.iter().filter(|it| it["metadata"]["ownerReferences"][0]["name"] == "m").count(), 5);
    wanted(world, "auto")?;
    until_there_are(world, &ISTIO)?;
    // Nobody can tell any more whose Gateway it is: what is there stays.
    world.cluster().kubectl(&["delete", "gatewayclass", world.namespace()], None)?;
    let touched = json!({"metadata": {"labels": {"touched": "yes"}}});
    world.patch("llmisvc", "m", "merge", &touched.to_string())?;
    world.until_quiet(std::time::Duration::from_secs(1), PATIENCE)?;
    until_there_are(world, &ISTIO).map(drop)
}
