//! `HealthCheckPolicy` and `GCPBackendPolicy` (`reference/llm-d.md §5.2`): GKE asks for `/`, which vLLM does not have,
//! and ends every answer after 30 seconds.

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::extra;
use crate::names;
use crate::object::Object;
use crate::tree;
use crate::valid::{Scheduler, ValidService};

/// Longest time of an answer, in seconds.
const TIMEOUT: i64 = 3600;
/// Port of the picker's health service that GKE asks by itself.
const HEALTH_PORT: i64 = 9003;

/// Policies of everything that the route leads to.
pub(super) fn objects(svc: &ValidService) -> Vec<Object> {
    let servers = names::workload_service(&svc.id.name);
    let mut objects = backend(svc, &target("", "Service", &servers), 8000);
    if let Some(scheduler) = &svc.routing.scheduler {
        let port = tree::list(&scheduler.pool, &["targetPorts"]).first();
        let port = port.and_then(|port| tree::get(port, &["number"])?.as_i64()).unwrap_or(8000);
        let pool =
            target(svc.routing.pools.group.name(), "InferencePool", &names::inference_pool(&svc.id.name));
        objects.extend(backend(svc, &pool, port));
        objects.extend(picker(svc, scheduler));
    }
    objects
}

fn target(group: &str, kind: &str, name: &str) -> Value {
    json!({"group": group, "kind": kind, "name": name})
}

/// Health and time of model servers.
fn backend(svc: &ValidService, target: &Value, port: i64) -> Vec<Object> {
    let (kind, field) = if svc.tls { ("HTTPS", "httpsHealthCheck") } else { ("HTTP", "httpHealthCheck") };
    let config = json!({"type": kind, field: {"requestPath": "/health", "port": port}});
    let health = json!({"checkIntervalSec": 2, "timeoutSec": 2, "config": config});
    let name = tree::text(target, &["name"]);
    let time = json!({"targetRef": target, "default": {"timeoutSec": TIMEOUT}});
    let health = json!({"targetRef": target, "default": health});
    vec![extra(svc, Kind::HealthCheckPolicy, name, &health), extra(svc, Kind::GCPBackendPolicy, name, &time)]
}

fn picker(svc: &ValidService, scheduler: &Scheduler) -> Option<Object> {
    let containers = tree::list(&scheduler.pod, &["containers"]).iter();
    let mut ports = containers.flat_map(|container| tree::list(container, &["ports"]));
    let health = ports.find(|port| tree::text(port, &["name"]) == "grpc-health")?;
    let port = tree::get(health, &["containerPort"])?.as_i64().filter(|port| *port != HEALTH_PORT)?;
    let config =
        json!({"type": "GRPC", "grpcHealthCheck": {"portSpecification": "USE_FIXED_PORT", "port": port}});
    let spec = json!({
        "targetRef": target("", "Service", &scheduler.picker),
        "default": {"config": config},
    });
    Some(extra(svc, Kind::HealthCheckPolicy, &scheduler.picker, &spec))
}
