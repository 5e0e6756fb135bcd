use super::*;

#[test]
// G-34, G-43: parents that are no longer named do not count; no dumps in messages
fn what_a_gateway_says_decides_about_route_and_pool() {
    let gw = default_gateway();
    let other = Ref::new("kserve", "old-gateway");
    let stale = json!({"type": "Accepted", "status": "True", "observedGeneration": 1});
    let resolved = says("ResolvedRefs", "True");
    let cases = [
        (
            "no answer",
            vec![],
            "HTTPRoutesNotReady: HTTPRoute ml/llama-kserve-route: waiting for Gateway kserve/kserve-ingress-gateway to accept it",
            "WaitingForGateway: InferencePool ml/llama-inference-pool is not yet accepted by Gateway kserve/kserve-ingress-gateway",
        ),
        (
            "refused",
            vec![parent(&gw, &[says("Accepted", "False"), resolved.clone()])],
            "HTTPRoutesNotReady: HTTPRoute ml/llama-kserve-route: Gateway kserve/kserve-ingress-gateway: Accepted=False (reason R, message m)",
            "InferencePoolNotReady: InferencePool ml/llama-inference-pool: Gateway kserve/kserve-ingress-gateway: Accepted=False (reason R, message m)",
        ),
        (
            "backends missing",
            vec![parent(&gw, &[says("Accepted", "True")])],
            "HTTPRoutesNotReady: HTTPRoute ml/llama-kserve-route: Gateway kserve/kserve-ingress-gateway: ResolvedRefs is missing (ConditionMissing)",
            "",
        ),
        (
            "a policy controller",
            vec![parent(&gw, std::slice::from_ref(&resolved))],
            "HTTPRoutesNotReady: HTTPRoute ml/llama-kserve-route: waiting for Gateway kserve/kserve-ingress-gateway to accept it",
            "WaitingForGateway: InferencePool ml/llama-inference-pool is not yet accepted by Gateway kserve/kserve-ingress-gateway",
        ),
        (
            "an old parent refuses",
            vec![parent(&other, &[says("Accepted", "False")]), accepted()[0].clone()],
            "",
            "",
        ),
        (
            "stale",
            vec![parent(&gw, &[stale, resolved])],
            "HTTPRoutesNotReady: HTTPRoute ml/llama-kserve-route: Gateway kserve/kserve-ingress-gateway: Accepted is of an older generation",
            "WaitingForGateway: InferencePool ml/llama-inference-pool is not yet accepted by Gateway kserve/kserve-ingress-gateway",
        ),
    ];
    let merged = with_route();
    for (name, parents, route, pool) in cases {
        let mut world = ready_world(&merged);
        bring_to_life(&mut world, &merged, &parents);
        if name == "stale" {
            for (kind, child) in
                [(Kind::HTTPRoute, "llama-kserve-route"), (Kind::InferencePool, "llama-inference-pool")]
            {
                let mut body = (*world.live[&(kind, child.to_owned())].body).clone();
                body["metadata"]["generation"] = json!(2);
                world.live(kind, child, body);
            }
        }
        let status = status_of(&mut world, &merged);
        let expect = |kind: &str, why: &str| {
            if why.is_empty() { format!("{kind}=True") } else { format!("{kind}=False {why}") }
        };
        assert_eq!(line(&status, "HTTPRoutesReady"), expect("HTTPRoutesReady", route), "{name}");
        assert_eq!(line(&status, "InferencePoolReady"), expect("InferencePoolReady", pool), "{name}");
    }
}

