use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::build::scheduler_config::{MARK, Topology, default_text, parse};
use crate::validate::routing::fixture::{SCHEDULER, World, preset, spec};

fn args(world: &mut World, merged: &Value) -> Vec<String> {
    let deployment = world.object(merged, Kind::Deployment);
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    args.iter().map(|a| a.as_str().unwrap().to_owned()).collect()
}

fn text(prefill: bool, lora: bool, tls: bool) -> String {
    default_text(Topology { prefill, lora, tls, holds: false })
}

#[test]
fn the_whole_set_stands_in_apply_order() {
    let objects = World::new().objects(&spec(json!({"scheduler": {}, "route": {}})));
    let names: Vec<String> = objects.iter().map(|o| format!("{} {}", o.kind, o.name)).collect();
    let expected = [
        "ServiceAccount llama-epp-sa",
        "Role llama-epp-role",
        "RoleBinding llama-epp-rb",
        "ClusterRoleBinding ml-llama-epp-auth-rb",
        "Service llama-epp-service",
        "InferencePool llama-inference-pool",
        "Deployment llama-kserve-router-scheduler",
        "HTTPRoute llama-kserve-route",
    ];
    assert_eq!(names, expected);
    assert!(objects.iter().map(|o| o.kind).is_sorted());
}

#[test]
fn a_stopped_service_has_no_objects() {
    let mut svc = World::new().valid(&spec(json!({"scheduler": {}, "route": {}})));
    svc.stopped = true;
    assert_eq!(super::objects(&svc), []);
}

#[test]
// G-50, G-20, W-20: no argument is empty, and labels of the user are no part of the selector
fn scheduler_deployment_is_the_preset_with_its_configuration() {
    let deployment =
        World::new().object(&spec(json!({"scheduler": {"labels": {"team": "a"}}})), Kind::Deployment);
    let base = json!({
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": "llminferenceservice-router-scheduler",
    });
    let mut own = base.clone();
    own["team"] = json!("a");
    let mut pod = preset(SCHEDULER)["spec"]["router"]["scheduler"]["template"].clone();
    pod["serviceAccountName"] = json!("llama-epp-sa");
    pod["containers"][0]["args"] = json!(["--config-text", text(false, false, false)]);
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "llama-kserve-router-scheduler", "namespace": "ml", "labels": own, "annotations": {MARK: "default"}},
        "spec": {
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": base},
            "template": {"metadata": {"labels": own, "annotations": {"app.kubernetes.io/version": "0.10.0"}}, "spec": pod},
        },
    });
    assert_eq!(deployment, expected);
    let command = deployment["spec"]["template"]["spec"]["containers"][0]["command"].as_array().unwrap();
    assert!(command.iter().all(|c| c != ""));
}

