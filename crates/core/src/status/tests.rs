use std::collections::BTreeMap;

use llmisvc_api::v1alpha2::{AppliedConfig, ConfigSource};
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::{Refusal, RefusalReason, StatusInput, status};
use crate::decide::{Decision, Desired};
use crate::facts::{Answer, Key, Ref};
use crate::pass::{Fault, Finding};
use crate::tree;
use crate::validate::routing::fixture::{World, default_gateway, spec};

mod adopted;
mod causes;
mod conditions;
mod groups;
mod namesakes;
mod pools;
mod rollout;
mod scale;
mod scaling;
mod traffic;
mod urls;
mod ways;

const NOW: &str = "2026-01-02T03:04:05Z";
const EARLIER: &str = "2026-01-01T00:00:00Z";

/// A decision on a valid spec.
fn decided(world: &mut World, merged: &Value) -> Decision {
    let mut service = world.valid(merged);
    service.stopped = is_stopped(world);
    Decision {
        applied_configs: vec![AppliedConfig {
            name: "llmisvc-config-llm-template".to_owned(),
            namespace: "kserve".to_owned(),
            source: ConfigSource::Preset,
        }],
        pins: BTreeMap::from([(
            "serving.kserve.io/config-llm-template".to_owned(),
            "llmisvc-config-llm-template".to_owned(),
        )]),
        warnings: Vec::new(),
        outcome: Ok(Desired {
            service,
            objects: Vec::new(),
            held: crate::handover::Held::default(),
            adopted: crate::adopt::Adopted::default(),
        }),
    }
}

fn is_stopped(world: &World) -> bool {
    tree::strings(&world.service, &["metadata", "annotations"]).contains_key(crate::labels::STOP)
}

fn faulty(reason: &'static str) -> Decision {
    let findings = vec![
        Finding::new("spec.model.uri", "is missing; 100% of services need one"),
        Finding::new("spec.x", "y"),
    ];
    Decision {
        applied_configs: Vec::new(),
        pins: BTreeMap::new(),
        warnings: Vec::new(),
        outcome: Err(Fault { reason, findings }),
    }
}

fn report(world: &World, decision: &Decision, refused: &[Refusal]) -> Value {
    status(&StatusInput {
        service: &world.service,
        decision,
        settings: &world.settings,
        cluster: &world.cluster,
        seen: &world.seen,
        live: &world.live,
        refused,
        now: NOW,
    })
}

fn status_of(world: &mut World, merged: &Value) -> Value {
    let decision = decided(world, merged);
    report(world, &decision, &[])
}

/// `Type=Status reason: message` of each condition.
fn lines(status: &Value) -> Vec<String> {
    let line = |c: &Value| {
        let text = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
        let detail = format!(" {}: {}", text("reason"), text("message"));
        format!("{}={}{}", text("type"), text("status"), if detail == " : " { String::new() } else { detail })
    };
    status["conditions"].as_array().unwrap().iter().map(line).collect()
}

/// The line of one condition; empty when it is absent.
fn line(status: &Value, kind: &str) -> String {
    lines(status).into_iter().find(|l| l.starts_with(&format!("{kind}="))).unwrap_or_default()
}

/// A Deployment that is rolled out.
fn deployment(replicas: i64) -> Value {
    json!({
        "metadata": {"generation": 1},
        "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas,
            "conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
            ],
        },
    })
}

fn gateway(programmed: &str) -> Value {
    let http = json!({"name": "http", "port": 80, "protocol": "HTTP"});
    json!({
        "metadata": {"name": "kserve-ingress-gateway", "namespace": "kserve", "generation": 1},
        "spec": {"listeners": [http]},
        "status": {
            "addresses": [{"type": "IPAddress", "value": "203.0.113.1"}],
            "conditions": [{"type": "Programmed", "status": programmed, "reason": programmed, "message": "so says the gateway", "observedGeneration": 1}],
        },
    })
}

/// The condition that a gateway sets on a route or pool.
fn says(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status, "reason": "R", "message": "m", "observedGeneration": 1})
}

fn parent(at: &Ref, conditions: &[Value]) -> Value {
    json!({"parentRef": {"name": at.name, "namespace": at.namespace}, "conditions": conditions})
}

/// Makes the children of `merged` live, with this status of the route's and the pool's parents.
fn bring_to_life(world: &mut World, merged: &Value, parents: &[Value]) {
    for object in world.objects(merged) {
        let mut body = object.body.clone();
        body["metadata"]["generation"] = json!(1);
        if matches!(object.kind, Kind::HTTPRoute | Kind::InferencePool) {
            body["status"] = json!({"parents": parents});
        }
        if object.kind == Kind::Deployment {
            body["metadata"]["generation"] = json!(1);
            body["status"] = deployment(1)["status"].clone();
        }
        world.live(object.kind, &object.name, body);
    }
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
}

