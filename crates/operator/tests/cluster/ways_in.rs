//! Ways into a service, each on a real API server: what is made, and what the status says as the rest of the way comes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::look::{PATIENCE, SOON, config, observed, plain, says, until_ready_is, until_reason};

/// A service with this router.
fn routed(name: &str, router: &str) -> String {
    plain(name).replace("replicas: 1", &format!("replicas: 1, router: {router}"))
}

fn with_adapters(count: usize) -> String {
    let adapters: Vec<String> =
        (0..count).map(|n| format!("{{name: a{n:02}, uri: 'hf://org/a{n:02}'}}")).collect();
    let lora = format!("uri: 'hf://org/many', lora: {{adapters: [{}]}}", adapters.join(", "));
    routed("many", "{route: {}, scheduler: {}}").replace("uri: 'hf://org/many'", &lora)
}

fn routes(world: &World<'_>, service: &str) -> Result<Vec<Value>> {
    let mut routes = world.list("httproutes")?;
    routes.retain(|route| route["metadata"]["labels"]["app.kubernetes.io/name"] == service);
    Ok(routes)
}

// G-26, G-18
#[test]
fn twenty_adapters_are_taken_by_the_api_server_and_their_routes_go_with_them() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&with_adapters(20))?;
    let ready = until_ready_is(&world, "many", "True", PATIENCE)?;
    let all = routes(&world, "many")?;
    assert_eq!(all.len(), 8);
    let text = json!(all).to_string();
    for n in 0..20 {
        let path = format!("\"/publishers/{}/models/a{n:02}/v1/completions\"", world.namespace());
        assert_eq!(text.matches(&path).count(), 1, "a{n:02}");
    }
    let listed = ready["status"]["router"]["gateways"][0]["httpRoutes"].as_array().map(Vec::len);
    assert_eq!(listed, Some(8));
    world.apply(&with_adapters(1))?;
    let fewer = || Ok((routes(&world, "many")?.len() == 2).then_some(()));
    world.eventually("the routes of nineteen adapters go", PATIENCE, fewer)
}

/// What the controller of an Ingress would write.
fn answer(world: &World<'_>, ingress: &str) -> Result<()> {
    let patch = json!({"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}}).to_string();
    let args = ["patch", "ingress", ingress, "--subresource=status", "--type=merge", "-p", &patch];
    world.kubectl(&args, None).map(drop)
}

// E-13
#[test]
fn an_ingress_is_made_and_ready_when_its_controller_has_an_address() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&routed("m", "{ingress: {}}"))?;
    let waiting = until_reason(&world, "m", "IngressReady", "IngressNotReady", PATIENCE)?;
    assert_eq!(waiting["status"]["url"], Value::Null);
    world.until("ingress", "m-kserve-ingress", "is created", |it| it.is_some(), PATIENCE)?;
    answer(&world, "m-kserve-ingress")?;
    let ready = until_ready_is(&world, "m", "True", PATIENCE)?;
    let url = format!("http://m-{}.example.com/", world.namespace());
    assert_eq!(ready["status"]["url"], json!(url));
    assert_eq!(ready["status"]["addresses"][0]["origin"]["kind"], "Ingress");

    let gone = r#"[{"op": "remove", "path": "/spec/router"}]"#;
    world.patch("llmisvc", "m", "json", gone)?;
    world.until("ingress", "m-kserve-ingress", "goes", |it| it.is_none(), PATIENCE)?;
    let direct = format!("http://m-kserve-workload-svc.{}.svc.cluster.local:8000", world.namespace());
    let is_direct = |it: Option<&Value>| it.is_some_and(|it| it["status"]["url"] == json!(direct));
    // G-37
    world.until("llmisvc", "m", "is reached directly", is_direct, SOON).map(drop)
}

#[test]
fn an_ingress_of_the_user_may_come_after_the_service_and_go_before_it() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&routed("m", "{ingress: {refs: [{name: mine}]}}"))?;
    let lost = until_reason(&world, "m", "IngressReady", "RefsInvalid", PATIENCE)?;
    let told = format!(
        "Ingress {}/mine not found; create it or correct spec.router.ingress.refs",
        world.namespace()
    );
    assert_eq!(says(&lost, "IngressReady", "message"), told);
    let backend = json!({"service": {"name": "m-kserve-workload-svc", "port": {"number": 8000}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "mine"},
        "spec": {
            "tls": [{"hosts": ["llm.example.com"], "secretName": "certificate"}],
            "rules": [{"host": "llm.example.com", "http": {"paths": [path]}}],
        },
    });
    world.apply(&ingress.to_string())?;
    answer(&world, "mine")?;
    let ready = until_ready_is(&world, "m", "True", PATIENCE)?;
    assert_eq!(ready["status"]["url"], "https://llm.example.com/");
    world.kubectl(&["delete", "ingress", "mine"], None)?;
    let lost = until_reason(&world, "m", "IngressReady", "RefsInvalid", SOON)?;
    assert_eq!(lost["status"]["url"], Value::Null);
    Ok(())
}

fn gateway(name: &str, class: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\nspec: \
         {{gatewayClassName: {class}, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}\n"
    )
}

fn class(name: &str, controller: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: {name}}}\nspec: \
         {{controllerName: {controller}}}\n"
    )
}

fn has_timeouts(route: &Value) -> bool {
    route["spec"]["rules"].as_array().is_some_and(|rules| rules.iter().any(|it| !it["timeouts"].is_null()))
}