// E-51
#[test]
fn names_on_the_command_line_exist() {
    let objects = World::new().objects(&spec(json!({"scheduler": {}})));
    let body = |kind| objects.iter().find(|o| o.kind == kind).unwrap().body.clone();
    let main = body(Kind::Deployment)["spec"]["template"]["spec"]["containers"][0].clone();
    let command: Vec<&str> =
        main["command"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let after = |flag: &str| command[command.iter().position(|c| *c == flag).unwrap() + 1];
    assert_eq!(body(Kind::InferencePool)["metadata"]["name"], after("--pool-name"));
    assert_eq!(body(Kind::InferencePool)["metadata"]["namespace"], after("--pool-namespace"));
    let port = |name: &str| {
        main["ports"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap()["containerPort"]
            .to_string()
    };
    assert_eq!(
        (port("grpc"), port("grpc-health")),
        (after("--grpc-port").to_owned(), after("--grpc-health-port").to_owned())
    );
    let picker = &body(Kind::InferencePool)["spec"]["endpointPickerRef"];
    assert_eq!(
        (&picker["name"], picker["port"]["number"].to_string()),
        (&body(Kind::Service)["metadata"]["name"], port("grpc"))
    );
}

#[test]
fn picker_service_exposes_the_named_ports_by_name() {
    let service = World::new().object(&spec(json!({"scheduler": {}})), Kind::Service);
    let port = |name: &str, number: i64| json!({"name": name, "port": number, "targetPort": name, "protocol": "TCP"});
    let expected = [port("grpc", 9002), port("grpc-health", 9003), port("metrics", 9090), port("zmq", 5557)];
    assert_eq!(service["spec"]["ports"], json!(expected));
    assert_eq!(service["spec"]["selector"], service["metadata"]["labels"]);
}

#[test]
// G-9
fn cluster_binding_says_whose_it_is() {
    let binding = World::new().object(&spec(json!({"scheduler": {}})), Kind::ClusterRoleBinding);
    let expected = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "ml-llama-epp-auth-rb", "labels": {
            "app.kubernetes.io/name": "llama",
            "app.kubernetes.io/part-of": "llminferenceservice",
            "app.kubernetes.io/component": "llminferenceservice-router-scheduler",
            "llmisvc.io/namespace": "ml",
        }},
        "subjects": [{"kind": "ServiceAccount", "name": "llama-epp-sa", "namespace": "ml"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
    });
    assert_eq!(binding, expected);
}

#[test]
fn tls_flags_are_added_to_our_command_only() {
    let mut world = World::new();
    world.settings.tls = true;
    let flags = [
        "--enable-cert-reload=true",
        "--secure-serving=true",
        "--cert-path=/var/run/kserve/tls",
        "--config-text",
    ];
    let ours = args(&mut world, &spec(json!({"scheduler": {}})));
    assert_eq!(ours[..4], flags);
    assert_eq!(ours[4], text(false, false, true));
    let mut foreign = spec(json!({"scheduler": {}}));
    foreign["router"]["scheduler"]["template"]["containers"][0]["command"] = json!(["/app/epp", "--mine"]);
    assert_eq!(args(&mut world, &foreign), ["--config-text".to_owned(), text(false, false, false)]);
}

#[test]
fn users_own_flags_are_not_repeated() {
    let mut world = World::new();
    world.settings.tls = true;
    let mut merged = spec(json!({"scheduler": {"replicas": 2}}));
    let own = json!(["-secure-serving=false", "-ha-enable-leader-election", "--v=5"]);
    merged["router"]["scheduler"]["template"]["containers"][0]["args"] = own;
    let expected = [
        "-secure-serving=false",
        "-ha-enable-leader-election",
        "--v=5",
        "--enable-cert-reload=true",
        "--cert-path=/var/run/kserve/tls",
        "--config-text",
    ];
    assert_eq!(args(&mut world, &merged)[..6], expected);
}

#[test]
fn several_pickers_elect_a_leader() {
    let mut world = World::new();
    let merged = spec(json!({"scheduler": {"replicas": 2}}));
    assert_eq!(args(&mut world, &merged)[..2], ["--ha-enable-leader-election", "--config-text"]);
    assert_eq!(world.object(&merged, Kind::Deployment)["spec"]["replicas"], 2);
}

#[test]
// G-48: `--flag=value` is seen, and there is one configuration only
fn inline_configuration_wins_over_flags_of_the_template() {
    let mut world = World::new();
    let mut merged = spec(json!({"scheduler": {"config": {"inline": {"kind": "EndpointPickerConfig"}}}}));
    let container = &mut merged["router"]["scheduler"]["template"]["containers"][0];
    container["args"] = json!(["--config-file=/etc/epp.yaml", "--v=5"]);
    assert_eq!(args(&mut world, &merged), ["--v=5", "--config-text", "kind: EndpointPickerConfig\n"]);
    merged["router"]["scheduler"]["config"] = Value::Null;
    assert_eq!(args(&mut world, &merged), ["--config-file=/etc/epp.yaml", "--v=5"]);
}

/// A live scheduler Deployment with this configuration.
fn live(world: &mut World, config: &str, mark: Option<&str>) {
    let selector = json!({"app.kubernetes.io/name": "llama", "team": "old"});
    let annotations = mark.map(|mark| json!({MARK: mark}));
    let body = json!({
        "metadata": {"annotations": annotations},
        "spec": {
            "selector": {"matchLabels": selector},
            "template": {"spec": {"containers": [{"name": "main", "args": ["--config-text", config]}]}},
        },
    });
    world.live(Kind::Deployment, "llama-kserve-router-scheduler", body);
}

/// Name, live text and mark, prefill; text and mark wanted.
type Case<'a> = (&'a str, &'a str, Option<&'a str>, bool, &'a str, &'a str);

