use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::facts::{Answer, Cluster, Seen};
use crate::labels::{self, base};
use crate::settings::Settings;

/// A service with live and desired objects.
#[derive(Default)]
struct World {
    live: Live,
    desired: Vec<Object>,
    pods: Vec<Pod>,
}

impl World {
    fn desire(mut self, object: Object) -> Self {
        self.desired.push(object);
        self
    }

    fn lives(mut self, object: &Object, status: Value) -> Self {
        let mut body = object.body.clone();
        body["metadata"]["generation"] = json!(1);
        body["status"] = status;
        let live = LiveObject {
            uid: object.name.clone(),
            resource_version: "1".to_owned(),
            controller: Some("u".to_owned()),
            created_by_post: true,
            deleting: false,
            body: Arc::new(body),
        };
        self.live.insert((object.kind, object.name.clone()), live);
        self
    }

    fn pod(mut self, pod: Pod) -> Self {
        self.pods.push(pod);
        self
    }

    /// Names of what is held.
    fn held(&self) -> Vec<String> {
        let service = json!({"metadata": {"namespace": "ns", "name": "m", "uid": "u"}});
        let mut seen = Seen::default();
        seen.insert(Key::Pods(Ref::new("ns", "m")), Answer::Found(Arc::new(pods::answer(&self.pods))));
        let (settings, cluster) = (Settings::default(), Cluster::default());
        let inputs = Inputs {
            service: &service,
            settings: &settings,
            cluster: &cluster,
            seen: &seen,
            live: &self.live,
        };
        handover(&inputs, &self.desired).0.into_keys().map(|(_, name)| name).collect()
    }
}

fn object(kind: Kind, name: &str, component: Component, spec: &Value) -> Object {
    Object::new(kind, "ns", name, base("m", component), json!({"spec": spec}))
}

fn deployment(name: &str, component: Component) -> Object {
    object(Kind::Deployment, name, component, &json!({"replicas": 1}))
}

fn group(name: &str, component: Component) -> Object {
    object(Kind::LeaderWorkerSet, name, component, &json!({"replicas": 1}))
}

fn ready() -> Value {
    json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1})
}

fn route(backend: &str) -> Object {
    shared_route(&json!([{"kind": backend, "name": "m-inference-pool"}]))
}

fn shared_route(backends: &Value) -> Object {
    let rules = json!([{"backendRefs": backends}]);
    object(Kind::HTTPRoute, "m-kserve-route", Component::Router, &json!({"rules": rules}))
}

fn taken(generation: i64) -> Value {
    json!({"parents": [{"conditions": [{"type": "Accepted", "observedGeneration": generation}]}]})
}

#[test]
fn what_serves_stays_until_the_group_is_ready() {
    // W-18
    let old = deployment("m-kserve", Component::Workload);
    let account = object(Kind::ServiceAccount, "m-kserve", Component::Workload, &json!({}));
    let new = group("m-kserve-mn", Component::Worker);
    let world = || World::default().desire(new.clone()).lives(&old, ready()).lives(&account, json!({}));
    assert_eq!(world().held(), ["m-kserve", "m-kserve"]);
    assert_eq!(
        world().lives(&new, json!({"replicas": 1, "updatedReplicas": 1})).held(),
        ["m-kserve", "m-kserve"]
    );
    assert_eq!(world().lives(&new, ready()).held(), Vec::<String>::new());
}

#[test]
fn prefill_stays_until_decode_does_without() {
    let prefill = group("m-kserve-mn-prefill", Component::PrefillWorker);
    let main = deployment("m-kserve", Component::Workload);
    let world = World::default().desire(main.clone()).lives(&prefill, ready());
    let rolling =
        json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2});
    assert_eq!(world.lives(&main, rolling).held(), ["m-kserve-mn-prefill"]);
    let world = World::default().desire(main.clone()).lives(&prefill, ready());
    assert_eq!(world.lives(&main, ready()).held(), Vec::<String>::new());
}

fn holder(component: Component) -> Pod {
    let requests = [("nvidia.com/gpu".to_owned(), 8000)].into();
    let (component, template) = (component.as_str().to_owned(), "old".to_owned());
    Pod { component, template, requests, placed: true, ready: true, ..Pod::default() }
}

fn waiting(component: Component) -> Pod {
    let blocked = Some("0/4 nodes are available: 4 Insufficient nvidia.com/gpu.".to_owned());
    Pod { template: "new".to_owned(), placed: false, ready: false, blocked, ..holder(component) }
}

#[test]
fn where_accelerators_are_short_prefill_goes_first_and_then_the_main_workload() {
    // W-18
    let (main, prefill) =
        (deployment("m-kserve", Component::Workload), deployment("m-kserve-prefill", Component::Prefill));
    let short = || {
        let world = World::default().desire(group("m-kserve-mn", Component::Worker)).lives(&main, ready());
        world.pod(waiting(Component::Leader)).pod(holder(Component::Workload))
    };
    let both = || short().lives(&prefill, ready()).pod(holder(Component::Prefill));
    assert_eq!(both().held(), ["m-kserve"]);
    let leaving = Pod { deleting: true, ..holder(Component::Prefill) };
    assert_eq!(short().pod(leaving).held(), ["m-kserve"]);
    assert_eq!(short().held(), Vec::<String>::new());
}