#[test]
fn a_gateway_that_goes_away_is_named() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    let before = status_of(&mut world, &merged);
    assert_eq!(line(&before, "Ready"), "Ready=True");
    world.service["status"] = before;
    world.seen.insert(Key::Gateway(default_gateway()), Answer::Absent);
    let after = status_of(&mut world, &merged);
    let why = "False RefsInvalid: Gateway kserve/kserve-ingress-gateway not found; create it or set spec.router.gateway.refs";
    assert_eq!(line(&after, "Ready"), format!("Ready={why}"));
    assert_eq!(line(&after, "GatewaysReady"), format!("GatewaysReady={why}"));
    assert_eq!(line(&after, "HTTPRoutesReady"), format!("HTTPRoutesReady={why}"));
    assert_eq!(line(&after, "WorkloadsReady"), "WorkloadsReady=True");
    assert_eq!((&after["url"], &after["addresses"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_gateway_that_cannot_be_read_is_unknown_and_not_wrong() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    world.seen.insert(Key::Gateway(default_gateway()), Answer::Unreadable("403 forbidden".to_owned()));
    let status = status_of(&mut world, &merged);
    let why =
        "Unknown GatewayFetchError: Gateway kserve/kserve-ingress-gateway could not be read: 403 forbidden";
    assert_eq!(line(&status, "GatewaysReady"), format!("GatewaysReady={why}"));
    assert_eq!(line(&status, "Ready"), format!("Ready={why}"));
}

#[test]
fn what_cannot_be_read_now_keeps_its_former_addresses() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    world.service["status"] = status_of(&mut world, &merged);
    world.seen.insert(Key::GatewayService(default_gateway()), Answer::Unreadable("timeout".to_owned()));
    let status = status_of(&mut world, &merged);
    assert_eq!(status, world.service["status"]);
}

#[test]
// G-35
fn gateways_must_be_programmed_for_their_newest_generation() {
    let merged = with_route();
    let gateways = |change: fn(&mut Value)| {
        let mut world = ready_world(&merged);
        let mut object = gateway("True");
        change(&mut object);
        world.see(Key::Gateway(default_gateway()), object);
        line(&status_of(&mut world, &merged), "GatewaysReady")
    };
    let why = "GatewaysReady=False GatewaysNotReady: Gateway kserve/kserve-ingress-gateway";
    assert_eq!(
        gateways(|g| g["metadata"]["generation"] = json!(2)),
        format!("{why}: the newest generation has not been observed yet")
    );
    assert_eq!(
        gateways(|g| g["status"]["conditions"] = json!([])),
        format!("{why} is not programmed yet; is a controller running for its GatewayClass?")
    );
    assert_eq!(
        gateways(|g| *g = gateway("False")),
        format!("{why} is not programmed (False): so says the gateway")
    );
    assert_eq!(gateways(|g| *g = gateway("True")), "GatewaysReady=True");
}

#[test]
fn the_default_gateway_serves_inside_the_cluster_without_an_address() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    let mut object = gateway("False");
    object["status"]["conditions"][0]["reason"] = json!("AddressNotAssigned");
    object["status"]["addresses"] = json!([]);
    world.see(Key::Gateway(default_gateway()), object);
    let status = status_of(&mut world, &merged);
    assert_eq!(
        (line(&status, "Ready").as_str(), &status["url"]),
        ("Ready=True", &json!("http://gw.kserve.svc.cluster.local/ml/llama"))
    );
}

#[test]
// G-39; asks rank 1
fn a_pool_without_a_route_waits_for_no_gateway_that_nobody_named() {
    let gw = Ref::new("infra", "byo");
    let refs = json!({"gateway": {"refs": [{"name": "byo", "namespace": "infra"}]}, "scheduler": {}});
    let waiting = "InferencePoolReady=Unknown WaitingForGateway: InferencePool ml/llama-inference-pool is not yet accepted by any Gateway; no route of this service leads to it, so set spec.router.route or make a route of your own";
    let refused = "InferencePoolReady=False InferencePoolNotReady: InferencePool ml/llama-inference-pool: Gateway infra/byo: Accepted=False (reason R, message m)";
    let (elsewhere, gone) = (Ref::new("vendor", "gw"), Ref::new("vendor", "gone"));
    let cases = [
        (json!({"scheduler": {}}), vec![], "InferencePoolReady=True"),
        (refs.clone(), vec![parent(&gone, &[says("Accepted", "True")])], waiting),
        (
            json!({"scheduler": {}}),
            vec![parent(&gone, &[says("Accepted", "False")])],
            "InferencePoolReady=True",
        ),
        (refs.clone(), vec![], waiting),
        (refs.clone(), vec![parent(&gw, &[says("Accepted", "True")])], "InferencePoolReady=True"),
        (refs.clone(), vec![parent(&elsewhere, &[says("Accepted", "True")])], "InferencePoolReady=True"),
        (refs, vec![parent(&gw, &[says("Accepted", "False")])], refused),
        (
            json!({"scheduler": {}}),
            vec![
                json!({"parentRef": {"kind": "Status", "name": "default"}, "conditions": [says("Accepted", "Unknown")]}),
            ],
            "InferencePoolReady=True",
        ),
    ];
    for (router, parents, expected) in cases {
        let merged = spec(router);
        let mut world = World::new();
        world.see(Key::Gateway(gw.clone()), gateway("True"));
        world.seen.insert(Key::Gateway(gone.clone()), Answer::Absent);
        bring_to_life(&mut world, &merged, &parents);
        assert_eq!(line(&status_of(&mut world, &merged), "InferencePoolReady"), expected);
    }
}

