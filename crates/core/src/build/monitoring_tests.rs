use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::build::argv::Spread;
use crate::labels;
use crate::valid::{Group, PodTemplate, Pods, Position, ValidService};
use crate::validate::routing::fixture::{World, spec};

const KINDS: [Kind; 2] = [Kind::PodMonitor, Kind::ServiceMonitor];

fn valid(world: &mut World, router: Value) -> ValidService {
    let mut svc = world.valid(&spec(router));
    svc.monitors.kinds = KINDS.into();
    svc
}

fn bodies(svc: &ValidService) -> Vec<Value> {
    super::objects(svc).into_iter().map(|object| object.body).collect()
}

fn relabelings(ports: &str) -> Value {
    json!([
        {
            "sourceLabels": ["__meta_kubernetes_pod_container_port_number"],
            "regex": ports,
            "action": "keep",
        },
        {
            "sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"],
            "targetLabel": "llm_isvc_name",
            "action": "replace",
        },
        {
            "sourceLabels": ["__meta_kubernetes_pod_label_llm_d_ai_role"],
            "targetLabel": "llm_isvc_role",
            "action": "replace",
        },
        {
            "sourceLabels": ["__meta_kubernetes_pod_label_pod_template_hash"],
            "regex": "(.+)",
            "targetLabel": "llm_isvc_revision",
            "action": "replace",
        },
        {
            "sourceLabels": ["__meta_kubernetes_pod_label_leaderworkerset_sigs_k8s_io_template_revision_hash"],
            "regex": "(.+)",
            "targetLabel": "llm_isvc_revision",
            "action": "replace",
        },
    ])
}

fn pod_monitor(name: &str, role: &str, endpoint: &Value) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": name, "namespace": "ml", "labels": {
            "app.kubernetes.io/name": "llama",
            "app.kubernetes.io/part-of": "llminferenceservice",
            "app.kubernetes.io/component": "llminferenceservice-workload",
        }},
        "spec": {
            "selector": {"matchLabels": {
                "app.kubernetes.io/name": "llama",
                "app.kubernetes.io/part-of": "llminferenceservice",
                "kserve.io/component": "workload",
                "llm-d.ai/role": role,
            }},
            "podMetricsEndpoints": [endpoint],
        },
    })
}

fn plain(ports: &str) -> Value {
    json!({"path": "/metrics", "interval": "30s", "relabelings": relabelings(ports)})
}

#[test]
fn nothing_is_made_where_nobody_asks() {
    let svc = World::new().valid(&spec(json!({"scheduler": {}})));
    assert_eq!(bodies(&svc), Vec::<Value>::new());
}

#[test]
fn each_role_has_a_monitor_of_the_port_of_its_servers() {
    let mut world = World::new();
    world.prefill = true;
    let mut svc = valid(&mut world, json!({}));
    let Pods::Single(decode) = &mut svc.decode.pods else { panic!("a Deployment") };
    decode.sidecar = true;
    assert_eq!(
        bodies(&svc),
        [
            pod_monitor("llama-kserve-monitor", "decode", &plain("8001")),
            pod_monitor("llama-kserve-prefill-monitor", "prefill", &plain("8000")),
        ]
    );
}

#[test]
fn with_tls_the_authority_of_the_service_is_trusted() {
    // M5: by service, so that services with and without TLS go together.
    let mut world = World::new();
    world.settings.tls = true;
    let mut endpoint = plain("8000");
    endpoint["scheme"] = json!("https");
    endpoint["tlsConfig"] = json!({
        "ca": {"secret": {"name": "llama-kserve-self-signed-certs", "key": "ca.crt"}},
        "serverName": "llama-kserve-workload-svc.ml.svc",
    });
    let svc = valid(&mut world, json!({}));
    assert_eq!(bodies(&svc), [pod_monitor("llama-kserve-monitor", "both", &endpoint)]);
}

#[test]
fn settings_give_interval_and_labels_but_ours_win() {
    let mut svc = valid(&mut World::new(), json!({}));
    svc.monitors.settings.interval = "5s".to_owned();
    svc.monitors.settings.labels = labels::labels([("release", "p"), (labels::NAME, "other")]);
    let mut endpoint = plain("8000");
    endpoint["interval"] = json!("5s");
    let mut expected = pod_monitor("llama-kserve-monitor", "both", &endpoint);
    expected["metadata"]["labels"]["release"] = json!("p");
    assert_eq!(bodies(&svc), [expected]);
}

/// A service with a picker whose container has these ports.
fn with_picker(ports: &Value, pool: Value) -> ValidService {
    let mut svc = valid(&mut World::new(), json!({"scheduler": {}}));
    let scheduler = svc.routing.scheduler.as_mut().unwrap();
    scheduler.pod = json!({"containers": [{"name": "main", "ports": ports}]});
    scheduler.pool = pool;
    svc
}