#[test]
fn a_pod_that_waits_for_anything_else_makes_nobody_go() {
    let main = deployment("m-kserve", Component::Workload);
    let world = World::default().desire(group("m-kserve-mn", Component::Worker)).lives(&main, ready());
    let blocked =
        Some("0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector.".to_owned());
    let world = world.pod(holder(Component::Workload)).pod(Pod { blocked, ..waiting(Component::Leader) });
    assert_eq!(world.held(), ["m-kserve"]);
}

#[test]
fn the_picker_stays_until_the_gateways_have_taken_the_route_without_it() {
    let picker = deployment("m-kserve-router-scheduler", Component::Scheduler);
    let world = || World::default().desire(route("Service")).lives(&picker, ready());
    assert_eq!(world().lives(&route("InferencePool"), taken(1)).held(), ["m-kserve-router-scheduler"]);
    assert_eq!(world().lives(&route("Service"), taken(0)).held(), ["m-kserve-router-scheduler"]);
    assert_eq!(world().lives(&route("Service"), taken(1)).held(), Vec::<String>::new());
    assert_eq!(world().held(), Vec::<String>::new(), "nothing routes to it");
}

// G-14
#[test]
fn what_a_picker_that_stays_needs_no_more_goes_at_once_and_with_a_pool_of_somebody_else_the_route_comes_first()
 {
    let picker = deployment("m-kserve-router-scheduler", Component::Scheduler);
    let service = object(Kind::Service, "m-epp-service", Component::Scheduler, &json!({}));
    let world = World::default().desire(route("InferencePool")).desire(picker.clone());
    let world =
        world.lives(&picker, ready()).lives(&route("InferencePool"), taken(1)).lives(&service, json!({}));
    assert_eq!(world.held(), Vec::<String>::new());

    let mut theirs = route("InferencePool");
    theirs.body["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("theirs");
    let world = || World::default().desire(theirs.clone()).lives(&picker, ready());
    assert_eq!(world().lives(&route("InferencePool"), taken(1)).held(), ["m-kserve-router-scheduler"]);
    assert_eq!(world().lives(&theirs, taken(0)).held(), ["m-kserve-router-scheduler"]);
    assert_eq!(world().lives(&theirs, taken(1)).held(), Vec::<String>::new());
}

#[test]
fn a_route_turns_to_the_pool_when_the_picker_answers() {
    let picker = deployment("m-kserve-router-scheduler", Component::Scheduler);
    let world = || World::default().desire(route("InferencePool")).desire(picker.clone());
    assert_eq!(world().lives(&route("Service"), taken(1)).held(), ["m-kserve-route"]);
    let answers = world().lives(&route("Service"), taken(1)).lives(&picker, ready());
    assert_eq!(answers.held(), Vec::<String>::new());
    assert_eq!(world().held(), Vec::<String>::new(), "a new route turns nobody away");
}

#[test]
fn the_pools_of_others_in_its_group_are_none_of_its_own() {
    let picker = deployment("m-kserve-router-scheduler", Component::Scheduler);
    let other = || json!({"kind": "InferencePool", "name": "other-inference-pool"});
    let without = shared_route(&json!([{"kind": "Service", "name": "m"}, other()]));
    let with = shared_route(&json!([{"kind": "InferencePool", "name": "m-inference-pool"}, other()]));
    let comes = World::default().desire(with).desire(picker.clone()).lives(&without, taken(1));
    assert_eq!(comes.held(), ["m-kserve-route"]);
    let goes = World::default().desire(without.clone()).lives(&picker, ready()).lives(&without, taken(1));
    assert_eq!(goes.held(), Vec::<String>::new());
}

#[test]
fn a_selector_that_asks_for_more_waits_for_the_pods_that_have_it() {
    let service = |role: bool| {
        let mut selector = labels::endpoints("m");
        if role {
            selector.insert(labels::ROLE.to_owned(), "decode".to_owned());
        }
        object(Kind::Service, "m-kserve-workload-svc", Component::Workload, &json!({"selector": selector}))
    };
    let main = deployment("m-kserve", Component::Workload);
    let rolling = json!({"observedGeneration": 0});
    let world =
        |from, to| World::default().desire(main.clone()).desire(service(to)).lives(&service(from), json!({}));
    assert_eq!(world(false, true).lives(&main, rolling.clone()).held(), ["m-kserve-workload-svc"]);
    assert_eq!(world(false, true).lives(&main, ready()).held(), Vec::<String>::new());
    assert_eq!(world(true, false).lives(&main, rolling).held(), Vec::<String>::new());
}

#[test]
fn a_stopped_service_holds_nothing() {
    let main = deployment("m-kserve", Component::Workload);
    assert_eq!(World::default().lives(&main, ready()).held(), Vec::<String>::new());
}
