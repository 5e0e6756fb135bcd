//! Who gets traffic, and what routes then say. What is published and told: `status/tests/traffic.rs`.

use std::collections::BTreeMap;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::*;
use crate::facts::{Key, Ref};
use crate::validate::routing::POOL_GROUP;
use crate::validate::routing::fixture::{World, spec};

fn member(name: &str, weight: i64) -> Member {
    Member {
        name: name.to_owned(),
        group: "g".to_owned(),
        weight,
        models: vec!["qwen".to_owned()],
        backend: pool_of(name),
        routable: true,
        ..Member::default()
    }
}

fn pool_of(name: &str) -> Backend {
    Backend::pool(POOL_GROUP, &names::inference_pool(name))
}

fn unready(name: &str, weight: i64) -> Member {
    Member { routable: false, ..member(name, weight) }
}

fn was(names: &[&str]) -> Vec<Listed> {
    let listed = |name: &&str| Listed { name: (*name).to_owned(), weight: 7, backend: pool_of(name) };
    names.iter().map(listed).collect()
}

/// What `m` lists, as `name=weight`.
fn listed(weight: i64, members: Vec<Member>, unknown: &[&str], live: &[&str]) -> Vec<String> {
    let unknown = unknown.iter().map(|name| (*name).to_owned()).collect();
    let models = vec!["qwen".to_owned()];
    let me = Me { name: "m", group: "g", weight, models, backend: pool_of("m") };
    let traffic = split(me, Members { members, unknown }, &was(live));
    traffic.listed.iter().map(|listed| format!("{}={}", listed.name, listed.weight)).collect()
}

#[test]
fn ready_members_are_listed_by_name_with_their_declared_weights() {
    let all = || vec![member("z", 0), member("m", 1), member("a", 10)];
    // The service's own weight is that of its spec, not the one that it has published.
    assert_eq!(listed(90, all(), &[], &[]), ["a=10", "m=90", "z=0"]);
    assert_eq!(listed(0, vec![member("a", 0), member("m", 0)], &[], &["a", "m"]), ["a=0", "m=0"]);
}

#[test]
fn who_cannot_answer_gets_nothing_while_another_can() {
    assert_eq!(listed(90, vec![member("m", 90), unready("a", 10)], &[], &["a", "m"]), ["m=90"]);
    assert_eq!(listed(90, vec![unready("m", 90), member("a", 10)], &[], &["a", "m"]), ["a=10"]);
    // One that never was listed comes when it is ready.
    assert_eq!(listed(90, vec![unready("m", 90), unready("a", 10)], &[], &["m"]), ["m=90"]);
}

#[test]
fn a_rule_is_never_empty() {
    assert_eq!(listed(90, vec![], &[], &[]), ["m=90"], "a first pass");
    let none = || vec![unready("m", 90), unready("a", 10)];
    assert_eq!(listed(90, none(), &[], &["a", "m"]), ["a=10", "m=90"], "who was listed stays");
    assert_eq!(listed(90, none(), &[], &["a"]), ["a=10"]);
    let standby = || vec![unready("m", 90), member("a", 0)];
    assert_eq!(listed(90, standby(), &[], &["a", "m"]), ["a=0", "m=90"], "weight 0 is no replacement");
    let gone = vec![unready("m", 90), Member { deleting: true, ..member("a", 10) }];
    assert_eq!(listed(90, gone, &[], &["a"]), ["m=90"]);
}

#[test]
fn who_is_stopped_deleted_or_serves_another_model_is_not_listed() {
    let stopped = Member { stopped: true, ..member("a", 10) };
    let deleting = Member { deleting: true, ..member("b", 10) };
    let other = Member { models: vec!["lora".to_owned(), "qwen".to_owned()], ..member("c", 10) };
    let members = vec![member("m", 90), stopped, deleting, other];
    assert_eq!(listed(90, members, &[], &["a", "b", "c", "m"]), ["m=90"]);
}