#[test]
// G-47
fn generated_configuration_follows_the_topology_and_others_stay() {
    let peers = serde_yaml_ng::to_string(&parse(&text(false, false, false)).unwrap()).unwrap();
    let custom = "plugins: [{type: mine}]\n";
    let (single, split) = (text(false, false, false), text(true, false, false));
    let cases: [Case<'_>; 8] = [
        ("our default, same topology", &single, Some("default"), false, &single, "default"),
        ("an older default of ours, same topology", custom, Some("default"), false, custom, "default"),
        ("our default, prefill added", &single, Some("default"), true, &split, "default+prefill"),
        ("the peer's default, same topology", &peers, None, false, &peers, "default"),
        ("the peer's default, prefill added", &peers, None, true, &split, "default+prefill"),
        ("somebody's text", custom, None, true, custom, "kept"),
        ("a text kept before", custom, Some("kept"), false, custom, "kept"),
        ("inline removed", custom, Some("inline"), false, &single, "default"),
    ];
    for (name, config, mark, prefill, expected, expected_mark) in cases {
        let mut world = World { prefill, ..World::new() };
        live(&mut world, config, mark);
        let merged = spec(json!({"scheduler": {}}));
        assert_eq!(args(&mut world, &merged), ["--config-text", expected], "{name}");
        assert_eq!(
            world.object(&merged, Kind::Deployment)["metadata"]["annotations"][MARK],
            expected_mark,
            "{name}"
        );
    }
    let mut world = World { adapters: vec!["a".to_owned()], ..World::new() };
    live(&mut world, &single, Some("default"));
    assert_eq!(
        args(&mut world, &spec(json!({"scheduler": {}})))[1],
        text(false, true, false),
        "adapters added"
    );
}