#[test]
fn an_external_pool_is_judged_or_named() {
    let merged = spec(json!({"scheduler": {"pool": {"ref": {"name": "shared"}}}, "route": {}}));
    let mut world = ready_world(&merged);
    let key = Key::InferencePool(Ref::new("ml", "shared"));
    let mut judge = |answer: Answer| {
        world.seen.insert(key.clone(), answer);
        let status = status_of(&mut world, &merged);
        assert_eq!(line(&status, "SchedulerWorkloadReady"), "");
        assert_eq!(status["router"]["scheduler"]["inferencePool"]["name"], "shared");
        line(&status, "InferencePoolReady")
    };
    let found = json!({"metadata": {"generation": 1}, "status": {"parents": accepted()}});
    assert_eq!(judge(Answer::Found(found.into())), "InferencePoolReady=True");
    assert_eq!(
        judge(Answer::Absent),
        "InferencePoolReady=False InferencePoolFetchError: InferencePool ml/shared not found; create it or correct spec.router.scheduler.pool.ref"
    );
    assert_eq!(
        judge(Answer::Unreadable("timeout".to_owned())),
        "InferencePoolReady=Unknown InferencePoolFetchError: InferencePool ml/shared could not be read: timeout"
    );
}

// E-39, G-44
#[test]
fn the_group_of_a_pool_is_the_one_it_was_found_in() {
    let merged = spec(json!({"scheduler": {"pool": {"ref": {"name": "shared"}}}}));
    let mut world = ready_world(&merged);
    world.cluster.served.insert(Kind::OlderInferencePool);
    let group = |world: &mut World| {
        status_of(world, &merged)["router"]["scheduler"]["inferencePool"]["group"].clone()
    };
    let at = || Ref::new("ml", "shared");
    world.seen.insert(Key::OlderInferencePool(at()), Answer::Found(json!({}).into()));
    world.seen.insert(Key::InferencePool(at()), Answer::Absent);
    assert_eq!(group(&mut world), "inference.networking.x-k8s.io");
    world.seen.insert(Key::InferencePool(at()), Answer::Found(json!({}).into()));
    assert_eq!(group(&mut world), "inference.networking.k8s.io");
}

// E-37
#[test]
fn the_tokenizer_has_a_condition_where_there_is_one() {
    let tokenizer = json!({"template": {"containers": [{"name": "main", "image": "t"}]}});
    let mut with = spec(json!({"scheduler": {"tokenizer": tokenizer}}));
    with["model"]["uri"] = json!("hf://org/m");
    let why = "TokenizerReady=False Progressing: Deployment ml/llama-tokenizer has not been created yet";
    assert_eq!(line(&status_of(&mut World::new(), &with), "TokenizerReady"), why);
    let without = spec(json!({"scheduler": {}}));
    assert_eq!(line(&status_of(&mut World::new(), &without), "TokenizerReady"), "");
}

#[test]
fn routes_of_the_user_are_judged_or_named() {
    let merged = spec(json!({"route": {"http": {"refs": [{"name": "mine"}]}}}));
    let key = Key::HttpRoute(Ref::new("ml", "mine"));
    let parents = json!([{"name": "kserve-ingress-gateway", "namespace": "kserve"}]);
    let route = |parents: &Value, answers: Vec<Value>| {
        let route = json!({"metadata": {"generation": 1}, "spec": {"parentRefs": parents}, "status": {"parents": answers}});
        Answer::Found(route.into())
    };
    let cases = [
        (route(&parents, accepted()), "HTTPRoutesReady=True"),
        (
            route(&json!([]), vec![]),
            "HTTPRoutesReady=False RefsInvalid: HTTPRoute ml/mine has no parentRefs; name a Gateway there",
        ),
        (
            route(&json!([{"name": "gone"}]), vec![]),
            "HTTPRoutesReady=False RefsInvalid: Gateway ml/gone not found; create it or correct parentRefs of HTTPRoute ml/mine",
        ),
        (
            Answer::Absent,
            "HTTPRoutesReady=False RefsInvalid: HTTPRoute ml/mine not found; create it or correct spec.router.route.http.refs",
        ),
        (
            Answer::Unreadable("timeout".to_owned()),
            "HTTPRoutesReady=Unknown HTTPRouteFetchError: HTTPRoute ml/mine could not be read: timeout",
        ),
    ];
    for (answer, expected) in cases {
        let mut world = ready_world(&merged);
        world.seen.insert(key.clone(), answer);
        assert_eq!(line(&status_of(&mut world, &merged), "HTTPRoutesReady"), expected);
    }
}