// G-28
#[test]
fn after_a_restart_the_route_stays_until_its_members_are_known() {
    assert_eq!(listed(90, vec![], &["a", "m"], &["a", "m"]), ["a=7", "m=90"]);
    assert_eq!(listed(90, vec![member("m", 90)], &["a"], &["a", "m"]), ["a=7", "m=90"]);
    // One that the route did not list before does not come unknown, and one that is gone does not stay.
    assert_eq!(listed(90, vec![member("m", 90)], &["a"], &["m"]), ["m=90"]);
    assert_eq!(listed(90, vec![member("m", 90)], &[], &["a", "m"]), ["m=90"]);
    assert_eq!(listed(90, vec![], &["a", "m"], &["a"]), ["a=7"], "itself it was not ready, either");
}

/// `ml/llama` with weight 90 of group `g`; `b` has a pool, `c` none, `d` a pool of somebody else, `x` is not ready.
fn world() -> World {
    let mut world = World::new();
    let models = vec!["llama".to_owned()];
    let of = |member: Member| Member { models: models.clone(), ..member };
    let members = vec![
        of(member("llama", 90)),
        of(member("b", 5)),
        Member { backend: Backend::service("c"), ..of(member("c", 3)) },
        Member { backend: Backend::pool(POOL_GROUP, "theirs"), ..of(member("d", 2)) },
        of(unready("x", 50)),
    ];
    let key = Key::Group(Ref::new("ml", "g"));
    world.see(key, json!(Members { members, ..Members::default() }));
    world
}

fn grouped(mut router: Value) -> Value {
    router["route"] = json!({"group": "g", "weight": 90});
    spec(router)
}

fn by_rule(route: &Value) -> BTreeMap<&str, &Value> {
    let rules = tree::list(route, &["spec", "rules"]).iter();
    rules.map(|rule| (tree::text(rule, &["name"]), &rule["backendRefs"])).collect()
}

fn pool(name: &str, weight: i64) -> Value {
    json!({"group": POOL_GROUP, "kind": "InferencePool", "name": name, "port": 8000, "weight": weight})
}

fn service(name: &str, weight: i64) -> Value {
    json!({"kind": "Service", "name": name, "port": 8000, "weight": weight})
}

// G-29, G-31
#[test]
fn shared_rules_list_pools_or_services_as_their_own_backend_is() {
    let route = world().object(&grouped(json!({"scheduler": {}})), Kind::HTTPRoute);
    assert_eq!(route["metadata"]["labels"]["serving.kserve.io/routing-group"], "g");
    let mut without_pool = service("c-kserve-workload-svc", 3);
    without_pool["group"] = json!("");
    let pools = json!([
        pool("b-inference-pool", 5),
        without_pool,
        pool("theirs", 2),
        pool("llama-inference-pool", 90)
    ]);
    let services = ["b", "c", "d", "llama"].map(|name| format!("{name}-kserve-workload-svc"));
    let services: Vec<Value> = services.iter().zip([5, 3, 2, 90]).map(|(name, w)| service(name, w)).collect();
    let (services, alone) = (json!(services), json!([pool("llama-inference-pool", 1)]));
    let own_service = json!([service("llama-kserve-workload-svc", 1)]);
    let private =
        ["completions", "chat-completions", "responses", "messages"].map(|p| format!("v1-{p}-path"));
    let shared = ["completions", "chat-completions", "responses", "messages"];
    let shared = shared.map(|path| format!("v1-{path}-publisher-path"));
    let mut expected: BTreeMap<&str, &Value> = private.iter().map(|name| (name.as_str(), &alone)).collect();
    expected.extend(shared.iter().map(|name| (name.as_str(), &pools)));
    expected.extend([
        ("v1-model-routing", &pools),
        ("v1-publisher-path-catch-all", &services),
        ("v1-catch-all-model-routing", &services),
        ("v1-catch-all-path", &own_service),
    ]);
    assert_eq!(by_rule(&route), expected);
}

// G-31
#[test]
fn without_a_pool_of_its_own_a_member_lists_those_of_the_others() {
    let route = world().object(&grouped(json!({})), Kind::HTTPRoute);
    let mut own = service("llama-kserve-workload-svc", 90);
    own["group"] = json!("");
    let listed = by_rule(&route)["v1-model-routing"];
    assert_eq!((&listed[0], &listed[3]), (&pool("b-inference-pool", 5), &own));
    let services = by_rule(&route)["v1-catch-all-model-routing"];
    assert_eq!(services[0], service("b-kserve-workload-svc", 5));
}

