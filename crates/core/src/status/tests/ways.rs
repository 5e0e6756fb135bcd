//! Ways in that are no managed route: Ingresses, routes of a mesh, none at all; and what leads nowhere.

use super::*;

fn ingress(rules: &Value, tls: &Value, address: &str) -> Value {
    let points = if address.is_empty() { json!([]) } else { json!([{"ip": address}]) };
    json!({"spec": {"ingressClassName": "nginx", "rules": rules, "tls": tls}, "status": {"loadBalancer": {"ingress": points}}})
}

fn rule(host: &str, path: &str) -> Value {
    let backend = json!({"service": {"name": "llama-kserve-workload-svc", "port": {"number": 8000}}});
    json!({"host": host, "http": {"paths": [{"path": path, "backend": backend}]}})
}

fn with_ingress_ref() -> Value {
    spec(json!({"ingress": {"refs": [{"name": "mine"}]}}))
}

/// Condition, URL, and the names of the addresses.
fn seen(answer: Answer) -> (String, Value, Vec<String>) {
    let merged = with_ingress_ref();
    let mut world = World::new();
    bring_to_life(&mut world, &merged, &[]);
    world.seen.insert(Key::Ingress(Ref::new("ml", "mine")), answer);
    let status = status_of(&mut world, &merged);
    let addresses = status["addresses"].as_array().cloned().unwrap_or_default();
    let names = addresses.iter().map(|a| a["name"].as_str().unwrap().to_owned()).collect();
    (line(&status, "IngressReady"), status["url"].clone(), names)
}

#[test]
fn an_ingress_of_the_user_is_judged_or_named() {
    let hosts = json!([rule("llm.example.com", "/ml/llama(/|$)(.*)")]);
    let found = |body: Value| Answer::Found(body.into());
    let cases = [
        (found(ingress(&hosts, &json!([]), "203.0.113.7")), "IngressReady=True"),
        (
            found(ingress(&hosts, &json!([]), "")),
            "IngressReady=False IngressNotReady: Ingress ml/mine has no address yet; is a controller running for IngressClass nginx?",
        ),
        (
            Answer::Absent,
            "IngressReady=False RefsInvalid: Ingress ml/mine not found; create it or correct spec.router.ingress.refs",
        ),
        (
            Answer::Unreadable("timeout".to_owned()),
            "IngressReady=Unknown IngressFetchError: Ingress ml/mine could not be read: timeout",
        ),
    ];
    for (answer, expected) in cases {
        assert_eq!(seen(answer).0, expected);
    }
}

#[test]
fn urls_of_an_ingress_come_from_its_rules_certificates_and_address() {
    let tls = json!([{"hosts": ["llm.example.com"], "secretName": "c"}]);
    let cases = [
        (
            json!([rule("llm.example.com", "/")]),
            tls.clone(),
            "203.0.113.7",
            "https://llm.example.com/",
            "ingress-external",
        ),
        (
            json!([rule("a.example.com", "/")]),
            tls,
            "203.0.113.7",
            "http://a.example.com/",
            "ingress-external",
        ),
        (json!([rule("", "/x/(.*)")]), json!([]), "10.0.0.7", "http://10.0.0.7/x", "internal"),
        (
            json!([rule("*.example.com", "")]),
            json!([]),
            "203.0.113.7",
            "http://inference.example.com/",
            "ingress-external",
        ),
    ];
    for (rules, tls, address, url, name) in cases {
        let (ready, found, names) = seen(Answer::Found(ingress(&rules, &tls, address).into()));
        assert_eq!((ready.as_str(), found, names), ("IngressReady=True", json!(url), vec![name.to_owned()]));
    }
}