fn main_after(change: impl Fn(&mut Value)) -> String {
    let mut world = World::new();
    let mut body = deployment(2);
    change(&mut body);
    world.live(Kind::Deployment, "llama-kserve", body);
    line(&status_of(&mut world, &json!({})), "MainWorkloadReady")
}

fn set(body: &mut Value, fields: &[(&str, i64)]) {
    for (key, value) in fields {
        body["status"][*key] = json!(value);
    }
}

#[test]
// W-8, G-41
fn a_rollout_is_ready_only_when_the_new_generation_is() {
    // G-41
    let not = |why: &str| format!("MainWorkloadReady=False {why}");
    let unobserved = main_after(|d| d["metadata"]["generation"] = json!(2));
    assert_eq!(
        unobserved,
        not("Progressing: Deployment ml/llama-kserve: generation 2 has not been observed yet")
    );
    let rolling = main_after(|d| {
        set(d, &[("replicas", 3), ("updatedReplicas", 2), ("availableReplicas", 2)]);
        d["status"]["conditions"][1]["reason"] = json!("ReplicaSetUpdated");
    });
    assert_eq!(
        rolling,
        not("Progressing: 1 of 2 updated pods are ready, 1 of an older generation still there")
    );
    let failed = main_after(|d| {
        set(d, &[("replicas", 3), ("updatedReplicas", 1), ("availableReplicas", 2)]);
        d["status"]["conditions"][1] = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no progress"});
    });
    assert_eq!(
        failed,
        not(
            "ProgressDeadlineExceeded: no progress; 0 of 2 updated pods are ready, 2 of an older generation still there"
        )
    );
    let starting = main_after(|d| {
        set(d, &[("availableReplicas", 0)]);
        d["status"]["conditions"] = json!([{"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "no minimum availability"}]);
    });
    assert_eq!(
        starting,
        not("MinimumReplicasUnavailable: 0 of 2 updated pods are ready: no minimum availability")
    );
}

#[test]
fn one_lost_pod_after_the_rollout_is_no_rollout() {
    assert_eq!(main_after(|d| set(d, &[("availableReplicas", 1)])), "MainWorkloadReady=True");
    assert_eq!(
        main_after(|d| {
            d["spec"]["replicas"] = json!(0);
            set(d, &[("replicas", 0), ("updatedReplicas", 0), ("availableReplicas", 0)]);
        }),
        "MainWorkloadReady=True ScaledToZero: Deployment ml/llama-kserve has no replicas; scale it up to serve requests"
    );
}

// E-33
#[test]
// W-9: a percent sign comes out as it went in
fn pods_that_cannot_be_made_are_explained() {
    let line = main_after(|d| {
        set(d, &[("replicas", 0), ("updatedReplicas", 0), ("availableReplicas", 0)]);
        d["status"]["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: 100% used"}]);
    });
    assert_eq!(
        line,
        "MainWorkloadReady=False QuotaExceeded: pods can't be created: exceeded quota: 100% used; raise the ResourceQuota \
         of the namespace, or ask for less; 0 of 2 updated pods are ready"
    );
}

#[test]
fn one_picker_of_several_is_enough() {
    let merged = spec(json!({"scheduler": {"replicas": 2}}));
    let scheduler = |available: i64, conditions: Value| {
        let mut world = World::new();
        let mut body = deployment(2);
        set(&mut body, &[("availableReplicas", available)]);
        body["status"]["conditions"] = conditions;
        world.live(Kind::Deployment, "llama-kserve-router-scheduler", body);
        line(&status_of(&mut world, &merged), "SchedulerWorkloadReady")
    };
    let deadline = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}]);
    let unavailable = json!([{"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "none"}]);
    assert_eq!(scheduler(1, deadline.clone()), "SchedulerWorkloadReady=True");
    assert_eq!(scheduler(0, deadline), "SchedulerWorkloadReady=False ProgressDeadlineExceeded: late");
    assert_eq!(
        scheduler(0, unavailable),
        "SchedulerWorkloadReady=False MinimumReplicasUnavailable: 0 of 2 updated pods are ready: none"
    );
    assert_eq!(
        scheduler(0, json!([])),
        "SchedulerWorkloadReady=False Progressing: 0 of 2 updated pods are ready"
    );
}

#[test]
fn prefill_and_decode_are_told_apart() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    world.prefill = true;
    let status = status_of(&mut world, &merged);
    let why = "False Progressing: Deployment ml/llama-kserve-prefill has not been created yet";
    assert_eq!(line(&status, "MainWorkloadReady"), "MainWorkloadReady=True");
    assert_eq!(line(&status, "PrefillWorkloadReady"), format!("PrefillWorkloadReady={why}"));
    assert_eq!(line(&status, "WorkloadsReady"), format!("WorkloadsReady={why}"));
    world.live(Kind::Deployment, "llama-kserve-prefill", deployment(3));
    let status = status_of(&mut world, &merged);
    assert_eq!(line(&status, "Ready"), "Ready=True");
    let prefill = json!({"apiGroup": "apps", "kind": "Deployment", "name": "llama-kserve-prefill", "replicas": 3, "readyReplicas": 3});
    assert_eq!(status["workloads"]["prefill"], prefill);
}

// E-33, E-34, G-42, G-43
#[test]
// G-42, W-9
fn a_fault_does_not_hide_what_runs() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    world.service["status"] = status_of(&mut world, &merged);
    world.service["metadata"]["generation"] = json!(2);
    let status = report(&world, &faulty("InvalidRenderedConfig"), &[]);
    let why = "False InvalidRenderedConfig: spec.model.uri: is missing; 100% of services need one; spec.x: y";
    let expected = [
        "GatewaysReady=True".to_owned(),
        "HTTPRoutesReady=True".to_owned(),
        "InferencePoolReady=True".to_owned(),
        "MainWorkloadReady=True".to_owned(),
        format!("PresetsCombined={why}"),
        format!("Ready={why}"),
        "RouterReady=True".to_owned(),
        "SchedulerWorkloadReady=True".to_owned(),
        "WorkloadsReady=True".to_owned(),
    ];
    assert_eq!(lines(&status), expected);
    for key in ["url", "addresses", "router", "workloads", "annotations"] {
        assert_eq!(status[key], world.service["status"][key], "{key}");
    }
    assert_eq!((&status["observedGeneration"], &status["appliedConfigs"]), (&json!(2), &Value::Null));
}

