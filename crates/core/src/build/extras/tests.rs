use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::names;
use crate::valid::ValidService;
use crate::validate::routing::fixture::{World, spec};

fn valid(tls: bool, router: Value, kinds: &[Kind]) -> ValidService {
    let mut world = World::new();
    world.settings.tls = tls;
    let mut svc = world.valid(&spec(router));
    svc.routing.extras.kinds = kinds.iter().copied().collect();
    svc
}

fn bodies(svc: &ValidService) -> Vec<Value> {
    super::objects(svc).into_iter().map(|object| object.body).collect()
}

fn body(kind: Kind, target: &str, spec: &Value) -> Value {
    let labels = json!({
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": "llminferenceservice-router",
    });
    json!({
        "apiVersion": kind.served().api_version(),
        "kind": kind.served().kind,
        "metadata": {"name": format!("{target}-extra"), "namespace": "ml", "labels": labels},
        "spec": spec,
    })
}

fn rule(service: &str, policy: &Value) -> Value {
    let host = format!("{service}.ml.svc.cluster.local");
    body(Kind::DestinationRule, service, &json!({"host": host, "trafficPolicy": policy}))
}

fn scheduled() -> Value {
    json!({"scheduler": {}, "route": {}})
}

const SERVERS: &str = "llama-kserve-workload-svc";
/// `printf llama-inference-pool | sha256sum | cut -c1-8`.
const POOL: &str = "llama-inference-pool-ip-189a6b1d";
const PICKER: &str = "llama-epp-service";

#[test]
// G-56
fn istio_is_told_that_the_picker_serves_tls_and_how_long_servers_keep_connections() {
    let idle = json!({"connectionPool": {"http": {"idleTimeout": "4s"}}});
    let unverified = json!({"tls": {"mode": "SIMPLE", "insecureSkipVerify": true}});
    let found = bodies(&valid(false, scheduled(), &[Kind::DestinationRule]));
    assert_eq!(found, [rule(SERVERS, &idle), rule(POOL, &idle), rule(PICKER, &unverified)]);
    let found = bodies(&valid(false, json!({"route": {}}), &[Kind::DestinationRule]));
    assert_eq!(found, [rule(SERVERS, &idle)], "without a picker");
}

#[test]
// G-56
fn with_tls_on_istio_speaks_it_to_everything_and_verifies_what_it_can() {
    let mut svc = valid(true, scheduled(), &[Kind::DestinationRule]);
    let policy = |tls: Value| json!({"connectionPool": {"http": {"idleTimeout": "4s"}}, "tls": tls});
    let unverified = || json!({"mode": "SIMPLE", "insecureSkipVerify": true});
    let expected = [
        rule(SERVERS, &policy(unverified())),
        rule(POOL, &policy(unverified())),
        rule(PICKER, &json!({"tls": unverified()})),
    ];
    assert_eq!(bodies(&svc), expected);
    svc.routing.extras.trust = Some("llama-ca".to_owned());
    let verified = |service: &str| {
        let host = format!("{service}.ml.svc.cluster.local");
        json!({"mode": "SIMPLE", "credentialName": "llama-ca", "subjectAltNames": [host], "sni": host})
    };
    let expected = [
        rule(SERVERS, &policy(verified(SERVERS))),
        rule(POOL, &policy(verified(SERVERS))),
        rule(PICKER, &json!({"tls": verified(PICKER)})),
    ];
    assert_eq!(bodies(&svc), expected);
}

#[test]
fn a_picker_without_tls_needs_no_rule() {
    let mut router = scheduled();
    let args = json!(["--secure-serving=false"]);
    router["scheduler"]["template"]["containers"] = json!([{"name": "main", "args": args}]);
    let names: Vec<String> = super::objects(&valid(false, router, &[Kind::DestinationRule]))
        .into_iter()
        .map(|object| object.name)
        .collect();
    assert_eq!(names, [format!("{SERVERS}-extra"), format!("{POOL}-extra")]);
}