// G-33, G-36
#[test]
fn the_class_and_the_service_of_a_gateway_may_come_last() -> Result<()> {
    let world = World::with_operator()?;
    let name = format!("class-of-{}", world.namespace());
    world.apply(&routed("m", "{gateway: {refs: [{name: mine}]}, route: {}}"))?;
    world.apply(&gateway("mine", &name))?;
    let ready = until_ready_is(&world, "m", "True", PATIENCE)?;
    assert_eq!(ready["status"]["url"], json!(format!("http://203.0.113.1/{}/m", world.namespace())));
    assert!(has_timeouts(&world.get("httproute", "m-kserve-route")?));

    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: behind, labels: \
                   {gateway.networking.k8s.io/gateway-name: mine}}\nspec: {ports: [{port: 80}]}\n";
    world.apply(service)?;
    let url = format!("http://behind.{0}.svc.cluster.local/{0}/m", world.namespace());
    let inside =
        |it: Option<&Value>| it.is_some_and(|it| it["status"]["addresses"].to_string().contains(&url));
    world.until("llmisvc", "m", "has an internal address", inside, SOON)?;

    world.apply(&class(&name, "networking.gke.io/gateway"))?;
    let without = |it: Option<&Value>| it.is_some_and(|it| !has_timeouts(it));
    let known = world.until("httproute", "m-kserve-route", "has no timeouts", without, SOON);
    world.kubectl(&["delete", "gatewayclass", &name], None)?;
    known?;
    let with = |it: Option<&Value>| it.is_some_and(has_timeouts);
    world.until("httproute", "m-kserve-route", "has timeouts again", with, SOON).map(drop)
}

// G-39; asks A2
#[test]
fn a_gateway_of_the_user_and_a_scheduler_become_ready_without_a_route() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&gateway("mine", "localcluster"))?;
    world.apply(&routed("m", "{gateway: {refs: [{name: mine}]}, scheduler: {}}"))?;
    let ready = until_ready_is(&world, "m", "True", PATIENCE)?;
    let router = &ready["status"]["router"];
    assert_eq!(router["gateways"][0]["name"], "mine");
    assert_eq!(router["scheduler"]["inferencePool"]["name"], "m-inference-pool");
    assert_eq!(routes(&world, "m")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn rules_past_the_pool_and_a_route_preset_of_the_namespace_become_ready() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&gateway("mine", "localcluster"))?;
    let rule = "{matches: [{path: {type: PathPrefix, value: /past}}], backendRefs: [{name: past-kserve-workload-svc, port: 8000}]}";
    let past = format!(
        "{{gateway: {{refs: [{{name: mine}}]}}, scheduler: {{}}, route: {{http: {{spec: {{rules: [{rule}]}}}}}}}}"
    );
    world.apply(&routed("past", &past))?;
    let ready = until_ready_is(&world, "past", "True", PATIENCE)?;
    assert!(
        says(&ready, "SpecIgnored", "message").contains("no rule leads to InferencePool past-inference-pool")
    );

    let rule = "{matches: [{path: {type: PathPrefix, value: '/{{ .Name }}'}}], backendRefs: [{name: \
                '{{ ChildName .Name `-kserve-workload-svc` }}', port: 8000}]}";
    let spec = format!(
        "{{router: {{route: {{http: {{spec: {{parentRefs: [{{name: mine}}], rules: [{rule}]}}}}}}}}}}"
    );
    world.apply(&config("kserve-config-llm-router-route", &spec))?;
    world.apply(&routed("own", "{route: {}}"))?;
    let ready = until_ready_is(&world, "own", "True", PATIENCE)?;
    assert_eq!(ready["status"]["url"], "http://203.0.113.1/own");
    Ok(())
}

// G-24
#[test]
fn the_gateway_api_may_be_installed_after_the_operator() -> Result<()> {
    let cluster = Cluster::own("late-gateways", Variant::Small)?;
    let names = ["httproutes", "gateways", "gatewayclasses"];
    let names = names.map(|name| format!("crd/{name}.gateway.networking.k8s.io"));
    let mut crds = Vec::new();
    for name in &names {
        let text = cluster.kubectl(&["get", name, "-o", "json"], None)?;
        let crd: Value = serde_json::from_str(&text).context("kubectl get")?;
        let metadata =
            json!({"name": crd["metadata"]["name"], "annotations": crd["metadata"]["annotations"]});
        crds.push(json!({"apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": metadata, "spec": crd["spec"]}));
        cluster.kubectl(&["delete", name], None)?;
    }
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?.watched_by(&operator);
    world.apply(&routed("m", "{route: {}}"))?;
    let missing = until_reason(&world, "m", "HTTPRoutesReady", "CRDNotFound", PATIENCE)?;
    let message = says(&missing, "HTTPRoutesReady", "message");
    ensure!(message.contains("httproutes.gateway.networking.k8s.io"), "{message}");

    for crd in crds {
        cluster.kubectl(&["create", "-f", "-"], Some(&crd.to_string()))?;
    }
    let late = Duration::from_mins(2);
    let made = || Ok(world.find("httproute", "m-kserve-route").ok().flatten().map(drop));
    world.eventually("the route is made", late, made)?;
    let told = |it: Option<&Value>| {
        it.is_some_and(|it| observed(it) && says(it, "HTTPRoutesReady", "reason") == "RefsInvalid")
    };
    world.until("llmisvc", "m", "waits for the Gateway now", told, late)?;
    world.kubectl(&["create", "namespace", "kserve"], None).ok();
    cluster.kubectl(&["apply", "-n", "kserve", "-f", "-"], Some(&gateway("kserve-ingress-gateway", "x")))?;
    until_reason(&world, "m", "GatewaysReady", "GatewaysNotReady", PATIENCE).map(drop)
}