// E-34, G-42
#[test]
fn a_fault_before_anything_was_made_leaves_the_rest_unknown() {
    let status = report(&World::new(), &faulty("ConfigNotFound"), &[]);
    let why = "ConfigNotFound: spec.model.uri: is missing; 100% of services need one; spec.x: y";
    let unknown = "Unknown ConfigNotFound: nothing has been created yet; condition PresetsCombined says why";
    let expected = [
        format!("PresetsCombined=False {why}"),
        format!("Ready=False {why}"),
        format!("RouterReady={unknown}"),
        format!("WorkloadsReady={unknown}"),
    ];
    assert_eq!(lines(&status), expected);
    let status = report(&World::new(), &faulty("ValidationUnavailable"), &[]);
    assert!(line(&status, "Ready").starts_with("Ready=Unknown ValidationUnavailable: spec.model.uri"));
}

#[test]
fn a_fault_with_gateways_not_asked_yet_keeps_the_former_answers() {
    let merged = with_route();
    let mut world = ready_world(&merged);
    world.service["status"] = status_of(&mut world, &merged);
    world.seen = crate::facts::Seen::default();
    let status = report(&world, &faulty("CombineBaseError"), &[]);
    assert_eq!(line(&status, "GatewaysReady"), "GatewaysReady=True");
    assert_eq!(status["addresses"], world.service["status"]["addresses"]);
    assert!(world.seen.take_open().contains(&Key::Gateway(default_gateway())));
}