#[test]
fn a_managed_ingress_waits_for_its_controller() {
    let merged = spec(json!({"ingress": {}}));
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    let why = "IngressReady=False IngressNotReady: Ingress ml/llama-kserve-ingress has not been created yet";
    assert_eq!(line(&status_of(&mut world, &merged), "IngressReady"), why);
    bring_to_life(&mut world, &merged, &[]);
    let why = "IngressReady=False IngressNotReady: Ingress ml/llama-kserve-ingress has no address yet; is a controller running for the default IngressClass?";
    assert_eq!(line(&status_of(&mut world, &merged), "IngressReady"), why);

    let mut body = world.object(&merged, Kind::Ingress);
    body["status"] = json!({"loadBalancer": {"ingress": [{"hostname": "lb.example.net"}]}});
    world.live(Kind::Ingress, "llama-kserve-ingress", body);
    let status = status_of(&mut world, &merged);
    assert_eq!(
        (line(&status, "Ready").as_str(), &status["url"]),
        ("Ready=True", &json!("http://llama-ml.example.com/"))
    );
    let origin = json!({"group": "networking.k8s.io", "kind": "Ingress", "name": "llama-kserve-ingress", "namespace": "ml"});
    let models = json!([{"name": "publishers/ml/models/llama-8b"}, {"name": "llama-8b"}]);
    let address = json!({"name": "ingress-external", "url": "http://llama-ml.example.com/", "models": models, "origin": origin});
    assert_eq!(status["addresses"], json!([address]));
    world.settings.url_scheme = "https".to_owned();
    assert_eq!(status_of(&mut world, &merged)["url"], "https://llama-ml.example.com/");
}

/// The router's condition and the URL of a service whose Gateway and route are ready, after `change`.
fn reached(change: impl Fn(&mut World, &mut Value, &mut Value)) -> (String, Value) {
    let mut merged = spec(json!({"route": {}}));
    let mut world = ready_world(&merged);
    let mut object = gateway("True");
    change(&mut world, &mut object, &mut merged["router"]["route"]["http"]["spec"]);
    world.see(Key::Gateway(default_gateway()), object);
    let mut answer = accepted();
    answer[0]["parentRef"] = merged["router"]["route"]["http"]["spec"]["parentRefs"][0].clone();
    bring_to_life(&mut world, &merged, &answer);
    let status = status_of(&mut world, &merged);
    assert_eq!(line(&status, "HTTPRoutesReady"), "HTTPRoutesReady=True");
    (line(&status, "RouterReady"), status["url"].clone())
}

#[test]
// G-39
fn without_a_url_the_router_is_not_ready() {
    let no =
        "RouterReady=False NoURL: no URL leads to the service: Gateway kserve/kserve-ingress-gateway has no";
    let (router, url) = reached(|world, gateway, _| {
        gateway["status"]["addresses"] = json!([]);
        world.seen.insert(Key::GatewayService(default_gateway()), Answer::Absent);
    });
    let why = "address, and there is no Service of its own for its listeners; give it an address, or set spec.router.gateway.refs to another one";
    assert_eq!((router, url), (format!("{no} {why}"), Value::Null));
    let (router, url) = reached(|_, _, route| route["parentRefs"][0]["sectionName"] = json!("web"));
    let why = "HTTP, HTTPS or TLS listener \"web\" that the route is bound to; add one to the Gateway or correct the route's parentRefs";
    assert_eq!((router, url), (format!("{no} {why}"), Value::Null));
    let (router, url) = reached(|world, gateway, _| {
        gateway["status"]["addresses"] = json!([]);
        world.seen.insert(Key::GatewayService(default_gateway()), Answer::Unreadable("timeout".to_owned()));
    });
    assert_eq!((router.as_str(), url), ("RouterReady=True", Value::Null), "what cannot be read is not wrong");
}

#[test]
// G-33
fn a_route_of_a_mesh_needs_no_gateway() {
    let mesh = |port: Value| {
        reached(move |_, _, route| {
            route["parentRefs"] = json!([{"group": "", "kind": "Service", "name": "mesh"}]);
            route["parentRefs"][0]["port"] = port.clone();
        })
    };
    let url = |url: &str| ("RouterReady=True".to_owned(), json!(url));
    assert_eq!(mesh(json!(80)), url("http://mesh.ml.svc.cluster.local/ml/llama"));
    assert_eq!(mesh(Value::Null), url("http://llama-kserve-workload-svc.ml.svc.cluster.local:8000"));
}

