use super::*;

/// URL and names of addresses after changing Gateway and route.
fn urls(change: impl Fn(&mut World, &mut Value, &mut Value)) -> (Value, Vec<(String, String)>) {
    let mut merged = spec(json!({"route": {}}));
    let mut world = ready_world(&merged);
    let mut object = gateway("True");
    change(&mut world, &mut object, &mut merged["router"]["route"]["http"]["spec"]);
    world.see(Key::Gateway(default_gateway()), object);
    bring_to_life(&mut world, &merged, &accepted());
    let status = status_of(&mut world, &merged);
    let addresses = status["addresses"].as_array().cloned().unwrap_or_default().into_iter();
    let text = |a: &Value, key: &str| a[key].as_str().unwrap().to_owned();
    (status["url"].clone(), addresses.map(|a| (text(&a, "name"), text(&a, "url"))).collect())
}

fn listeners(both: bool) -> Value {
    let http = json!({"name": "http", "port": 80, "protocol": "HTTP"});
    let https = json!({"name": "https", "port": 443, "protocol": "HTTPS"});
    if both { json!([https, http]) } else { json!([http]) }
}

#[test]
// reference/router.md §13.6; G-40: the scheme counts among external URLs, too
fn the_url_follows_addresses_listeners_and_the_preferred_scheme() {
    let inside = |scheme: &str| format!("{scheme}://gw.kserve.svc.cluster.local/ml/llama");
    let outside = |scheme: &str| format!("{scheme}://203.0.113.1/ml/llama");
    let cases = [
        ("https", true, false, inside("https")),
        ("http", true, false, inside("http")),
        ("http", true, true, outside("http")),
        ("https", true, true, outside("https")),
        ("https", false, true, outside("http")),
    ];
    for (scheme, both, address, expected) in cases {
        let (url, _) = urls(|world, gateway, _| {
            world.settings.url_scheme = scheme.to_owned();
            gateway["spec"]["listeners"] = listeners(both);
            let service = json!({"metadata": {"name": "gw", "namespace": "kserve"}, "spec": {"ports": [{"port": 80}, {"port": 443}]}});
            world.see(Key::GatewayService(default_gateway()), service);
            if !address {
                gateway["status"]["addresses"] = json!([]);
            }
        });
        assert_eq!(url, expected);
    }
}

#[test]
// G-40: wildcards are substituted in both
fn hosts_come_from_route_then_listener_then_addresses() {
    let cases = [
        (json!(["a.example.com", "*"]), json!("b.example.com"), "http://a.example.com/ml/llama"),
        (json!(["*.example.com"]), Value::Null, "http://inference.example.com/ml/llama"),
        (json!([]), json!("*.example.org"), "http://inference.example.org/ml/llama"),
        (json!([]), json!("b.example.com"), "http://b.example.com/ml/llama"),
        (json!(["*"]), Value::Null, "http://203.0.113.1/ml/llama"),
    ];
    for (hostnames, hostname, expected) in cases {
        let (url, _) = urls(|_, gateway, route| {
            route["hostnames"] = hostnames.clone();
            gateway["spec"]["listeners"][0]["hostname"] = hostname.clone();
        });
        assert_eq!(url, expected);
    }
}

#[test]
fn ports_and_ip_versions_are_written_out() {
    let (url, addresses) = urls(|_, gateway, _| {
        gateway["spec"]["listeners"][0]["port"] = json!(8080);
        gateway["status"]["addresses"] = json!([{"value": "2001:db8::1"}]);
    });
    assert_eq!(url, "http://[2001:db8::1]:8080/ml/llama");
    assert!(
        addresses.iter().all(|(name, _)| !name.contains("internal")),
        "the Service lacks port 8080: {addresses:?}"
    );
}

#[test]
// G-33: the port counts as well
fn a_parent_may_choose_a_listener() {
    for (key, value) in [("sectionName", json!("https")), ("port", json!(443))] {
        let (_, addresses) = urls(|_, gateway, route| {
            gateway["spec"]["listeners"] = listeners(true);
            route["parentRefs"][0][key] = value.clone();
        });
        assert!(
            !addresses.is_empty() && addresses.iter().all(|(_, url)| url.starts_with("https://203")),
            "{addresses:?}"
        );
    }
}

