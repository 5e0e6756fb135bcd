use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::fixture::{World, default_gateway, spec};
use super::{Account, ExternalPool};
use crate::facts::{Answer, Key, Ref};
use crate::names;
use crate::pools::Group;
use crate::settings::ModelRouting;

fn rules(world: &mut World, router: Value) -> Vec<(String, usize, String)> {
    let route = world.object(&spec(router), Kind::HTTPRoute);
    let rules = route["spec"]["rules"].as_array().unwrap().iter().map(|rule| {
        let backend = &rule["backendRefs"][0];
        let text = |key: &str| backend[key].as_str().unwrap_or_default().to_owned();
        let matches = rule["matches"].as_array().map_or(0, Vec::len);
        (
            rule["name"].as_str().unwrap().to_owned(),
            matches,
            format!("{}/{}/{}", text("group"), text("kind"), text("name")),
        )
    });
    rules.collect()
}

#[test]
fn without_a_router_there_is_nothing() {
    let (routing, findings, warnings) = World::new().validate(&json!({}));
    assert_eq!((routing, findings, warnings), (super::Routing::default(), vec![], vec![]));
}

#[test]
// router edges 22, 23, 24: the group is v1 from the start
fn preset_route_has_its_twelve_rules_and_leads_to_the_v1_pool() {
    let pool = "inference.networking.k8s.io/InferencePool/llama-inference-pool";
    let service = "/Service/llama-kserve-workload-svc";
    let expected = [
        ("v1-completions-path", 1, pool),
        ("v1-chat-completions-path", 1, pool),
        ("v1-responses-path", 1, pool),
        ("v1-messages-path", 1, pool),
        ("v1-model-routing", 8, pool),
        ("v1-completions-publisher-path", 1, pool),
        ("v1-chat-completions-publisher-path", 1, pool),
        ("v1-responses-publisher-path", 1, pool),
        ("v1-messages-publisher-path", 1, pool),
        ("v1-publisher-path-catch-all", 1, service),
        ("v1-catch-all-path", 1, service),
        ("v1-catch-all-model-routing", 1, service),
    ];
    let got = rules(&mut World::new(), json!({"scheduler": {}, "route": {}}));
    assert_eq!(got, expected.map(|(a, b, c)| (a.to_owned(), b, c.to_owned())));
}

#[test]
fn without_a_scheduler_everything_goes_to_the_service() {
    let got = rules(&mut World::new(), json!({"route": {}}));
    assert!(got.iter().all(|rule| rule.2 == "/Service/llama-kserve-workload-svc"), "{got:?}");
}