#[test]
// G-39; asks A2
fn a_gateway_and_a_scheduler_without_a_route_become_ready_through_a_route_of_somebody_else() {
    let at = Ref::new("infra", "byo");
    let merged = spec(json!({"gateway": {"refs": [{"name": "byo", "namespace": "infra"}]}, "scheduler": {}}));
    let mut world = World::new();
    world.see(Key::Gateway(at.clone()), gateway("True"));
    bring_to_life(&mut world, &merged, &[parent(&at, &[says("Accepted", "True")])]);
    let status = status_of(&mut world, &merged);
    assert_eq!(line(&status, "Ready"), "Ready=True");
    let group = "gateway.networking.k8s.io";
    let mut expected = router();
    expected["gateways"] = json!([{"group": group, "kind": "Gateway", "name": "byo", "namespace": "infra"}]);
    assert_eq!(status["router"], expected);
    assert_eq!(status["url"], "http://llama-kserve-workload-svc.ml.svc.cluster.local:8000");
    world.see(Key::Gateway(at), gateway("False"));
    let unready = "GatewaysReady=False GatewaysNotReady: Gateway infra/byo is not programmed (False): so says the gateway";
    assert_eq!(line(&status_of(&mut world, &merged), "GatewaysReady"), unready);
}

#[test]
// G-39; asks A2
fn a_route_that_goes_past_the_pool_waits_for_no_gateway_to_take_it() {
    let rules = json!([{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"kind": "Service", "name": "llama-kserve-workload-svc", "port": 8000}]}]);
    let refs = json!([{"name": "kserve-ingress-gateway", "namespace": "kserve"}]);
    let merged = spec(
        json!({"gateway": {"refs": refs}, "scheduler": {}, "route": {"http": {"spec": {"rules": rules}}}}),
    );
    let mut world = ready_world(&merged);
    let pool = world.object(&merged, Kind::InferencePool);
    world.live(Kind::InferencePool, "llama-inference-pool", pool);
    assert_eq!(line(&status_of(&mut world, &merged), "Ready"), "Ready=True");
}

#[test]
// G-26
fn a_further_route_is_waited_for_and_has_no_urls_of_its_own() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    let urls = status_of(&mut world, &merged)["addresses"].as_array().unwrap().len();
    world.adapters = vec!["sql".to_owned()];
    let why = "HTTPRoutesReady=False HTTPRoutesNotReady: HTTPRoute ml/llama-kserve-route-2 has not been created yet";
    assert_eq!(line(&status_of(&mut world, &merged), "HTTPRoutesReady"), why);
    bring_to_life(&mut world, &merged, &accepted());
    let status = status_of(&mut world, &merged);
    assert_eq!(
        (line(&status, "Ready").as_str(), status["addresses"].as_array().unwrap().len()),
        ("Ready=True", urls)
    );
    let routes = status["router"]["gateways"][0]["httpRoutes"].as_array().unwrap();
    let names: Vec<&str> = routes.iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["llama-kserve-route", "llama-kserve-route-2"]);
    let fault = report(&world, &faulty("CombineBaseError"), &[]);
    assert_eq!(fault["router"], status["router"], "they are known by what lives, too");
}

#[test]
fn an_ingress_that_is_refused_is_told_and_one_that_serves_is_known_without_a_decision() {
    let merged = spec(json!({"ingress": {}}));
    let mut world = World::new();
    let mut body = world.object(&merged, Kind::Ingress);
    body["status"] = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}});
    world.live(Kind::Ingress, "llama-kserve-ingress", body);
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    let decision = decided(&mut world, &merged);
    let refused = Refusal {
        kind: Kind::Ingress,
        name: "llama-kserve-ingress".to_owned(),
        reason: RefusalReason::Other,
        message: "quota".to_owned(),
    };
    let told = line(&report(&world, &decision, &[refused]), "IngressReady");
    assert!(
        told.starts_with("IngressReady=False IngressReconcileError: ") && told.contains("quota"),
        "{told}"
    );

    let fault = report(&world, &faulty("CombineBaseError"), &[]);
    assert_eq!(
        (line(&fault, "IngressReady").as_str(), &fault["url"]),
        ("IngressReady=True", &json!("http://llama-ml.example.com/"))
    );
}