#[test]
// G-40: loopback, link-local and shared addresses lead nowhere from outside; suffixes begin at a dot
fn hosts_are_classified() {
    let cases = [
        ("10.1.2.3", "internal"),
        ("127.0.0.1", "internal"),
        ("169.254.1.1", "internal"),
        ("100.64.0.1", "internal"),
        ("fd00::1", "internal"),
        ("fe80::1", "internal"),
        ("::1", "internal"),
        ("localhost", "internal"),
        ("gw.corp.internal", "internal"),
        ("gw.infra.svc.cluster.local", "gateway-internal"),
        ("notcluster.localx", "gateway-external"),
        ("thecluster.local.example.com", "gateway-external"),
        ("203.0.113.9", "gateway-external"),
        ("2001:db8::1", "gateway-external"),
    ];
    for (host, expected) in cases {
        let (_, addresses) = urls(|world, gateway, _| {
            gateway["status"]["addresses"] = json!([{"value": host}]);
            world.seen.insert(Key::GatewayService(default_gateway()), Answer::Absent);
        });
        let names: Vec<&str> = addresses.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [format!("{expected}-model-routing").as_str(), expected, expected], "{host}");
    }
}

#[test]
// G-40
fn a_prefix_ends_at_a_slash() {
    let rules = |path: &str| {
        json!([
            {"matches": [{"path": {"value": "/a"}, "headers": [{"name": "x-gateway-model-name"}]}], "backendRefs": [{"name": "s"}]},
            {"matches": [{"path": {"value": path}}], "backendRefs": [{"name": "s"}]},
        ])
    };
    for (path, expected) in
        [("/ml/llama2", "http://203.0.113.1/a"), ("/ml/llama/x", "http://203.0.113.1/ml/llama/x")]
    {
        assert_eq!(urls(|_, _, route| route["rules"] = rules(path)).0, expected);
    }
}

#[test]
// G-40
fn a_users_route_on_the_root_is_no_model_routing() {
    let rules = json!([{"matches": [{"path": {"value": "/"}}, {"headers": [{"name": "X-Gateway-Model-Name"}]}], "backendRefs": [{"name": "s"}]}]);
    let (url, addresses) = urls(|world, _, route| {
        route["rules"] = rules.clone();
        world.seen.insert(Key::GatewayService(default_gateway()), Answer::Absent);
    });
    assert_eq!(url, "http://203.0.113.1/");
    assert_eq!(addresses, [("gateway-external".to_owned(), "http://203.0.113.1/".to_owned())]);
}

#[test]
fn adapters_are_models_too() {
    let merged = spec(json!({"route": {}}));
    let mut world = ready_world(&merged);
    world.adapters = vec!["sql".to_owned()];
    let status = status_of(&mut world, &merged);
    let name = |name: &str| json!({"name": name});
    let qualified = [name("publishers/ml/models/llama-8b"), name("publishers/ml/models/sql")];
    assert_eq!(status["addresses"][0]["models"], json!(qualified));
    let all = [qualified[0].clone(), name("llama-8b"), qualified[1].clone(), name("sql")];
    assert_eq!(status["addresses"][1]["models"], json!(all));
}

#[test]
fn gateways_list_their_routes_and_listeners() {
    let merged = spec(
        json!({"gateway": {"refs": [{"name": "kserve-ingress-gateway", "namespace": "kserve", "sectionName": "http"}]}, "route": {}}),
    );
    let mut world = ready_world(&merged);
    let status = status_of(&mut world, &merged);
    assert_eq!(status["router"]["gateways"][0]["listeners"], json!(["http"]));
    assert_eq!(status["router"]["gateways"][0]["httpRoutes"][0]["name"], "llama-kserve-route");
    assert_eq!(status["router"].get("scheduler"), None);
}

#[test]
// G-40
fn a_url_is_listed_once_although_two_gateways_and_two_parents_lead_to_it() {
    let other = Ref::new("infra", "edge");
    let (_, addresses) = urls(|world, gateway, route| {
        route["hostnames"] = json!(["llm.example.com"]);
        let own = route["parentRefs"][0].clone();
        let edge = json!({"name": other.name, "namespace": other.namespace});
        route["parentRefs"] = json!([own, own, edge]);
        world.see(Key::Gateway(other.clone()), gateway.clone());
        world.seen.insert(Key::GatewayService(other.clone()), Answer::Absent);
        world.seen.insert(Key::GatewayService(default_gateway()), Answer::Absent);
    });
    let urls: Vec<&str> = addresses.iter().map(|(_, url)| url.as_str()).collect();
    let expected = ["", "ml/llama", "publishers/ml/models/llama-8b"];
    assert_eq!(urls, expected.map(|path| format!("http://llm.example.com/{path}")));
}
