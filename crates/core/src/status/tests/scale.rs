use super::*;

fn scale_of(status: &Value) -> (i64, &str) {
    (status["replicas"].as_i64().unwrap_or(-1), status["selector"].as_str().unwrap_or_default())
}

// E-12
#[test]
fn what_is_there_counts_whether_it_serves_or_not() {
    let mut world = World::new();
    let mut live = deployment(5);
    live["spec"]["replicas"] = json!(7);
    live["status"]["availableReplicas"] = json!(1);
    world.live(Kind::Deployment, "llama-kserve", live);
    let status = status_of(&mut world, &json!({}));
    assert_eq!(scale_of(&status), (5, SELECTOR));
    let primary = &status["workloads"]["primary"];
    assert_eq!((&primary["replicas"], &primary["readyReplicas"]), (&json!(7), &json!(1)));
}

// E-12, W-1
#[test]
fn a_live_selector_is_the_one_that_counts() {
    let mut world = World::new();
    let mut live = deployment(1);
    live["spec"]["selector"] = json!({"matchLabels": {"team": "a", "app.kubernetes.io/name": "llama"}});
    world.live(Kind::Deployment, "llama-kserve", live);
    let status = status_of(&mut world, &json!({}));
    assert_eq!(scale_of(&status), (1, "app.kubernetes.io/name=llama,team=a"));
}

// E-12
#[test]
fn of_a_group_only_the_leader_is_selected() {
    let mut world = World::new();
    let live = json!({"spec": {"replicas": 3}, "status": {"replicas": 2, "updatedReplicas": 2}});
    world.live(Kind::LeaderWorkerSet, "llama-kserve-mn", live);
    let decision = groups::groups(&mut world);
    let leaders =
        "leaderworkerset.sigs.k8s.io/name=llama-kserve-mn,leaderworkerset.sigs.k8s.io/worker-index=0";
    assert_eq!(scale_of(&report(&world, &decision, &[])), (2, leaders));
}

// E-12
#[test]
fn a_service_of_which_nothing_is_known_counts_nothing() {
    let mut world = World::new();
    let fault = faulty("ConfigNotFound");
    assert_eq!(scale_of(&report(&world, &fault, &[])), (-1, ""));
    // What runs on after a change that is wrong still counts.
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    assert_eq!(scale_of(&report(&world, &fault, &[])), (2, SELECTOR));
}
