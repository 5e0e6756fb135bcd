//! Routes of a service with LoRA adapters.

use std::collections::BTreeSet;

use super::*;
use crate::tree;

fn adapters(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("a{n:03}")).collect()
}

fn routes(count: usize) -> Vec<Value> {
    let mut world = World { adapters: adapters(count), ..World::new() };
    let objects = world.objects(&spec(json!({"scheduler": {}, "route": {}})));
    objects.into_iter().filter(|o| o.kind == Kind::HTTPRoute).map(|o| o.body).collect()
}

fn rules(route: &Value) -> &[Value] {
    tree::list(route, &["spec", "rules"])
}

/// Names and numbers of matches.
fn counts(route: &Value) -> Vec<(&str, usize)> {
    rules(route).iter().map(|r| (tree::text(r, &["name"]), tree::list(r, &["matches"]).len())).collect()
}

#[test]
// G-26
fn an_adapter_is_reached_by_header_and_by_publisher_path_as_the_model_is() {
    let routes = routes(1);
    let [first, second] = routes.as_slice() else { panic!("{routes:#?}") };
    let last = |name: &str| json!({"name": "X-Gateway-Model-Name", "type": "Exact", "value": format!("publishers/ml/models/{name}")});
    assert_eq!(
        rules(first)[11]["matches"],
        json!([{"headers": [last("llama-8b")]}, {"headers": [last("a000")]}])
    );
    let expected = [
        ("v1-completions-publisher-path-lora-1", 1),
        ("v1-chat-completions-publisher-path-lora-1", 1),
        ("v1-responses-publisher-path-lora-1", 1),
        ("v1-messages-publisher-path-lora-1", 1),
        ("v1-publisher-path-catch-all-lora-1", 1),
    ];
    assert_eq!((counts(first).len(), counts(second)), (12, expected.to_vec()));
    let mut completions = rules(first)[5].clone();
    completions["name"] = json!("v1-completions-publisher-path-lora-1");
    completions["matches"][0]["path"]["value"] = json!("/publishers/ml/models/a000/v1/completions");
    assert_eq!(rules(second)[0], completions);
    let metadata = |name: &str| {
        json!({"name": name, "namespace": "ml", "labels": {
            "app.kubernetes.io/name": "llama",
            "app.kubernetes.io/part-of": "llminferenceservice",
            "app.kubernetes.io/component": "llminferenceservice-router",
        }})
    };
    assert_eq!(second["metadata"], metadata("llama-kserve-route-2"));
    assert_eq!(first["metadata"], metadata("llama-kserve-route"));
    assert_eq!(second["spec"]["parentRefs"], first["spec"]["parentRefs"]);
}

#[test]
// G-26: limits of the Gateway API
fn any_number_of_adapters_fits() {
    for count in [0, 7, 8, 12, 13, 64, 200] {
        let routes = routes(count);
        let matches: Vec<usize> =
            routes.iter().map(|route| counts(route).iter().map(|(_, matches)| matches).sum()).collect();
        assert!(matches.iter().all(|all| *all <= 128), "{count} adapters: {matches:?}");
        for route in &routes {
            let names: BTreeSet<&str> = counts(route).iter().map(|(name, _)| *name).collect();
            assert_eq!(names.len(), rules(route).len(), "names of rules differ");
            assert!(rules(route).len() <= 16 && counts(route).iter().all(|(_, matches)| *matches <= 64));
        }
        let text = json!(routes).to_string();
        for adapter in adapters(count) {
            let header = format!("\"value\":\"publishers/ml/models/{adapter}\"");
            let path = format!("\"value\":\"/publishers/ml/models/{adapter}");
            assert_eq!((text.matches(&header).count(), text.matches(&path).count()), (9, 5), "{adapter}");
        }
    }
}

#[test]
fn a_service_without_adapters_has_one_route() {
    let routes = routes(0);
    assert_eq!((routes.len(), counts(&routes[0]).len()), (1, 12));
}

#[test]
fn a_path_that_only_begins_like_the_models_is_not_the_models() {
    let rules = json!([{"matches": [{"path": {"value": "/publishers/ml/models/llama-8b-chat"}}], "backendRefs": [{"name": "x"}]}]);
    let mut world = World { adapters: adapters(1), ..World::new() };
    let merged = spec(json!({"route": {"http": {"spec": {"rules": rules.clone()}}}}));
    let objects = world.objects(&merged);
    assert_eq!((objects.len(), &objects[0].body["spec"]["rules"]), (1, &rules));
}
