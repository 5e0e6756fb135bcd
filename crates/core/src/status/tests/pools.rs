use super::*;
use crate::pools::Group;

const POOL: &str = "llama-inference-pool";
const READY: &str = "InferencePoolReady=True";
const NOT_YET: &str = "InferencePoolReady=False WaitingForGateway: InferencePool ml/llama-inference-pool is not yet \
                       accepted by Gateway kserve/kserve-ingress-gateway";

fn judged(world: &mut World, merged: &Value) -> String {
    line(&status_of(world, merged), "InferencePoolReady")
}

fn set_parents(world: &mut World, kind: Kind, name: &str, list: &str, parents: &[Value]) {
    let mut body = world.live[&(kind, name.to_owned())].body.as_ref().clone();
    body["status"] = json!({list: parents});
    world.live(kind, name, body);
}

// G-34
#[test]
fn parents_of_a_pool_are_compared_whole() {
    let merged = with_route();
    let gateway = default_gateway();
    let with = |key: &str, value: &str| {
        let mut parent = parent(&gateway, &[says("Accepted", "True")]);
        parent["parentRef"][key] = json!(value);
        parent
    };
    let cases = [
        (vec![with("group", "gateway.networking.k8s.io")], READY),
        (vec![with("kind", "Gateway")], READY),
        (vec![with("kind", "Service")], NOT_YET),
        (vec![with("group", "example.com")], NOT_YET),
        (vec![with("namespace", "ml")], NOT_YET),
        (vec![with("name", "former")], NOT_YET),
        (vec![with("name", "former"), accepted()[0].clone()], READY),
    ];
    for (parents, expected) in cases {
        let mut world = ready_world(&merged);
        set_parents(&mut world, Kind::InferencePool, POOL, "parents", &parents);
        assert_eq!(judged(&mut world, &merged), expected, "{parents:?}");
    }
}

#[test]
fn a_gateway_that_knows_no_such_pool_is_told_with_what_to_do() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    let mut unknown = says("ResolvedRefs", "False");
    unknown["reason"] = json!("InvalidKind");
    let parents = [parent(&default_gateway(), &[says("Accepted", "True"), unknown])];
    set_parents(&mut world, Kind::HTTPRoute, "llama-kserve-route", "parents", &parents);
    set_parents(&mut world, Kind::InferencePool, POOL, "parents", &[]);
    let hint = ", which knows no InferencePools of the group inference.networking.k8s.io (ResolvedRefs is InvalidKind): \
                turn on the Inference Extension in its controller, or leave spec.router.scheduler out";
    assert_eq!(judged(&mut world, &merged), format!("{NOT_YET}{hint}"));
}

/// The managed route, or the user's, leads to the pool in these groups.
fn leading(groups: &[Group]) -> Value {
    let backend = |group: &Group| json!({"group": group.name(), "kind": "InferencePool", "name": POOL});
    let backends: Vec<Value> = groups.iter().map(backend).collect();
    let gateway = default_gateway();
    json!({
        "metadata": {"generation": 1},
        "spec": {"parentRefs": [{"name": gateway.name, "namespace": gateway.namespace}], "rules": [{"backendRefs": backends}]},
        "status": {"parents": accepted()},
    })
}

fn group_of(status: &Value) -> &Value {
    &status["router"]["scheduler"]["inferencePool"]["group"]
}

// G-44
#[test]
fn the_group_is_the_one_that_the_routes_lead_to() {
    let merged = spec(json!({"scheduler": {}, "route": {"http": {"refs": [{"name": "mine"}]}}}));
    for (groups, expected) in [
        (vec![Group::V1], Group::V1),
        (vec![Group::Older], Group::Older),
        (vec![Group::V1, Group::Older], Group::V1),
        (vec![], Group::V1),
    ] {
        let mut world = ready_world(&merged);
        world.cluster.served.insert(Kind::OlderInferencePool);
        world.see(Key::HttpRoute(Ref::new("ml", "mine")), leading(&groups));
        world.live(Kind::OlderInferencePool, POOL, json!({"status": {"parent": accepted()}}));
        let status = status_of(&mut world, &merged);
        assert_eq!(
            (group_of(&status), line(&status, "InferencePoolReady").as_str()),
            (&json!(expected.name()), READY)
        );
    }
}

#[test]
fn routes_that_lead_to_both_groups_wait_for_both_pools() {
    let merged = spec(json!({"scheduler": {}, "route": {"http": {"refs": [{"name": "mine"}]}}}));
    let mut world = ready_world(&merged);
    world.cluster.served.insert(Kind::OlderInferencePool);
    world.see(Key::HttpRoute(Ref::new("ml", "mine")), leading(&[Group::V1, Group::Older]));
    let missing = "InferencePoolReady=False InferencePoolFetchError: InferencePool ml/llama-inference-pool has not been \
                   created yet";
    assert_eq!(judged(&mut world, &merged), missing);
    world.live(Kind::OlderInferencePool, POOL, json!({"status": {"parent": []}}));
    assert_eq!(judged(&mut world, &merged), NOT_YET);
    world.live(Kind::OlderInferencePool, POOL, json!({"status": {"parent": accepted()}}));
    assert_eq!(judged(&mut world, &merged), READY);
}

#[test]
fn without_a_decision_the_pool_that_lives_counts() {
    let mut world = World::new();
    world.see(Key::Gateway(default_gateway()), gateway("True"));
    world.live(Kind::OlderInferencePool, POOL, json!({"status": {"parent": accepted()}}));
    assert_eq!(line(&report(&world, &faulty("ConfigNotFound"), &[]), "InferencePoolReady"), READY);
    world.live.clear();
    let older = json!({"router": {"scheduler": {"inferencePool": {"group": Group::Older.name()}}}});
    world.service["status"] = older;
    world.service["spec"] = json!({"router": {"scheduler": {"pool": {"ref": {"name": "shared"}}}}});
    world.see(Key::OlderInferencePool(Ref::new("ml", "shared")), json!({"status": {"parent": accepted()}}));
    assert_eq!(line(&report(&world, &faulty("ConfigNotFound"), &[]), "InferencePoolReady"), READY);
}

#[test]
fn refused_pools_and_objectives_are_told_with_the_pool() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    let decision = decided(&mut world, &merged);
    for (kind, reason, expected) in [
        (Kind::OlderInferencePool, RefusalReason::NotServed, "CRDNotFound"),
        (Kind::OlderInferencePool, RefusalReason::Invalid, "SchedulerReconcileError"),
        (Kind::InferenceObjective, RefusalReason::Invalid, "SchedulerReconcileError"),
        (Kind::InferenceModel, RefusalReason::Taken, "SchedulerReconcileError"),
    ] {
        let refusal = Refusal { kind, name: "x".to_owned(), reason, message: "no".to_owned() };
        let status = report(&world, &decision, &[refusal]);
        assert!(
            line(&status, "InferencePoolReady").starts_with(&format!("InferencePoolReady=False {expected}")),
            "{status:#}"
        );
    }
}