#[test]
fn istios_service_of_a_pool_has_a_name_that_can_be_known() {
    assert_eq!(names::istio_pool_service("llama-inference-pool"), POOL);
    let long = "p".repeat(63);
    let name = names::istio_pool_service(&long);
    assert!(name.len() == 63 && name.starts_with(&"p".repeat(51)) && name.contains("p-ip-"), "{name}");
}

#[test]
fn envoy_gateway_sets_no_limit_and_tries_nothing_twice() {
    let policy = json!({
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "llama-kserve-route"}],
        "mergeType": "StrategicMerge",
        "timeout": {"http": {"requestTimeout": "0s"}},
        "retry": {"numRetries": 0},
    });
    let found = bodies(&valid(false, scheduled(), &[Kind::BackendTrafficPolicy]));
    assert_eq!(found, [body(Kind::BackendTrafficPolicy, "llama-kserve-route", &policy)]);
    let own = json!({"scheduler": {}, "route": {"http": {"refs": [{"name": "mine"}]}}});
    assert_eq!(bodies(&valid(false, own, &[Kind::BackendTrafficPolicy])), [Value::Null; 0]);
}

fn health(target: &Value, config: &Value) -> Value {
    let health = json!({"checkIntervalSec": 2, "timeoutSec": 2, "config": config});
    let name = target["name"].as_str().unwrap();
    body(Kind::HealthCheckPolicy, name, &json!({"targetRef": target, "default": health}))
}

fn time(target: &Value) -> Value {
    let name = target["name"].as_str().unwrap();
    body(Kind::GCPBackendPolicy, name, &json!({"targetRef": target, "default": {"timeoutSec": 3600}}))
}

#[test]
fn gke_asks_for_health_where_vllm_answers_and_waits_for_long_answers() {
    let servers = json!({"group": "", "kind": "Service", "name": SERVERS});
    let pool = json!({"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "llama-inference-pool"});
    for (tls, kind, field) in [(false, "HTTP", "httpHealthCheck"), (true, "HTTPS", "httpsHealthCheck")] {
        let config = |port: i64| json!({"type": kind, field: {"requestPath": "/health", "port": port}});
        let mut router = scheduled();
        router["scheduler"]["pool"] = json!({"spec": {"targetPorts": [{"number": 8080}, {"number": 8081}]}});
        let svc = valid(tls, router, &[Kind::HealthCheckPolicy, Kind::GCPBackendPolicy]);
        let expected =
            [health(&servers, &config(8000)), time(&servers), health(&pool, &config(8080)), time(&pool)];
        assert_eq!(bodies(&svc), expected);
    }
}

#[test]
fn gke_is_told_of_a_pickers_health_port_that_is_not_the_usual_one() {
    let mut router = scheduled();
    let ports =
        json!([{"name": "grpc", "containerPort": 9002}, {"name": "grpc-health", "containerPort": 9004}]);
    router["scheduler"]["template"]["containers"] = json!([{"name": "main", "ports": ports}]);
    let svc = valid(false, router, &[Kind::HealthCheckPolicy]);
    let check = json!({"portSpecification": "USE_FIXED_PORT", "port": 9004});
    let spec = json!({
        "targetRef": {"group": "", "kind": "Service", "name": PICKER},
        "default": {"config": {"type": "GRPC", "grpcHealthCheck": check}},
    });
    let found = bodies(&svc);
    assert_eq!(found.last(), Some(&body(Kind::HealthCheckPolicy, PICKER, &spec)));
}

#[test]
fn nothing_is_made_that_nobody_wants() {
    assert_eq!(bodies(&valid(true, scheduled(), &[])), [Value::Null; 0]);
    let all: BTreeSet<Kind> =
        super::objects(&valid(true, scheduled(), Kind::ALL)).iter().map(|o| o.kind).collect();
    let kinds =
        [Kind::DestinationRule, Kind::BackendTrafficPolicy, Kind::HealthCheckPolicy, Kind::GCPBackendPolicy];
    assert_eq!(all, BTreeSet::from(kinds));
}