#[test]
fn a_stopped_service_may_be_faulty() {
    let mut world = World::new();
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    let status = report(&world, &faulty("ConfigNotFound"), &[]);
    let why =
        "Service is stopped with warning: spec.model.uri: is missing; 100% of services need one; spec.x: y";
    assert_eq!(line(&status, "PresetsCombined"), format!("PresetsCombined=False Stopped: {why}"));
    assert_eq!(line(&status, "Ready"), format!("Ready=False Stopped: {why}"));
}

#[test]
fn a_refused_extra_is_a_condition_of_the_routes_and_a_budget_one_of_the_picker() {
    let cases = [
        (
            Kind::DestinationRule,
            "llama-epp-service-extra",
            "HTTPRoutesReady=False PlatformNetworkingReconcileError",
        ),
        (
            Kind::PodDisruptionBudget,
            "llama-kserve-router-scheduler",
            "SchedulerWorkloadReady=False SchedulerReconcileError",
        ),
        (Kind::PodMonitor, "llama-kserve", "MonitoringReady=False MonitoringReconcileError"),
    ];
    let merged = with_route();
    let mut world = ready_world(&merged);
    let decision = decided(&mut world, &merged);
    for (kind, name, expected) in cases {
        let reason = RefusalReason::Invalid;
        let refusal = Refusal { kind, name: name.to_owned(), reason, message: "wrong".to_owned() };
        let status = report(&world, &decision, &[refusal]);
        let condition = expected.split('=').next().unwrap();
        let expected = format!("{expected}: the API server refused {kind} ml/{name}: wrong");
        assert_eq!(line(&status, condition), expected);
    }
}

#[test]
fn a_refused_child_is_the_condition_of_its_component() {
    use RefusalReason::{Invalid, NotServed, Other, Taken};
    let cases = [
        (
            Kind::Deployment,
            "llama-kserve",
            Invalid,
            "MainWorkloadReady",
            "ReconcileSingleNodeWorkloadError: the API server refused Deployment ml/llama-kserve: 5% wrong",
        ),
        (
            Kind::Deployment,
            "llama-kserve-prefill",
            Invalid,
            "PrefillWorkloadReady",
            "ReconcileSingleNodeWorkloadError: the API server refused Deployment ml/llama-kserve-prefill: 5% wrong",
        ),
        (
            Kind::Deployment,
            "llama-kserve-router-scheduler",
            Invalid,
            "SchedulerWorkloadReady",
            "SchedulerReconcileError: the API server refused Deployment ml/llama-kserve-router-scheduler: 5% wrong",
        ),
        (
            Kind::Secret,
            "llama-kserve-self-signed-certs",
            Other,
            "MainWorkloadReady",
            "ReconcileCertsError: Secret ml/llama-kserve-self-signed-certs could not be written: 5% wrong",
        ),
        (
            Kind::Service,
            "llama-kserve-workload-svc",
            Taken,
            "MainWorkloadReady",
            "ReconcileWorkloadServiceError: Service ml/llama-kserve-workload-svc exists and is not controlled by this service; delete or rename it: 5% wrong",
        ),
        (
            Kind::Service,
            "llama-epp-service",
            Taken,
            "SchedulerWorkloadReady",
            "SchedulerReconcileError: Service ml/llama-epp-service exists and is not controlled by this service; delete or rename it: 5% wrong",
        ),
        (
            Kind::ClusterRoleBinding,
            "x",
            Other,
            "SchedulerWorkloadReady",
            "SchedulerReconcileError: ClusterRoleBinding x could not be written: 5% wrong",
        ),
        (
            Kind::Role,
            "llama-kserve-role",
            Other,
            "MainWorkloadReady",
            "ReconcileSingleNodeWorkloadError: Role ml/llama-kserve-role could not be written: 5% wrong",
        ),
        (
            Kind::InferencePool,
            "llama-inference-pool",
            NotServed,
            "InferencePoolReady",
            "CRDNotFound: the cluster does not serve InferencePool (inference.networking.k8s.io/v1); install the CustomResourceDefinition inferencepools.inference.networking.k8s.io",
        ),
        (
            Kind::ResourceClaimTemplate,
            "llama-managed-dra-0",
            NotServed,
            "MainWorkloadReady",
            "ReconcileSingleNodeWorkloadError: the cluster does not serve ResourceClaimTemplate (resource.k8s.io/v1); managed DRA needs Kubernetes 1.34 or newer: upgrade, or remove the annotation serving.kserve.io/exp-dra-device-class",
        ),
        (
            Kind::InferencePool,
            "llama-inference-pool",
            Invalid,
            "InferencePoolReady",
            "SchedulerReconcileError: the API server refused InferencePool ml/llama-inference-pool: 5% wrong",
        ),
        (
            Kind::HTTPRoute,
            "llama-kserve-route",
            Invalid,
            "HTTPRoutesReady",
            "HTTPRouteReconcileError: the API server refused HTTPRoute ml/llama-kserve-route: 5% wrong",
        ),
    ];
    let merged = with_route();
    let mut world = ready_world(&merged);
    let decision = decided(&mut world, &merged);
    for (kind, name, reason, condition, expected) in cases {
        let refusal = Refusal { kind, name: name.to_owned(), reason, message: "5% wrong".to_owned() };
        let status = report(&world, &decision, &[refusal]);
        assert_eq!(line(&status, condition), format!("{condition}=False {expected}"));
        assert_eq!(line(&status, "Ready"), format!("Ready=False {expected}"));
    }
}