/// An endpoint of a port that is reached through those that containers declare.
fn moved(declared: &str, port: i64) -> Value {
    let mut endpoint = plain(declared);
    let rule = json!({
        "sourceLabels": ["__address__"],
        "regex": "(.+):[0-9]+",
        "replacement": format!("$1:{port}"),
        "targetLabel": "__address__",
        "action": "replace",
    });
    endpoint["relabelings"].as_array_mut().unwrap().insert(1, rule);
    endpoint
}

#[test]
fn each_rank_of_a_pool_with_several_ports_is_read_whether_it_is_declared_or_not() {
    let svc = with_picker(&json!([]), json!({"targetPorts": [{"number": 8000}, {"number": 8001}]}));
    let mut expected = pod_monitor("llama-kserve-monitor", "both", &moved("8000|8001", 8000));
    expected["spec"]["podMetricsEndpoints"].as_array_mut().unwrap().push(moved("8000|8001", 8001));
    assert_eq!(bodies(&svc), [expected], "and there is no monitor of a picker without a port metrics");
}

#[test]
fn a_pool_of_another_port_is_read_there() {
    let svc = with_picker(&json!([]), json!({"targetPorts": [{"number": 9000}]}));
    let expected = pod_monitor("llama-kserve-monitor", "both", &moved("8000|9000", 9000));
    assert_eq!(bodies(&svc), [expected]);
}

#[test]
fn behind_a_sidecar_the_ports_of_the_pool_are_not_those_of_the_server() {
    let mut svc = with_picker(&json!([]), json!({"targetPorts": [{"number": 8000}, {"number": 8001}]}));
    let Pods::Single(decode) = &mut svc.decode.pods else { panic!("a Deployment") };
    decode.sidecar = true;
    assert_eq!(bodies(&svc), [pod_monitor("llama-kserve-monitor", "both", &plain("8001"))]);
}

/// Labels by which the pods of a group are selected, besides those of every pod that answers.
fn selected(leader: bool, spread: Spread, args: &Value) -> Value {
    let mut svc = valid(&mut World::new(), json!({}));
    let pod = |position, args: &Value| PodTemplate {
        spread: Some(spread),
        ..PodTemplate::bare(position, json!({"containers": [{"name": "main", "args": args}]}))
    };
    let leader = leader.then(|| pod(Position::Leader, &json!([])));
    let group = Group { size: 2, sub_group: None, leader, worker: pod(Position::Worker, args) };
    svc.decode.pods = Pods::Group(Box::new(group));
    let mut selector = bodies(&svc).remove(0)["spec"]["selector"]["matchLabels"].take();
    let expected = pod_monitor("", "both", &json!({}))["spec"]["selector"]["matchLabels"].take();
    selector.as_object_mut().unwrap().retain(|key, value| expected.get(key) != Some(value));
    selector
}

// W-12
#[test]
fn pods_of_a_group_that_have_no_port_are_not_read() {
    let first = json!({"leaderworkerset.sigs.k8s.io/worker-index": "0"});
    let world = Spread::World { nodes: 2 };
    let data = Spread::Data { size: 16, local: 8, port: 5555 };
    let script = json!(["-c", "if [ $LWS_WORKER_INDEX = 0 ]; then serve; else serve --headless; fi"]);
    // A leader has labels that its workers have not.
    assert_eq!(selected(true, world, &json!(["--headless"])), json!({}));
    assert_eq!(selected(true, data, &json!(["--headless"])), json!({}));
    assert_eq!(selected(false, world, &json!(["serve"])), first);
    assert_eq!(selected(false, data, &script), first);
    assert_eq!(selected(false, data, &json!(["serve"])), json!({}), "each pod has servers of its own");
}

#[test]
fn the_picker_has_a_monitor_with_the_token_that_is_named() {
    let mut svc = with_picker(&json!([{"name": "metrics", "containerPort": 9090}]), json!({}));
    let relabelings = json!([
        {
            "sourceLabels": ["__meta_kubernetes_service_label_app_kubernetes_io_name"],
            "targetLabel": "llm_isvc_name",
            "action": "replace",
        },
        {"targetLabel": "llm_isvc_role", "replacement": "scheduler", "action": "replace"},
    ]);
    let labels = json!({
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": "llminferenceservice-router-scheduler",
    });
    let endpoint =
        json!({"port": "metrics", "path": "/metrics", "interval": "30s", "relabelings": relabelings});
    let mut expected = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "llama-epp-monitor", "namespace": "ml", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "endpoints": [endpoint]},
    });
    assert_eq!(bodies(&svc)[1], expected);
    svc.monitors.settings.scheduler_token = Some("reader".to_owned());
    expected["spec"]["endpoints"][0]["authorization"] =
        json!({"type": "Bearer", "credentials": {"name": "reader", "key": "token"}});
    assert_eq!(bodies(&svc)[1], expected);
    svc.monitors.kinds.remove(&Kind::ServiceMonitor);
    assert_eq!(bodies(&svc).len(), 1, "it is not served");
}