fn accepted() -> Vec<Value> {
    vec![parent(&default_gateway(), &[says("Accepted", "True"), says("ResolvedRefs", "True")])]
}

/// A world in which the service with scheduler and route is ready.
fn ready_world(merged: &Value) -> World {
    let mut world = World::new();
    world.see(Key::Gateway(default_gateway()), gateway("True"));
    let service =
        json!({"metadata": {"name": "gw", "namespace": "kserve"}, "spec": {"ports": [{"port": 80}]}});
    world.see(Key::GatewayService(default_gateway()), service);
    bring_to_life(&mut world, merged, &accepted());
    world
}

fn with_route() -> Value {
    spec(json!({"scheduler": {}, "route": {}}))
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    let dependent = ["Ready", "PresetsCombined", "WorkloadsReady", "RouterReady"].contains(&kind);
    let mut condition = json!({"type": kind, "status": status, "lastTransitionTime": NOW});
    let severity = if dependent { "" } else { "Info" };
    for (key, value) in [("reason", reason), ("message", message), ("severity", severity)] {
        if !value.is_empty() {
            condition[key] = json!(value);
        }
    }
    condition
}

fn address(name: &str, url: &str, models: &[&str]) -> Value {
    let group = "gateway.networking.k8s.io";
    let origin =
        json!({"group": group, "kind": "Gateway", "name": "kserve-ingress-gateway", "namespace": "kserve"});
    let models: Vec<Value> = models.iter().map(|name| json!({"name": name})).collect();
    json!({"name": name, "url": url, "models": models, "origin": origin})
}

const SELECTOR: &str = "app.kubernetes.io/component=llminferenceservice-workload,app.kubernetes.io/name=llama,\
                        app.kubernetes.io/part-of=llminferenceservice";

fn workloads() -> Value {
    let deployment = |name: &str, ready: i64| json!({"apiGroup": "apps", "kind": "Deployment", "name": name, "replicas": ready, "readyReplicas": ready});
    json!({
        "primary": deployment("llama-kserve", 2),
        "scheduler": deployment("llama-kserve-router-scheduler", 1),
        "service": {"kind": "Service", "name": "llama-kserve-workload-svc"},
    })
}

fn router() -> Value {
    let group = "gateway.networking.k8s.io";
    let route = json!({"group": group, "kind": "HTTPRoute", "name": "llama-kserve-route", "namespace": "ml"});
    json!({
        "gateways": [{"group": group, "kind": "Gateway", "name": "kserve-ingress-gateway", "namespace": "kserve", "httpRoutes": [route]}],
        "scheduler": {
            "inferencePool": {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "llama-inference-pool", "namespace": "ml"},
            "service": {"group": "", "kind": "Service", "name": "llama-epp-service", "namespace": "ml"},
        },
    })
}

// E-39
#[test]
fn a_ready_service_has_this_status() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    let qualified = "publishers/ml/models/llama-8b";
    let both = [qualified, "llama-8b"];
    let expected = json!({
        "observedGeneration": 1,
        "annotations": {"serving.kserve.io/config-llm-template": "llmisvc-config-llm-template"},
        "appliedConfigs": [{"name": "llmisvc-config-llm-template", "namespace": "kserve", "source": "Preset"}],
        "conditions": [
            condition("GatewaysReady", "True", "", ""),
            condition("HTTPRoutesReady", "True", "", ""),
            condition("InferencePoolReady", "True", "", ""),
            condition("MainWorkloadReady", "True", "", ""),
            condition("PresetsCombined", "True", "", ""),
            condition("Ready", "True", "", ""),
            condition("RouterReady", "True", "", ""),
            condition("SchedulerWorkloadReady", "True", "", ""),
            condition("WorkloadsReady", "True", "", ""),
        ],
        "url": "http://203.0.113.1/ml/llama",
        "addresses": [
            address("gateway-external-model-routing", "http://203.0.113.1/", &[qualified]),
            address("gateway-external", "http://203.0.113.1/ml/llama", &both),
            address("gateway-external", "http://203.0.113.1/publishers/ml/models/llama-8b", &both),
            address("gateway-internal-model-routing", "http://gw.kserve.svc.cluster.local/", &[qualified]),
            address("gateway-internal", "http://gw.kserve.svc.cluster.local/ml/llama", &both),
            address("gateway-internal", "http://gw.kserve.svc.cluster.local/publishers/ml/models/llama-8b", &both),
        ],
        "router": router(),
        "workloads": workloads(),
        "replicas": 2,
        "selector": SELECTOR,
    });
    assert_eq!(status_of(&mut world, &merged), expected);
}

