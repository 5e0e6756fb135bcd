use std::sync::Arc;

use super::*;
use crate::facts::{Cluster, Seen};
use crate::labels::base;
use crate::plan::{Action, plan, seal};
use crate::settings::Settings;

struct World {
    service: Value,
    live: Live,
}

impl World {
    /// The former controller has seen generation 3.
    fn new(generation: i64) -> Self {
        let metadata = json!({"name": "m", "namespace": "ns", "uid": "u", "generation": generation});
        let service = json!({"metadata": metadata, "status": {"observedGeneration": 3}});
        Self { service, live: Live::new() }
    }

    fn put(&mut self, object: &Object, former: bool) {
        let mut sealed = [object.clone()];
        if !former && tree::text(&object.body, &["metadata", "annotations", APPLIED]).is_empty() {
            seal(&mut sealed);
        }
        let [Object { body, .. }] = sealed;
        let child = LiveObject {
            uid: "child".to_owned(),
            resource_version: "1".to_owned(),
            controller: Some("u".to_owned()),
            created_by_post: former,
            deleting: false,
            body: Arc::new(body),
        };
        self.live.insert((object.kind, object.name.clone()), child);
    }

    /// Everything is written as it was decided.
    fn carry_out(&mut self, objects: &[Object]) {
        for object in objects {
            self.put(object, false);
        }
        self.service["status"]["observedGeneration"] = self.service["metadata"]["generation"].clone();
    }

    fn adopt(&self, objects: impl Into<Vec<Object>>) -> (Vec<Object>, Vec<String>) {
        let (settings, cluster, seen) = (Settings::default(), Cluster::default(), Seen::default());
        let mut objects = objects.into();
        let adopted = adopt(
            &Inputs {
                service: &self.service,
                settings: &settings,
                cluster: &cluster,
                seen: &seen,
                live: &self.live,
            },
            &mut objects,
        );
        seal(&mut objects);
        let lines = adopted.iter().map(|(kind, name, paths)| format!("{kind:?} {name}: {}", paths.join(" ")));
        (objects, lines.collect())
    }
}

