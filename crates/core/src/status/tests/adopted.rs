use super::*;
use crate::adopt::Adopted;
use crate::labels::{Component, base};
use crate::object::Object;

fn with_adopted(world: &mut World, adopted: Adopted) -> Decision {
    let mut decision = decided(world, &spec(json!({})));
    if let Ok(desired) = &mut decision.outcome {
        let labels = base("llama", Component::Workload);
        desired.objects = vec![Object::new(Kind::Deployment, "ml", "llama-kserve", labels, json!({}))];
        desired.adopted = adopted;
    }
    decision
}

#[test]
fn what_a_former_controller_made_and_stays_is_told_with_what_the_next_change_brings() {
    let mut world = World::new();
    let kept = ["containers[main].args", "size"].map(str::to_owned).to_vec();
    let slot = |name: &str| (Kind::Deployment, name.to_owned());
    let adopted = Adopted::from_iter([(slot("llama-kserve"), kept), (slot("other"), Vec::new())]);
    let decision = with_adopted(&mut world, adopted);
    let expected = "Adopted=True FormerKept: left as the former controller made them, until a change of the spec asks for \
                    another pod template or the service is annotated llmisvc.io/adopt=now; that will change Deployment \
                    llama-kserve: containers[main].args, size; Deployment other: nothing that shows";
    assert_eq!(line(&report(&world, &decision, &[]), "Adopted"), expected);
    let decision = with_adopted(&mut world, Adopted::default());
    assert_eq!(line(&report(&world, &decision, &[]), "Adopted"), "");
}

#[test]
fn the_generation_that_the_former_controller_has_seen_stays_until_its_workloads_are_taken_over() {
    let mut world = World::new();
    world.service["metadata"]["generation"] = json!(5);
    world.service["metadata"]["uid"] = json!("uid-llama");
    world.service["status"] = json!({"observedGeneration": 4});
    let template = json!({"spec": {"template": {"spec": {}}}});
    for (name, kind, observed) in [
        ("llama-kserve", Kind::Deployment, 4),
        // One that is not wanted any more is none to be taken over, and a Service has no pods.
        ("llama-kserve-prefill", Kind::Deployment, 5),
        ("llama-kserve-workload-svc", Kind::Service, 5),
    ] {
        let decision = with_adopted(&mut world, Adopted::default());
        world.live.clear();
        let body = if kind == Kind::Service { json!({}) } else { template.clone() };
        world.live(kind, name, body);
        let mut child = world.live.pop_first().unwrap();
        child.1.created_by_post = true;
        world.live.insert(child.0.clone(), child.1.clone());
        assert_eq!(report(&world, &decision, &[])["observedGeneration"], observed, "{name}");
        child.1.created_by_post = false;
        world.live.insert(child.0, child.1);
        assert_eq!(report(&world, &decision, &[])["observedGeneration"], 5, "{name}");
    }
    // Nothing is decided: nothing is taken over either.
    world.live(Kind::Deployment, "llama-kserve", template);
    for child in world.live.values_mut() {
        child.created_by_post = true;
    }
    assert_eq!(report(&world, &faulty("ConfigNotFound"), &[])["observedGeneration"], 4);
}

#[test]
fn where_the_route_leads_to_the_older_pool_that_one_counts() {
    let merged = with_route();
    let accepts = |status: &str| json!({"status": {"parent": [parent(&default_gateway(), &[says("Accepted", status)])]}});
    let pool = Ref::new("ml", "llama-inference-pool");
    let refused = "InferencePoolReady=False InferencePoolNotReady: InferencePool ml/llama-inference-pool: Gateway \
                   kserve/kserve-ingress-gateway: Accepted=False (reason R, message m)";
    for (status, expected) in [("True", "InferencePoolReady=True"), ("False", refused)] {
        let mut world = ready_world(&merged);
        world.live(Kind::OlderInferencePool, &pool.name, accepts(status));
        let slot = (Kind::HTTPRoute, "llama-kserve-route".to_owned());
        let mut route = world.live[&slot].body.as_ref().clone();
        let backend =
            json!({"group": "inference.networking.x-k8s.io", "kind": "InferencePool", "name": pool.name});
        route["spec"]["rules"] = json!([{"backendRefs": [backend]}]);
        world.live(slot.0, &slot.1, route);
        // The newer one has been accepted by nobody.
        world.live(Kind::InferencePool, &pool.name, json!({"metadata": {"generation": 1}}));
        assert_eq!(line(&status_of(&mut world, &merged), "InferencePoolReady"), expected);
    }
}