#[test]
fn before_any_child_exists_the_status_is_complete() {
    let merged = with_route();
    let mut world = World::new();
    let not_found =
        "Gateway kserve/kserve-ingress-gateway not found; create it or set spec.router.gateway.refs";
    let created = |what: &str| format!("{what} has not been created yet");
    let main = created("Deployment ml/llama-kserve");
    let mut none = workloads();
    for part in ["primary", "scheduler"] {
        none[part]["readyReplicas"] = json!(0);
        none[part].as_object_mut().unwrap().remove("replicas");
    }
    let expected = json!({
        "observedGeneration": 1,
        "annotations": {"serving.kserve.io/config-llm-template": "llmisvc-config-llm-template"},
        "appliedConfigs": [{"name": "llmisvc-config-llm-template", "namespace": "kserve", "source": "Preset"}],
        "conditions": [
            condition("GatewaysReady", "False", "RefsInvalid", not_found),
            condition("HTTPRoutesReady", "False", "RefsInvalid", not_found),
            condition("InferencePoolReady", "False", "InferencePoolFetchError", &created("InferencePool ml/llama-inference-pool")),
            condition("MainWorkloadReady", "False", "Progressing", &main),
            condition("PresetsCombined", "True", "", ""),
            condition("Ready", "False", "Progressing", &main),
            condition("RouterReady", "False", "RefsInvalid", not_found),
            condition("SchedulerWorkloadReady", "False", "Progressing", &created("Deployment ml/llama-kserve-router-scheduler")),
            condition("WorkloadsReady", "False", "Progressing", &main),
        ],
        "router": router(),
        "workloads": none,
        "replicas": 0,
        "selector": SELECTOR,
    });
    assert_eq!(status_of(&mut world, &merged), expected);
}

// E-35
#[test]
// G-37, G-38
fn a_service_without_a_router_is_reached_directly() {
    let mut world = World::new();
    world.service["status"] = json!({"url": "http://gone.example.com"});
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    let merged = json!({});
    let mut reached = workloads();
    reached.as_object_mut().unwrap().remove("scheduler");
    let expected = json!({
        "observedGeneration": 1,
        "annotations": {"serving.kserve.io/config-llm-template": "llmisvc-config-llm-template"},
        "appliedConfigs": [{"name": "llmisvc-config-llm-template", "namespace": "kserve", "source": "Preset"}],
        "conditions": [
            condition("MainWorkloadReady", "True", "", ""),
            condition("PresetsCombined", "True", "", ""),
            condition("Ready", "True", "", ""),
            condition("RouterReady", "True", "", ""),
            condition("WorkloadsReady", "True", "", ""),
        ],
        "url": "http://llama-kserve-workload-svc.ml.svc.cluster.local:8000",
        "addresses": [{
            "name": "internal",
            "url": "http://llama-kserve-workload-svc.ml.svc.cluster.local:8000",
            "models": [{"name": "publishers/ml/models/llama-8b"}, {"name": "llama-8b"}],
        }],
        "workloads": reached,
        "replicas": 2,
        "selector": SELECTOR,
    });
    assert_eq!(status_of(&mut world, &merged), expected);
}

// E-35, E-36, G-45
#[test]
// G-37, G-45
fn a_stopped_service_has_conditions_for_what_it_consists_of() {
    let merged = spec(json!({"route": {}}));
    let mut world = ready_world(&merged);
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "True"});
    world.service["status"] = json!({"url": "http://203.0.113.1/ml/llama"});
    let stopped = |kind| condition(kind, "False", "Stopped", "Service is stopped");
    let expected = json!({
        "observedGeneration": 1,
        "annotations": {"serving.kserve.io/config-llm-template": "llmisvc-config-llm-template"},
        "appliedConfigs": [{"name": "llmisvc-config-llm-template", "namespace": "kserve", "source": "Preset"}],
        "conditions": [
            stopped("GatewaysReady"),
            stopped("HTTPRoutesReady"),
            stopped("MainWorkloadReady"),
            condition("PresetsCombined", "True", "", ""),
            stopped("Ready"),
            stopped("RouterReady"),
            stopped("WorkloadsReady"),
        ],
        "replicas": 2,
        "selector": SELECTOR,
    });
    assert_eq!(status_of(&mut world, &merged), expected);
}