fn workload(kind: Kind, name: &str, component: Component, image: &str) -> Object {
    let template = json!({
        "metadata": {"labels": {KV_REVISION: "abc", "a": "b"}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    });
    let spec = if kind == Kind::LeaderWorkerSet {
        json!({"leaderWorkerTemplate": {"size": 2, "workerTemplate": template}})
    } else {
        json!({"replicas": 2, "template": template})
    };
    Object::new(kind, "ns", name, base("m", component), json!({"spec": spec}))
}

fn main(image: &str) -> Object {
    workload(Kind::Deployment, "m-kserve", Component::Workload, image)
}

fn theirs(mut object: Object) -> Object {
    for template in templates_mut(&mut object.body) {
        template["metadata"] = json!({"creationTimestamp": null, "labels": {"a": "b"}});
        template["spec"]["containers"][0]["command"] = json!(["/bin/bash", "-c", "vllm"]);
    }
    object
}

fn template(object: &Object) -> &Value {
    templates(&object.body).next().unwrap()
}

#[test]
fn a_former_controllers_pods_stay_until_the_spec_asks_for_others() {
    let mut world = World::new(3);
    world.put(&theirs(main("a")), true);
    let (first, kept) = world.adopt([main("a")]);
    let mut expected = template(&theirs(main("a"))).clone();
    expected["metadata"].as_object_mut().unwrap().remove("creationTimestamp");
    assert_eq!(template(&first[0]), &expected);
    assert_eq!(kept, [format!("Deployment m-kserve: metadata.labels[{KV_REVISION}]")]);
    assert_eq!(first[0].body["spec"]["replicas"], 2);

    world.carry_out(&first);
    assert_eq!(world.adopt([main("a")]), (first.clone(), kept.clone()), "the next pass decides the same");
    assert!(plan(&first, &world.live, "u").actions.is_empty());

    // A change that is none of the pods', a count say, replaces none.
    world.service["metadata"]["generation"] = json!(4);
    let mut scaled = main("a");
    scaled.body["spec"]["replicas"] = json!(5);
    let (objects, still) = world.adopt([scaled]);
    assert_eq!((template(&objects[0]), still), (&expected, kept));
    assert_eq!(objects[0].body["spec"]["replicas"], 5);

    let (objects, kept) = world.adopt([main("b")]);
    assert_eq!((template(&objects[0]), kept), (template(&main("b")), Vec::new()));
    assert_eq!(objects[0].body["metadata"]["annotations"].get(ADOPTED), None);
    assert!(matches!(plan(&objects, &world.live, "u").actions[..], [Action::Apply { .. }]));
}

#[test]
fn a_change_that_the_former_controller_has_not_seen_is_carried_out() {
    let mut world = World::new(4);
    world.put(&theirs(main("a")), true);
    let (objects, kept) = world.adopt([main("b")]);
    assert_eq!((template(&objects[0]), kept), (template(&main("b")), Vec::new()));
}

#[test]
fn without_a_status_nothing_is_known_to_have_changed() {
    let mut world = World::new(4);
    world.service["status"] = Value::Null;
    world.put(&theirs(main("a")), true);
    assert_eq!(world.adopt([main("a")]).1.len(), 1);
}

#[test]
fn who_asks_for_it_gets_ours_at_once() {
    let mut world = World::new(3);
    world.put(&theirs(main("a")), true);
    world.service["metadata"]["annotations"] = json!({ADOPT: "now"});
    assert_eq!(world.adopt([main("a")]).1, Vec::<String>::new());
}

#[test]
fn what_is_ours_or_somebody_elses_is_not_kept() {
    let mut world = World::new(3);
    world.put(&theirs(main("a")), false);
    assert_eq!(world.adopt([main("a")]).1, Vec::<String>::new());
    world.put(&theirs(main("a")), true);
    let mut child = world.live.pop_first().unwrap();
    child.1.controller = Some("another".to_owned());
    world.live.insert(child.0, child.1);
    assert_eq!(world.adopt([main("a")]).1, Vec::<String>::new());
}

#[test]
fn a_group_keeps_its_size_too_and_prefill_goes_with_decode() {
    let prefill =
        |image| workload(Kind::LeaderWorkerSet, "m-kserve-mn-prefill", Component::PrefillWorker, image);
    let mut world = World::new(3);
    let mut group = theirs(prefill("a"));
    group.body["spec"]["leaderWorkerTemplate"]["size"] = json!(1);
    world.put(&group, true);
    world.put(&theirs(main("a")), true);
    let (objects, kept) = world.adopt([main("a"), prefill("a")]);
    assert_eq!(objects[1].body["spec"]["leaderWorkerTemplate"]["size"], 1);
    let paths = format!("workerTemplate.metadata.labels[{KV_REVISION}]");
    assert_eq!(kept[1], format!("LeaderWorkerSet m-kserve-mn-prefill: size {paths}"));
    world.carry_out(&objects);
    assert_eq!(world.adopt([main("b"), prefill("a")]).1, Vec::<String>::new(), "they have to fit together");
}

fn picker(revision: &str) -> Object {
    let mut object = workload(Kind::Deployment, "m-kserve-router-scheduler", Component::Scheduler, "epp");
    object.body["metadata"]["annotations"] = json!({crate::build::scheduler_config::MARK: "default+prefill"});
    let text = "plugins:\n- type: decode-filter\nschedulingProfiles: []\n";
    let text = filter::write(text, &Admitted::labelled(revision.to_owned()));
    let template = &mut object.body["spec"]["template"];
    template["metadata"] = json!({"annotations": {"app.kubernetes.io/version": "0.10.0"}});
    template["spec"]["containers"][0]["args"] = json!(["--config-text", text]);
    object
}

#[test]
fn a_picker_that_changes_alone_looks_for_no_revision_that_kept_pods_lack() {
    let mut world = World::new(3);
    world.put(&theirs(main("a")), true);
    world.put(&theirs(picker("abc")), true);
    let (objects, kept) = world.adopt([main("a"), picker("abc")]);
    assert_eq!(kept.len(), 2);
    world.carry_out(&objects);
    let mut other = picker("abc");
    other.body["spec"]["template"]["spec"]["containers"][0]["image"] = json!("another");
    let (objects, kept) = world.adopt([main("a"), other]);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(filter::of(&objects[1].body), Admitted::Everyone);
}

#[test]
fn a_server_that_is_made_anew_fits_those_that_stay() {
    let prefill = || workload(Kind::Deployment, "m-kserve-prefill", Component::Prefill, "a");
    let mut world = World::new(3);
    world.put(&theirs(main("a")), true);
    let (objects, kept) = world.adopt([main("a"), prefill()]);
    assert_eq!(kept.len(), 1);
    assert_eq!(template(&objects[1])["metadata"]["labels"], json!({"a": "b"}));
}

fn route(group: &str) -> Object {
    let backend = json!({"group": group, "kind": "InferencePool", "name": "m-inference-pool"});
    let rest = json!({"spec": {"rules": [{"backendRefs": [backend, {"kind": "Service", "name": "m"}]}]}});
    Object::new(Kind::HTTPRoute, "ns", "m-kserve-route", base("m", Component::Router), rest)
}

const OLDER: &str = "inference.networking.x-k8s.io";
const NEWER: &str = "inference.networking.k8s.io";

fn group(object: &Object) -> &Value {
    &object.body["spec"]["rules"][0]["backendRefs"][0]["group"]
}

#[test]
fn a_route_stays_with_the_pool_that_its_gateways_know() {
    let mut world = World::new(3);
    world.put(&route(OLDER), true);
    let (objects, kept) = world.adopt([route(OLDER)]);
    assert_eq!(kept, ["HTTPRoute m-kserve-route: spec.rules.backendRefs.group"]);
    assert_eq!(group(&objects[0]), OLDER);
    world.carry_out(&objects);
    assert_eq!(world.adopt([route(OLDER)]).0, objects);
    assert_eq!(world.adopt([route(NEWER)]).1, Vec::<String>::new());
}

#[test]
fn a_route_of_ours_that_leads_to_the_older_pool_is_kept_for_nobody() {
    let mut world = World::new(3);
    world.put(&route(OLDER), false);
    assert_eq!(world.adopt([route(OLDER)]).1, Vec::<String>::new());
}

#[test]
fn a_route_that_was_migrated_is_as_ours() {
    let mut world = World::new(3);
    world.put(&route(NEWER), true);
    assert_eq!(world.adopt([route(NEWER)]).1, Vec::<String>::new());
}

// G-29
#[test]
fn the_route_of_a_group_is_ours_at_once() {
    let mut world = World::new(3);
    world.service["spec"] = json!({"router": {"route": {"group": "canary", "weight": 20}}});
    let labelled = |group: &str| {
        let mut shared = route(group);
        shared.body["metadata"]["labels"]["serving.kserve.io/routing-group"] = json!("canary");
        shared
    };
    world.put(&labelled(OLDER), true);
    let (objects, kept) = world.adopt([labelled(NEWER)]);
    assert_eq!((kept, &objects[0].body["spec"]), (Vec::new(), &labelled(NEWER).body["spec"]));
}