#[test]
fn an_ingress_that_the_service_names_is_known_without_a_decision() {
    let mut world = World::new();
    world.service["spec"]["router"]["ingress"]["refs"] = json!([{"name": "mine", "namespace": "infra"}]);
    let body = ingress(&json!([rule("llm.example.com", "/")]), &json!([]), "203.0.113.7");
    world.see(Key::Ingress(Ref::new("infra", "mine")), body);
    let fault = report(&world, &faulty("CombineBaseError"), &[]);
    assert_eq!(
        (line(&fault, "IngressReady").as_str(), &fault["url"]),
        ("IngressReady=True", &json!("http://llm.example.com/"))
    );
}

#[test]
fn an_ingress_without_rules_leads_nowhere() {
    let merged = with_ingress_ref();
    let mut world = World::new();
    bring_to_life(&mut world, &merged, &[]);
    world.see(Key::Ingress(Ref::new("ml", "mine")), ingress(&json!([]), &json!([]), "203.0.113.7"));
    let why = "RouterReady=False NoURL: no URL leads to the service: Ingress ml/mine has no rule that leads anywhere";
    assert_eq!(line(&status_of(&mut world, &merged), "RouterReady"), why);
    let mut body = ingress(&json!([]), &json!([]), "203.0.113.7");
    body["spec"]["defaultBackend"] = json!({"service": {"name": "x", "port": {"number": 80}}});
    world.see(Key::Ingress(Ref::new("ml", "mine")), body);
    assert_eq!(status_of(&mut world, &merged)["url"], "http://203.0.113.7/");
}

#[test]
fn several_gateways_and_sections_are_listed_in_order() {
    let refs = json!([
        {"name": "kserve-ingress-gateway", "namespace": "kserve", "sectionName": "http"},
        {"name": "edge"},
        {"name": "kserve-ingress-gateway", "namespace": "kserve", "sectionName": "admin"},
    ]);
    let merged = spec(json!({"gateway": {"refs": refs}, "route": {}}));
    let mut world = ready_world(&merged);
    let mut object = gateway("True");
    let listener = |name: &str, port: i64| json!({"name": name, "port": port, "protocol": "HTTP"});
    object["spec"]["listeners"] =
        json!([listener("http", 80), listener("admin", 8080), listener("other", 9090)]);
    world.see(Key::Gateway(default_gateway()), object);
    let mut edge = gateway("True");
    edge["status"]["addresses"] = json!([{"value": "198.51.100.1"}]);
    world.see(Key::Gateway(Ref::new("ml", "edge")), edge);
    world.seen.insert(Key::GatewayService(Ref::new("ml", "edge")), Answer::Absent);
    let says = [says("Accepted", "True"), says("ResolvedRefs", "True")];
    let route = world.object(&merged, Kind::HTTPRoute);
    let parents = route["spec"]["parentRefs"].as_array().unwrap().iter();
    let parents: Vec<Value> = parents.map(|p| json!({"parentRef": p, "conditions": says})).collect();
    bring_to_life(&mut world, &merged, &parents);
    let status = status_of(&mut world, &merged);
    assert_eq!(line(&status, "Ready"), "Ready=True");
    let gateways = status["router"]["gateways"].as_array().unwrap();
    let named: Vec<(&Value, &Value)> = gateways.iter().map(|g| (&g["name"], &g["listeners"])).collect();
    let sections = json!(["admin", "http"]);
    assert_eq!(named, [(&json!("kserve-ingress-gateway"), &sections), (&json!("edge"), &Value::Null)]);
    let urls: Vec<&str> =
        status["addresses"].as_array().unwrap().iter().map(|a| a["url"].as_str().unwrap()).collect();
    let below = |host: &str| {
        ["", "ml/llama", "publishers/ml/models/llama-8b"].map(|path| format!("http://{host}/{path}"))
    };
    let hosts = ["198.51.100.1", "203.0.113.1", "203.0.113.1:8080", "gw.kserve.svc.cluster.local"];
    let mut expected: Vec<String> = hosts.iter().flat_map(|host| below(host)).collect();
    expected.sort();
    assert_eq!(urls, expected);
}