// G-29
#[test]
fn an_external_pool_is_listed_as_a_single_service_names_it() {
    let own = grouped(json!({"scheduler": {"pool": {"ref": {"name": "mine"}}}}));
    let route = world().object(&own, Kind::HTTPRoute);
    let listed = by_rule(&route)["v1-model-routing"];
    assert_eq!(listed[3], pool("mine", 90));
    assert_eq!(by_rule(&route)["v1-completions-path"], &json!([pool("mine", 1)]));
}

#[test]
fn a_rule_that_leads_elsewhere_and_paths_of_others_stay() {
    let path = |path: &str| json!([{"path": {"type": "PathPrefix", "value": path}}]);
    let own = |to: &str| json!([{"name": to, "port": 8000}]);
    let rules = json!([
        {"name": "private", "matches": path("/ml/llama"), "backendRefs": own("llama-kserve-workload-svc")},
        {"name": "like-private", "matches": path("/ml/llama2"), "backendRefs": own("llama-kserve-workload-svc")},
        {"name": "elsewhere", "matches": path("/docs"), "backendRefs": own("docs")},
        {"name": "redirect", "matches": path("/old"), "filters": [{"type": "RequestRedirect"}]},
    ]);
    let mut merged = spec(json!({"route": {"group": "g", "weight": 90}}));
    merged["router"]["route"]["http"] = json!({"spec": {"rules": rules}});
    let route = world().object(&merged, Kind::HTTPRoute);
    let found = by_rule(&route);
    assert_eq!(found["private"], &own("llama-kserve-workload-svc"));
    assert_eq!((found["elsewhere"], found["redirect"]), (&own("docs"), &Value::Null));
    assert_eq!(found["like-private"].as_array().map(Vec::len), Some(4));
}

#[test]
fn without_a_group_nothing_changes_and_nobody_is_asked() {
    let mut world = world();
    let route = world.object(&spec(json!({"scheduler": {}, "route": {}})), Kind::HTTPRoute);
    assert_eq!(route["metadata"]["labels"].get("serving.kserve.io/routing-group"), None);
    assert_eq!(by_rule(&route)["v1-model-routing"], &json!([pool("llama-inference-pool", 1)]));
}

// G-28
#[test]
fn a_live_route_tells_who_was_listed() {
    let mut first = world();
    let merged = grouped(json!({"scheduler": {}}));
    let live = first.object(&merged, Kind::HTTPRoute);
    let mut world = World::new();
    let members = ["b", "c", "d", "llama"].map(|name| {
        json!({"name": name, "weight": 1, "backendRef": {
            "kind": "InferencePool", "name": if name == "d" { "theirs" } else { "some" },
        }})
    });
    world.service["status"] = json!({"router": {"group": {"name": "g", "members": members}}});
    let unknown = ["b", "c", "d", "llama"].map(str::to_owned).into();
    world.see(Key::Group(Ref::new("ml", "g")), json!(Members { unknown, ..Members::default() }));
    world.live(Kind::HTTPRoute, "llama-kserve-route", live.clone());
    assert_eq!(world.object(&merged, Kind::HTTPRoute), live, "nothing is written");
}

// G-31
#[test]
fn whether_a_route_leads_to_a_service_is_told_by_its_real_backends() {
    let route = world().object(&grouped(json!({"scheduler": {}})), Kind::HTTPRoute);
    let leads = |backend| leave::leads_to(&route, &[backend]);
    assert!(
        leads(Backend::pool(POOL_GROUP, "theirs")) && leads(Backend::service("b")) && leads(pool_of("b"))
    );
    assert!(!leads(pool_of("d")) && !leads(Backend::service("x")));
    let older = Backend { group: "inference.networking.x-k8s.io".to_owned(), ..pool_of("b") };
    assert!(!leads(older), "one of both may go");
    let mut ungrouped = route.clone();
    ungrouped["metadata"]["labels"] = json!({});
    assert!(!leave::leads_to(&ungrouped, &[pool_of("b")]));
}