#[test]
fn warnings_are_advisory() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    let mut decision = decided(&mut world, &json!({}));
    decision.warnings =
        vec![Finding { origin: Some("base".to_owned()), ..Finding::new("spec.a", "is ignored") }];
    let status = report(&world, &decision, &[]);
    let expected = "SpecIgnored=True ConfigurationWarnings: spec.a: is ignored (from config base)";
    assert_eq!(
        (line(&status, "SpecIgnored").as_str(), line(&status, "Ready").as_str()),
        (expected, "Ready=True")
    );
}

#[test]
fn what_waits_is_said_and_does_not_count() {
    let mut world = World::new();
    world.live(Kind::Deployment, "llama-kserve", deployment(2));
    let mut decision = decided(&mut world, &json!({}));
    let Ok(desired) = &mut decision.outcome else { panic!("decided") };
    for name in ["llama-kserve", "llama-kserve-rb"] {
        desired.held.hold(Kind::Deployment, name, "LeaderWorkerSet llama-kserve-mn is not ready yet");
    }
    let status = report(&world, &decision, &[]);
    assert_eq!(
        line(&status, "HandingOver"),
        "HandingOver=True Waiting: objects that serve are left as they are: LeaderWorkerSet llama-kserve-mn is not ready yet"
    );
    assert_eq!(line(&status, "Ready"), "Ready=True");
}

// E-38
#[test]
fn times_move_only_with_the_status() {
    let mut world = World::new();
    let old = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "Old", "lastTransitionTime": EARLIER});
    world.service["status"] = json!({"conditions": [old("MainWorkloadReady", "False"), old("PresetsCombined", "False"), {"junk": 1}]});
    let status = status_of(&mut world, &json!({}));
    let time = |kind: &str| {
        let found = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == kind);
        found.unwrap()["lastTransitionTime"].as_str().unwrap().to_owned()
    };
    assert_eq!((time("MainWorkloadReady").as_str(), time("PresetsCombined").as_str()), (EARLIER, NOW));
}

#[rstest::rstest]
#[case::a_quota("forbidden: exceeded quota: few, requested: count/deployments.apps=1", "QuotaExceeded")]
#[case::a_webhook("admission webhook \"p.example.com\" denied the request: no team", "AdmissionDenied")]
#[case::a_policy("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no team", "AdmissionDenied")]
#[case::no_permission(
    "deployments.apps is forbidden: User \"x\" cannot create",
    "ReconcileSingleNodeWorkloadError"
)]
fn a_quota_and_a_policy_are_reasons_of_their_own(#[case] said: &str, #[case] reason: &str) {
    let mut world = World::new();
    let decision = decided(&mut world, &json!({}));
    let refusal = Refusal {
        kind: Kind::Deployment,
        name: "llama-kserve".to_owned(),
        reason: RefusalReason::Other,
        message: said.to_owned(),
    };
    let expected = format!("Ready=False {reason}: Deployment ml/llama-kserve could not be written: {said}");
    assert_eq!(line(&report(&world, &decision, &[refusal]), "Ready"), expected);
}