#[test]
fn an_inline_text_that_says_the_same_is_no_rollout() {
    let mut world = World::new();
    live(&mut world, r#"{"plugins":[{"type":"mine"}]}"#, None);
    let merged = spec(json!({"scheduler": {"config": {"inline": {"plugins": [{"type": "mine"}]}}}}));
    assert_eq!(args(&mut world, &merged), ["--config-text", r#"{"plugins":[{"type":"mine"}]}"#]);
}

#[test]
// W-1, G-20
fn a_live_selector_is_kept_and_its_labels_are_on_the_pods() {
    let mut world = World::new();
    live(&mut world, "{}", None);
    let merged = spec(json!({"scheduler": {"labels": {"team": "new", "tier": "x"}}}));
    let (_, _, warnings) = world.validate(&merged);
    assert_eq!(
        warnings.iter().map(|w| w.path.as_str()).collect::<Vec<_>>(),
        ["spec.router.scheduler.labels[team]"]
    );
    let deployment = world.object(&merged, Kind::Deployment);
    assert_eq!(
        deployment["spec"]["selector"]["matchLabels"],
        json!({"app.kubernetes.io/name": "llama", "team": "old"})
    );
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!((&labels["team"], &labels["tier"]), (&json!("old"), &json!("x")));
}

#[test]
fn defaults_differ_by_topology_and_parse() {
    let plugins = |text: &str| {
        let document = parse(text).unwrap();
        let plugins = document["plugins"].as_array().unwrap().iter();
        plugins.map(|p| p["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let refs = |text: &str, profile: usize| {
        let document = parse(text).unwrap();
        let refs = document["schedulingProfiles"][profile]["plugins"].as_array().unwrap().iter();
        refs.map(|r| (r["pluginRef"].as_str().unwrap().to_owned(), r["weight"].as_i64())).collect::<Vec<_>>()
    };
    let own = |list: &[(&str, i64)]| {
        list.iter().map(|(n, w)| ((*n).to_owned(), Some(*w).filter(|w| *w > 0))).collect::<Vec<_>>()
    };
    let lora = text(false, true, false);
    assert_eq!(plugins(&lora).last().unwrap(), "lora-affinity-scorer");
    let expected = [
        ("lora-affinity-scorer", 4),
        ("queue-scorer", 2),
        ("kv-cache-utilization-scorer", 2),
        ("prefix-cache-scorer", 3),
        ("no-hit-lru-scorer", 2),
        ("max-score-picker", 0),
    ];
    assert_eq!(refs(&lora, 0), own(&expected));
    let split = text(true, false, true);
    assert_eq!(plugins(&split).last().unwrap(), "metrics-data-source");
    let prefill = [
        ("prefill-filter", 0),
        ("prefix-cache-scorer", 3),
        ("queue-scorer", 2),
        ("kv-cache-utilization-scorer", 2),
        ("max-score-picker", 0),
    ];
    let decode = [
        ("decode-filter", 0),
        ("active-request-scorer", 2),
        ("prefix-cache-scorer", 3),
        ("max-score-picker", 0),
    ];
    assert_eq!((refs(&split, 0), refs(&split, 1)), (own(&prefill), own(&decode)));
    let handler = parse(&split).unwrap()["plugins"][9].clone();
    assert_eq!(
        handler,
        json!({"type": "disagg-profile-handler", "parameters": {"deciders": {"prefill": "always-disagg-pd-decider"}}})
    );
}

#[test]
fn a_users_text_gets_the_metrics_source_with_tls() {
    let mut world = World::new();
    world.settings.tls = true;
    let merged = spec(json!({"scheduler": {"config": {"inline": "plugins:\n- type: mine\n"}}}));
    let expected = json!({"plugins": [{"type": "mine"}, {"type": "metrics-data-source", "parameters": {"scheme": "https"}}]});
    assert_eq!(parse(args(&mut world, &merged).last().unwrap()), Some(expected));
}

#[test]
fn metrics_flags_that_the_picker_lost_become_configuration() {
    // the scheduler preset that clusters have installed carries the scheme as a flag, and empty strings
    let mut world = World::new();
    let mut merged = spec(json!({"scheduler": {}}));
    let main = &mut merged["router"]["scheduler"]["template"]["containers"][0];
    main["command"] = json!([
        "/app/epp",
        "--model-server-metrics-scheme=https",
        "--model-server-metrics-port",
        "8000",
        "--v=1"
    ]);
    let deployment = world.object(&merged, Kind::Deployment);
    let main = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(main["command"], json!(["/app/epp", "--v=1"]));
    assert_eq!(main["args"], json!(["--config-text", text(false, false, true)]));
    merged["router"]["scheduler"]["template"]["containers"][0]["args"] =
        json!(["--model-server-metrics-path=/m", "--model-server-metrics-https-insecure-skip-verify"]);
    let config = parse(args(&mut world, &merged).last().unwrap()).unwrap();
    let parameters = json!({"scheme": "https", "path": "/m", "insecureSkipVerify": true});
    assert_eq!(config["plugins"].as_array().unwrap().last().unwrap()["parameters"], parameters);
    merged["router"]["scheduler"]["annotations"] = json!({"app.kubernetes.io/version": "0.9.0"});
    let deployment = world.object(&merged, Kind::Deployment);
    let command = &deployment["spec"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(command[1], "--model-server-metrics-scheme=https");
}

mod adapters;
