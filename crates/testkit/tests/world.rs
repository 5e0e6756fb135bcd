//! The local cluster plays its part without our operator: pods run, gateways and routes are accepted.

use std::time::Duration;

use anyhow::Result;
use llmisvc_testkit::world::has_condition;
use llmisvc_testkit::{Cluster, World};
use serde_json::{Value, json};

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: model}
spec:
  replicas: 2
  selector: {matchLabels: {app: model}}
  template:
    metadata: {labels: {app: model}}
    spec:
      nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}
      initContainers:
      - {name: storage-initializer, image: storage-initializer}
      - name: llm-d-routing-sidecar
        image: sidecar
        restartPolicy: Always
        ports: [{containerPort: 8000}]
        readinessProbe: {grpc: {port: 8000}}
      containers:
      - name: main
        image: vllm
        resources: {limits: {nvidia.com/gpu: "2"}}
        readinessProbe: {httpGet: {path: /health, port: 8001, scheme: HTTPS}}
"#;

fn route(hostname: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: model}}\nspec:\n  \
         hostnames: [{hostname}]\n  parentRefs: [{{name: kserve-ingress-gateway, namespace: kserve}}]\n  \
         rules: [{{backendRefs: [{{name: model, port: 80}}]}}]\n"
    )
}

/// The generations that the parents' conditions speak of.
fn accepted(route: &Value) -> Vec<(i64, String)> {
    let parents = route.pointer("/status/parents").and_then(Value::as_array).into_iter().flatten();
    let conditions = parents.filter_map(|parent| parent.get("conditions")?.as_array()).flatten();
    let generation = |it: &Value| it["observedGeneration"].as_i64().unwrap_or_default();
    conditions
        .filter(|it| it["status"] == "True")
        .map(|it| (generation(it), it["type"].to_string()))
        .collect()
}

#[test]
fn a_deployment_with_a_native_sidecar_and_gpus_becomes_ready() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(DEPLOYMENT)?;
    world.until_condition("deployment", "model", "Available", "True")?;
    let ready = |it: Option<&Value>| it.is_some_and(|it| it["status"]["readyReplicas"] == 2);
    world.until("deployment", "model", "two ready replicas", ready, Duration::from_secs(30))?;
    for pod in world.list("pods")? {
        assert!(has_condition(&pod, "Ready", "True"), "{pod:#}");
        assert!(pod["spec"]["nodeName"].as_str().unwrap_or_default().starts_with("gpu-h100-"), "{pod:#}");
        assert_eq!(pod["status"]["initContainerStatuses"][1]["started"], json!(true));
    }
    Ok(())
}

#[test]
fn a_pod_that_asks_for_a_resource_no_node_has_stays_pending() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(
        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: main, image: i, \
         resources: {limits: {example.com/gpu: 1}}}]}}",
    )?;
    world.until_condition("pod", "p", "PodScheduled", "False")?;
    Ok(())
}

#[test]
fn the_gateway_has_an_address_and_is_programmed() -> Result<()> {
    let gateway = Cluster::shared()?.get("gateway", "kserve", "kserve-ingress-gateway")?.unwrap_or_default();
    assert_eq!(gateway["status"]["addresses"][0]["value"], "203.0.113.1");
    assert!(has_condition(&gateway, "Programmed", "True"), "{gateway:#}");
    Ok(())
}

#[test]
fn a_route_gets_its_parents_and_again_after_a_change() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    for (generation, hostname) in [(1, "a.example.com"), (2, "b.example.com")] {
        world.apply(&route(hostname))?;
        let both = vec![(generation, "\"Accepted\"".to_owned()), (generation, "\"ResolvedRefs\"".to_owned())];
        let current = |it: Option<&Value>| it.is_some_and(|it| accepted(it) == both);
        world.until(
            "httproute",
            "model",
            "parents accept this generation",
            current,
            Duration::from_secs(30),
        )?;
    }
    Ok(())
}

#[test]
fn a_pool_is_accepted_by_the_default_gateway() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(
        "{apiVersion: inference.networking.k8s.io/v1, kind: InferencePool, metadata: {name: pool}, spec: \
         {selector: {matchLabels: {app: model}}, targetPorts: [{number: 8000}], \
         endpointPickerRef: {name: epp, port: {number: 9002}}}}",
    )?;
    let by_gateway = |it: Option<&Value>| {
        it.is_some_and(|it| it["status"]["parents"][0]["parentRef"]["name"] == "kserve-ingress-gateway")
    };
    world.until("inferencepool", "pool", "a parent", by_gateway, Duration::from_secs(30))?;
    Ok(())
}

#[test]
fn a_wait_in_vain_says_what_it_saw_and_leaves_evidence() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: seen}, data: {a: b}}")?;
    let never = world.until("configmap", "seen", "turns blue", |_| false, Duration::from_millis(300));
    let message = format!("{:#}", never.expect_err("the condition never holds"));
    assert!(message.contains("turns blue: not within 300ms") && message.contains("a: b"), "{message}");
    let evidence =
        llmisvc_testkit::paths::evidence().join("a_wait_in_vain_says_what_it_saw_and_leaves_evidence");
    assert!(std::fs::read_to_string(evidence.join("configmaps.yaml"))?.contains("name: seen"));
    Ok(())
}

#[test]
fn waiting_sees_an_object_come_and_go() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    // The controller manager makes it in every namespace, some time after the namespace.
    let there = |it: Option<&Value>| it.is_some();
    world.until("configmap", "kube-root-ca.crt", "comes", there, Duration::from_secs(30))?;
    world.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: short, finalizers: [example.com/wait]}}",
    )?;
    world.delete("configmap", "short")?;
    world.patch("configmap", "short", "merge", r#"{"metadata": {"finalizers": null}}"#)?;
    world.until("configmap", "short", "goes", |it| it.is_none(), Duration::from_secs(30))?;
    Ok(())
}