// E-13
#[test]
fn an_external_pool_takes_the_place_of_ours() {
    let mut world = World::new();
    let pool = json!({"spec": {"endpointPickerRef": {"name": "their-epp"}}});
    world.see(Key::InferencePool(Ref::new("ml", "shared")), pool);
    let merged = spec(json!({"scheduler": {"pool": {"ref": {"name": "shared"}}}, "route": {}}));
    let svc = world.valid(&merged);
    let external =
        ExternalPool { name: "shared".to_owned(), picker: Some("their-epp".to_owned()), group: Group::V1 };
    assert_eq!(svc.routing.external_pool, Some(external));
    assert_eq!(
        (svc.routing.pool("llama").as_deref(), svc.routing.picker_service()),
        (Some("shared"), Some("their-epp"))
    );
    let kinds: Vec<Kind> = world.objects(&merged).iter().map(|o| o.kind).collect();
    assert_eq!(kinds, [Kind::HTTPRoute]);
    let route = world.object(&merged, Kind::HTTPRoute);
    let backend = json!({"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "shared", "port": 8000, "weight": 1});
    assert_eq!(route["spec"]["rules"][0]["backendRefs"], json!([backend]));
}

#[test]
fn the_picker_of_an_older_pool_is_read_where_that_group_says_it() {
    // L-8
    let mut world = World::new();
    world.cluster.served.insert(Kind::OlderInferencePool);
    let pool = json!({"spec": {"extensionRef": {"name": "older-epp"}}});
    world.see(Key::OlderInferencePool(Ref::new("ml", "shared")), pool);
    let merged = spec(json!({"scheduler": {"pool": {"ref": {"name": "shared"}}}}));
    assert_eq!(world.valid(&merged).routing.picker_service(), Some("older-epp"));
}

#[test]
fn named_gateways_replace_the_parents_and_are_asked_for() {
    let mut world = World::new();
    let refs = json!([{"name": "a", "namespace": "infra", "sectionName": "web"}, {"name": "b"}]);
    let route = world.object(&spec(json!({"gateway": {"refs": refs}, "route": {}})), Kind::HTTPRoute);
    let group = "gateway.networking.k8s.io";
    let expected = json!([
        {"group": group, "kind": "Gateway", "name": "a", "namespace": "infra", "sectionName": "web"},
        {"group": group, "kind": "Gateway", "name": "b"},
    ]);
    assert_eq!(route["spec"]["parentRefs"], expected);
    let asked: Vec<&Key> =
        world.seen.keys().filter(|k| matches!(k, Key::Gateway(_) | Key::GatewayService(_))).collect();
    let (a, b) = (Ref::new("infra", "a"), Ref::new("ml", "b"));
    let expected =
        [Key::Gateway(a.clone()), Key::Gateway(b.clone()), Key::GatewayService(a), Key::GatewayService(b)];
    assert_eq!(asked, expected.iter().collect::<Vec<_>>());
}

fn model_rules(world: &mut World) -> usize {
    rules(world, json!({"scheduler": {}, "route": {}}))
        .iter()
        .filter(|r| r.0.ends_with("model-routing"))
        .count()
}

fn opted_out() -> Value {
    json!({"metadata": {"annotations": {"serving.kserve.io/model-based-routing-enabled": "false"}}})
}

#[test]
// G-27
fn the_default_gateway_can_opt_out_of_model_based_routing() {
    let mut world = World::new();
    assert_eq!(model_rules(&mut world), 2);
    world.see(Key::Gateway(default_gateway()), opted_out());
    assert_eq!(model_rules(&mut world), 0);
    world.settings.model_routing = ModelRouting::Forced;
    assert_eq!(model_rules(&mut world), 2);
    world.settings.model_routing = ModelRouting::Disabled;
    assert_eq!(model_rules(&mut world), 0);
}

#[test]
// G-27
fn an_unreadable_gateway_leaves_the_live_route_as_it_is() {
    let mut world = World::new();
    world.seen.insert(Key::Gateway(default_gateway()), Answer::Unreadable("timeout".to_owned()));
    assert_eq!(model_rules(&mut world), 2);
    world.live(
        Kind::HTTPRoute,
        "llama-kserve-route",
        json!({"spec": {"rules": [{"matches": [{"path": {"value": "/"}}]}]}}),
    );
    assert_eq!(model_rules(&mut world), 0);
}

#[test]
// G-25, M-1
fn a_rule_that_never_had_matches_stays_when_model_routing_is_off() {
    let mut world = World::new();
    world.settings.model_routing = ModelRouting::Disabled;
    let rules = json!([
        {"name": "all", "backendRefs": [{"name": "x"}]},
        {"name": "model", "matches": [{"headers": [{"name": "x-gateway-MODEL-name", "value": "m"}]}]},
    ]);
    let route = world.object(&spec(json!({"route": {"http": {"spec": {"rules": rules}}}})), Kind::HTTPRoute);
    assert_eq!(route["spec"]["rules"], json!([{"name": "all", "backendRefs": [{"name": "x"}]}]));
}

#[test]
fn the_pool_is_completed() {
    let mut world = World::new();
    let merged = json!({"router": {"scheduler": {
        "template": {"containers": [{"name": "main"}]},
        "pool": {"spec": {"targetPorts": [{"number": 9000}], "endpointPickerRef": {"name": "epp"}}},
    }}});
    let expected = json!({
        "selector": {"matchLabels": {
            "app.kubernetes.io/name": "llama",
            "app.kubernetes.io/part-of": "llminferenceservice",
            "kserve.io/component": "workload",
        }},
        "targetPorts": [{"number": 9000}],
        "endpointPickerRef": {"name": "epp", "port": {"number": 9002}},
    });
    assert_eq!(world.object(&merged, Kind::InferencePool)["spec"], expected);
}

#[test]
// router edges 51 (empty targetPorts) and workloads C-16 (unparsable inline)
fn every_finding_names_its_field() {
    let scheduler = |over: Value| spec(json!({"scheduler": over}));
    let cases = [
        (
            scheduler(json!({"replicas": 0})),
            "spec.router.scheduler.replicas: 0 is not a positive number; set 1, or more for a standby",
        ),
        (
            scheduler(json!({"template": {"containers": []}})),
            "spec.router.scheduler.template.containers: has no container; the preset config-llm-scheduler brings one named main",
        ),
        (
            scheduler(json!({"config": {}})),
            "spec.router.scheduler.config: has neither inline nor ref; set one of them",
        ),
        (
            scheduler(json!({"config": {"inline": "a: [b"}})),
            "spec.router.scheduler.config.inline: is not an EndpointPickerConfig document; it must be a YAML object with plugins and schedulingProfiles",
        ),
        (
            scheduler(json!({"pool": {"spec": {"targetPorts": []}}})),
            "spec.router.scheduler.pool.spec.targetPorts: has 0 ports; a pool needs one to eight, such as [{number: 8000}]",
        ),
        (
            scheduler(json!({"pool": {"spec": {"targetPorts": [{"number": 0}]}}})),
            "spec.router.scheduler.pool.spec.targetPorts[0].number: is not a port between 1 and 65535",
        ),
        (
            scheduler(json!({"pool": {"spec": {"targetPorts": [{"number": 1}, {"number": 1}]}}})),
            "spec.router.scheduler.pool.spec.targetPorts: names a port twice; ports of a pool must differ",
        ),
        (
            spec(json!({"gateway": {"refs": [{"name": ""}]}})),
            "spec.router.gateway.refs[0].name: is empty; name a Gateway",
        ),
        (
            spec(json!({"scheduler": {"tokenizer": {"template": {"containers": []}}}})),
            "spec.router.scheduler.tokenizer.template.containers: has no container \"main\"; the preset config-llm-tokenizer brings one",
        ),
        (
            json!({"router": {"route": {}}}),
            "spec.router.route.http: has neither a spec nor refs; the preset config-llm-router-route brings a spec",
        ),
    ];
    for (merged, expected) in cases {
        let (_, findings, _) = World::new().validate(&merged);
        let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(texts, [expected]);
    }
}

// E-13
#[test]
fn what_takes_no_effect_is_said() {
    let router = json!({
        "ingress": {"refs": [{"name": "i"}]},
        "gateway": {"refs": [{"name": "a"}]},
        "route": {"group": "g", "weight": 3, "http": {"spec": {"parentRefs": [{"name": "other"}]}}},
        "scheduler": {"labels": {"app.kubernetes.io/name": "x", "team": "y"}},
    });
    let (routing, findings, warnings) = World::new().validate(&spec(router));
    assert_eq!(findings, []);
    let paths: Vec<&str> = warnings.iter().map(|w| w.path.as_str()).collect();
    let expected = [
        "spec.router.scheduler.labels[app.kubernetes.io/name]",
        "spec.router.route.http.spec.parentRefs",
        "spec.router.ingress",
    ];
    assert_eq!(paths, expected);
    assert_eq!((routing.ingress, routing.ingress_refs), (None, vec![]));
    assert_eq!(routing.scheduler.unwrap().labels, crate::labels::labels([("team", "y")]));
}

// E-13
#[test]
fn an_ingress_is_made_or_read_where_there_is_no_route() {
    let (routing, findings, warnings) = World::new().validate(&spec(json!({"ingress": {}})));
    assert_eq!((findings, warnings), (vec![], vec![]));
    assert_eq!(
        routing.ingress,
        Some(super::Ingress { host: "llama-ml.example.com".to_owned(), class: None })
    );
    let mut world = World::new();
    let refs = json!([{"name": "mine"}, {"name": "theirs", "namespace": "infra"}]);
    let (routing, _, warnings) = world.validate(&spec(json!({"ingress": {"refs": refs}, "scheduler": {}})));
    let both = [Ref::new("ml", "mine"), Ref::new("infra", "theirs")];
    assert_eq!((routing.ingress, routing.ingress_refs.as_slice()), (None, both.as_slice()));
    assert!(both.iter().all(|at| world.seen.keys().any(|key| *key == Key::Ingress(at.clone()))));
    let paths: Vec<&str> = warnings.iter().map(|w| w.path.as_str()).collect();
    let expected = ["spec.router.ingress", "spec.router.ingress.refs[1].namespace"];
    assert_eq!(paths, expected, "it leads past the scheduler, and to a Service elsewhere");
}

#[test]
fn what_makes_no_host_is_a_finding() {
    let findings = |template: &str, ingress: Value| {
        let mut world = World::new();
        world.settings.domain_template = template.to_owned();
        let (_, findings, _) = world.validate(&spec(json!({"ingress": ingress})));
        findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let told = findings("{{ .Name", json!({}));
    let start = "spec.router.ingress: ingress.domainTemplate of the global ConfigMap does not render: ";
    assert!(told.len() == 1 && told[0].starts_with(start), "{told:?}");
    for host in ["A.b", "a..b", "-a.b", "a_b.c", ""] {
        let told = findings(host, json!({}));
        assert!(told.len() == 1 && told[0].contains("is no host name"), "{told:?}");
    }
    let told = findings("x", json!({"refs": [{"name": ""}]}));
    assert_eq!(told, ["spec.router.ingress.refs[0].name: is empty; name an Ingress"]);
}

#[test]
// asks A2
fn a_scheduler_that_no_rule_leads_to_is_told() {
    let backends = |name: &str| json!([{"backendRefs": [{"kind": "InferencePool", "name": name}]}]);
    let told = |http: Value| {
        let mut world = World::new();
        let route = json!({"spec": {"rules": backends("another")}});
        world.see(Key::HttpRoute(Ref::new("ml", "mine")), route);
        let route = json!({"spec": {"rules": backends("llama-inference-pool")}});
        world.see(Key::HttpRoute(Ref::new("ml", "scheduled")), route);
        let (_, _, warnings) = world.validate(&spec(json!({"scheduler": {}, "route": {"http": http}})));
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let why = "no rule leads to InferencePool llama-inference-pool, so requests go past the scheduler; name the pool as \
               a backend, or remove spec.router.scheduler";
    let service = json!([{"backendRefs": [{"name": "x", "port": 80}]}]);
    let expected = format!("spec.router.route.http.spec.rules: {why}");
    assert_eq!(told(json!({"spec": {"rules": service}})), [expected]);
    let expected = format!("spec.router.route.http.refs: {why}");
    assert_eq!(told(json!({"refs": [{"name": "mine"}]})), [expected]);
    let none: [&str; 0] = [];
    assert_eq!(told(json!({"spec": {"rules": backends("llama-inference-pool")}})), none);
    assert_eq!(told(json!({"refs": [{"name": "mine"}, {"name": "scheduled"}]})), none);
    assert_eq!(told(json!({"refs": [{"name": "mine"}, {"name": "unknown"}]})), none, "it may lead there");
}

// E-51
#[test]
fn a_pool_that_asks_the_picker_at_another_port_is_told() {
    let ports = json!([{"name": "grpc", "containerPort": 9002}, {"name": "metrics", "containerPort": 9090}]);
    let template = json!({"containers": [{"name": "main", "ports": ports}]});
    let told = |port: i64| {
        let pool =
            json!({"targetPorts": [{"number": 8000}], "endpointPickerRef": {"port": {"number": port}}});
        let scheduler = json!({"template": template, "pool": {"spec": pool}});
        let (_, _, warnings) = World::new().validate(&spec(json!({"scheduler": scheduler})));
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told(9002), [""; 0]);
    let path = "spec.router.scheduler.pool.spec.endpointPickerRef.port.number";
    let why = "9004 is no port of the endpoint picker, which has 9002, 9090: no request gets through; set the port \
               that its --grpc-port says";
    assert_eq!(told(9004), [format!("{path}: {why}")]);
}

#[test]
fn missing_gateways_and_routes_are_no_findings() {
    let router =
        json!({"route": {"http": {"refs": [{"name": "mine"}]}}, "gateway": {"refs": [{"name": "gone"}]}});
    let (routing, findings, warnings) = World::new().validate(&spec(router));
    assert_eq!((findings, warnings), (vec![], vec![]));
    assert_eq!(routing.route_refs, ["mine"]);
}

#[test]
fn gateways_of_the_users_own_routes_are_asked_for() {
    let mut world = World::new();
    let parents =
        json!([{"name": "gw", "namespace": "infra"}, {"kind": "Service", "group": "", "name": "mesh"}]);
    world.see(Key::HttpRoute(Ref::new("ml", "mine")), json!({"spec": {"parentRefs": parents}}));
    world.validate(&spec(json!({"route": {"http": {"refs": [{"name": "mine"}]}}})));
    let gateways: Vec<&Key> = world.seen.keys().filter(|k| matches!(k, Key::Gateway(_))).collect();
    assert_eq!(gateways, [&Key::Gateway(Ref::new("infra", "gw"))]); // G-33: a mesh parent is no Gateway
}

fn account(world: &mut World, merged: &Value) -> Account {
    world.validate(merged).0.scheduler.unwrap().account
}

#[test]
fn pull_secrets_come_from_the_workloads_account_or_the_default_one() {
    let mut world = World::new();
    let metadata = json!({"annotations": {"eks.amazonaws.com/role-arn": "arn", "kubectl.kubernetes.io/last-applied-configuration": "{}"}});
    let object = json!({"metadata": metadata, "imagePullSecrets": [{"name": "pull"}], "secrets": []});
    world.see(Key::ServiceAccount(Ref::new("ml", "default")), object.clone());
    let secrets = json!({"imagePullSecrets": [{"name": "pull"}]}).as_object().unwrap().clone();
    let managed = |annotations| Account::Managed {
        name: "llama-epp-sa".to_owned(),
        annotations,
        secrets: secrets.clone(),
    };
    let mut merged = spec(json!({"scheduler": {}}));
    assert_eq!(account(&mut world, &merged), managed(crate::labels::Labels::new()));
    merged["template"] = json!({"serviceAccountName": "models"});
    world.see(Key::ServiceAccount(Ref::new("ml", "models")), object);
    assert_eq!(
        account(&mut world, &merged),
        managed(crate::labels::labels([("eks.amazonaws.com/role-arn", "arn")]))
    );
}

#[test]
fn an_account_of_the_user_is_only_bound() {
    let mut world = World::new();
    let merged = spec(json!({"scheduler": {"template": {"serviceAccountName": "mine"}}}));
    assert_eq!(account(&mut world, &merged), Account::Custom("mine".to_owned()));
    let kinds: Vec<Kind> = world.objects(&merged).iter().map(|o| o.kind).collect();
    assert!(!kinds.contains(&Kind::ServiceAccount));
    assert_eq!(world.object(&merged, Kind::RoleBinding)["subjects"][0]["name"], "mine");
}

#[test]
// G-9: `a-b/c` and `a/b-c` share a name
fn a_cluster_binding_held_by_another_service_is_left_alone() {
    let mut world = World::new();
    let merged = spec(json!({"scheduler": {}}));
    let plain = names::scheduler_cluster_role_binding("ml", "llama");
    assert_eq!(world.object(&merged, Kind::ClusterRoleBinding)["metadata"]["name"], plain.as_str());
    let binding = |name: &str, namespace: &str| json!({"metadata": {"labels": {"app.kubernetes.io/name": name}}, "subjects": [{"namespace": namespace}]});
    world.live(Kind::ClusterRoleBinding, &plain, binding("llama", "ml"));
    assert_eq!(world.object(&merged, Kind::ClusterRoleBinding)["metadata"]["name"], plain.as_str());
    world.live(Kind::ClusterRoleBinding, &plain, binding("llama", "other"));
    let own = names::scheduler_cluster_role_binding_of("ml", "llama", "uid-llama");
    assert_eq!(world.object(&merged, Kind::ClusterRoleBinding)["metadata"]["name"], own.as_str());
}
