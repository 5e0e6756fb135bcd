use std::collections::BTreeSet;
use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::build::scheduler_config::{MARK, Topology, default_text};
use crate::facts::{Answer, Key};
use crate::labels::RESTARTED_AT;
use crate::labels::{Component, KV_REVISION, base};
use crate::object::LiveObject;
use crate::pods::{self, Pod};

const NEW: &str = "new";

/// A service `ns/m` with two replicas of each role, and the cluster around it.
struct World {
    objects: Vec<Object>,
    live: Live,
    pods: Vec<Pod>,
    readable: bool,
}

fn workload(name: &str, revision: &str) -> Object {
    let metadata = json!({"labels": {KV_REVISION: revision}, "annotations": {RESTARTED_AT: ""}});
    let template = json!({"metadata": metadata, "spec": {"containers": [{"name": "main"}]}});
    let rest = json!({"spec": {"replicas": 2, "template": template}});
    Object::new(Kind::Deployment, "ns", name, base("m", Component::Workload), rest)
}

fn picker(admitted: &Admitted) -> Object {
    let text = default_text(Topology { prefill: true, lora: false, tls: false, holds: false });
    let main = json!({"name": "main", "args": ["--config-text", filter::write(&text, admitted)]});
    let template = json!({
        "metadata": {"annotations": {"app.kubernetes.io/version": "0.10.0"}},
        "spec": {"containers": [main]},
    });
    let rest = json!({"spec": {"replicas": 1, "template": template}});
    let labels = base("m", Component::Scheduler);
    let mut picker = Object::new(Kind::Deployment, "ns", &names::scheduler("m"), labels, rest);
    picker.body["metadata"]["annotations"] = json!({MARK: "default+prefill"});
    picker
}

fn only(revision: &str) -> Admitted {
    Admitted::labelled(revision.to_owned())
}

fn pod(role: &str, revision: &str) -> Pod {
    Pod { role: role.to_owned(), revision: revision.to_owned(), ready: true, ..Pod::default() }
}

impl World {
    /// The new revision is wanted; nothing lives.
    fn new() -> Self {
        let mut objects =
            vec![workload(&names::decode("m"), NEW), workload(&names::prefill("m"), NEW), picker(&only(NEW))];
        seal(&mut objects);
        Self { objects, live: Live::new(), pods: Vec::new(), readable: true }
    }

    /// An old revision runs.
    fn rolling() -> Self {
        let mut world = Self::new();
        for object in [
            workload(&names::decode("m"), "old"),
            workload(&names::prefill("m"), "old"),
            picker(&only("old")),
        ] {
            world.lives(&object);
        }
        world.pods = ["prefill", "prefill", "decode", "decode"].map(|role| pod(role, "old")).into();
        world
    }

    /// The object lives and has rolled out.
    fn lives(&mut self, object: &Object) {
        let mut body = object.body.clone();
        body["status"] = json!({"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
        let live = LiveObject {
            uid: object.name.clone(),
            resource_version: "1".to_owned(),
            controller: Some("u".to_owned()),
            created_by_post: false,
            deleting: false,
            body: Arc::new(body),
        };
        self.live.insert((object.kind, object.name.clone()), live);
    }

    fn pace(&self) -> Option<Paced> {
        let (mut seen, service) = (Seen::default(), Ref::new("ns", "m"));
        let answer = if self.readable {
            Answer::Found(Arc::new(pods::answer(&self.pods)))
        } else {
            Answer::Unreadable("forbidden".to_owned())
        };
        seen.insert(Key::Pods(service.clone()), answer);
        pace(&self.objects, &self.live, &seen, &service)
    }

    /// Applies what is allowed; pods follow as a Deployment with default strategy makes them.
    fn apply(&mut self) -> Option<Paced> {
        let paced = self.pace();
        let objects = paced.as_ref().map_or(&self.objects, |paced| &paced.objects).clone();
        let held = paced.as_ref().map(Paced::held).unwrap_or_default();
        for object in objects.iter().filter(|o| !held.contains(&(o.kind, o.name.clone()))) {
            self.lives(object);
        }
        paced
    }
}

impl Paced {
    /// Objects that are left as they live.
    fn held(&self) -> BTreeSet<(Kind, String)> {
        let held = self.pauses.iter().filter(|(_, pause)| pause.held);
        held.map(|(slot, _)| slot.clone()).collect()
    }
}

fn whys(paced: &Paced) -> Vec<&str> {
    paced.pauses.values().map(|pause| pause.why.as_str()).collect()
}

fn spec_of<'a>(paced: &'a Paced, name: &str) -> &'a Value {
    &paced.objects.iter().find(|o| o.name == name).unwrap().body["spec"]
}

#[test]
fn what_is_new_and_what_is_settled_is_applied_as_it_is_and_nobody_asks_for_pods() {
    let mut world = World::new();
    assert_eq!(world.apply(), None);
    let seen = Seen::default();
    assert_eq!(pace(&world.objects, &world.live, &seen, &Ref::new("ns", "m")), None);
    assert!(seen.take_open().is_empty());
}

#[test]
fn without_prefill_nothing_is_paced() {
    let mut world = World::rolling();
    world.objects.remove(1);
    assert_eq!(world.pace(), None);
}

#[test]
fn a_roll_goes_through_its_steps_and_ends_in_the_desired_objects() {
    let mut world = World::rolling();
    let paced = world.apply().unwrap();
    for name in [names::decode("m"), names::prefill("m")] {
        let spec = spec_of(&paced, &name);
        assert_eq!(
            (&spec["minReadySeconds"], &spec["template"]),
            (&json!(31_536_000), &world.objects[0].body["spec"]["template"])
        );
    }
    assert_eq!(filter::of(&paced.objects[2].body), only("old"));
    let why = "the endpoint picker admits revision old until the first pods of revision new are ready in both roles: \
               prefill 0 of 1, decode 0 of 1";
    assert_eq!(whys(&paced), [why, why]);
    assert!(paced.held().is_empty());

    world.pods.extend([pod("prefill", NEW), pod("decode", NEW)]);
    let paced = world.apply().unwrap();
    assert_eq!(filter::of(&paced.objects[2].body), only(NEW));
    assert_eq!(spec_of(&paced, &names::decode("m"))["minReadySeconds"], 31_536_000);
    let why = "the roll waits until the endpoint picker, Deployment ns/m-kserve-router-scheduler, runs and admits revision new";
    assert_eq!(whys(&paced), [why, why]);

    assert_eq!(world.apply(), None, "the picker runs with it, so the gates open");
    assert_eq!(world.pace(), None);
}

#[test]
fn an_object_that_was_held_back_has_a_seal_of_its_own() {
    let world = World::rolling();
    let (paced, again) = (world.pace().unwrap(), world.pace().unwrap());
    assert_eq!(paced, again);
    let applied =
        |object: &Object| tree::text(&object.body, &["metadata", "annotations", APPLIED]).to_owned();
    assert_ne!(applied(&paced.objects[0]), applied(&world.objects[0]));
    assert!(!applied(&paced.objects[0]).is_empty());
    assert_ne!(applied(&paced.objects[2]), applied(&world.objects[2]));
}

#[test]
fn pods_without_a_label_are_told_apart_before_there_are_others() {
    let mut world = World::rolling();
    world.lives(&picker(&Admitted::Everyone));
    world.pods.iter_mut().for_each(|pod| pod.revision = String::new());
    let paced = world.apply().unwrap();
    assert_eq!(filter::of(&paced.objects[2].body), Admitted::Only(None));
    assert_eq!(paced.held().len(), 2);
    let why = "the roll waits until the endpoint picker, Deployment ns/m-kserve-router-scheduler, runs and admits pods without a revision";
    assert_eq!(whys(&paced), [why, why]);
    assert!(world.apply().unwrap().held().is_empty(), "now it does");
}

#[test]
fn nothing_goes_on_while_pods_cannot_be_read() {
    let world = World { readable: false, ..World::rolling() };
    let paced = world.pace().unwrap();
    assert_eq!(paced.held().len(), 2);
    assert_eq!(whys(&paced), ["the roll waits until the pods of the service can be read"; 2]);
}

#[test]
fn whoever_scales_decides_how_many_are_needed() {
    let mut world = World::rolling();
    for object in &mut world.objects {
        object.body["spec"].as_object_mut().unwrap().remove("replicas");
    }
    for name in [names::decode("m"), names::prefill("m")] {
        let mut old = workload(&name, "old");
        old.body["spec"]["replicas"] = json!(8);
        world.lives(&old);
    }
    let paced = world.pace().unwrap();
    assert!(whys(&paced)[0].ends_with("prefill 0 of 4, decode 0 of 4"), "{:?}", whys(&paced));
}

#[test]
fn a_group_waits_behind_a_partition() {
    let mut world = World::rolling();
    let template = world.objects[0].body["spec"]["template"].clone();
    let group = |mut template: Value, revision: &str| {
        template["metadata"]["labels"][KV_REVISION] = json!(revision);
        let rest = json!({"spec": {"replicas": 4, "leaderWorkerTemplate": {"workerTemplate": template}}});
        Object::new(
            Kind::LeaderWorkerSet,
            "ns",
            &names::decode_group("m"),
            base("m", Component::Worker),
            rest,
        )
    };
    world.objects[0] = group(template.clone(), NEW);
    world.live.remove(&(Kind::Deployment, names::decode("m")));
    world.lives(&group(template, "old"));
    let paced = world.pace().unwrap();
    let rolling =
        &spec_of(&paced, &names::decode_group("m"))["rolloutStrategy"]["rollingUpdateConfiguration"];
    assert_eq!(*rolling, json!({"maxUnavailable": 1, "maxSurge": 0, "partition": 3}));
}

#[rstest]
#[case::no_scheduler(None)]
#[case::a_configuration_of_ones_own(Some("inline"))]
fn without_a_filter_decode_waits_for_prefill(#[case] mark: Option<&str>) {
    let mut world = World::rolling();
    match mark {
        Some(mark) => world.objects[2].body["metadata"]["annotations"][MARK] = json!(mark),
        None => drop(world.objects.pop()),
    }
    let decode = (Kind::Deployment, names::decode("m"));
    let paced = world.apply().unwrap();
    assert_eq!(paced.held(), [decode.clone()].into());
    assert_eq!(paced.objects, world.objects);
    let why =
        "decode waits until prefill has rolled out: the endpoint picker cannot tell old pods from new ones";
    assert_eq!(whys(&paced), [why]);
    world.pods[0].revision = NEW.to_owned();
    assert_eq!(world.pace().unwrap().held(), [decode.clone()].into());
    world.pods[1].revision = NEW.to_owned();
    world.pods[1].ready = false;
    assert_eq!(world.pace().unwrap().held(), [decode].into());
    world.pods[1].ready = true;
    assert_eq!(world.apply(), None);
    assert_eq!(revision_of(&world.live[&(Kind::Deployment, names::decode("m"))].body).as_deref(), Some(NEW));
}

fn restarted() -> World {
    let mut world = World::new();
    world.apply();
    world.pods = ["prefill", "prefill", "decode", "decode"].map(|role| pod(role, NEW)).into();
    for object in &mut world.objects[..2] {
        object.body["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] = json!("monday");
    }
    world
}

#[test]
fn a_restart_goes_through_prefill_first() {
    let mut world = restarted();
    let decode = (Kind::Deployment, names::decode("m"));
    for pod in 0..2 {
        let paced = world.apply().unwrap();
        assert_eq!(paced.held(), [decode.clone()].into());
        assert_eq!(whys(&paced), ["the restart of decode waits until prefill has restarted"]);
        world.pods[pod].restarted = "monday".to_owned();
    }
    assert_eq!(world.apply(), None);
}

#[test]
fn a_restart_waits_for_nothing_where_decode_changes_anyway() {
    let mut world = restarted();
    world.objects[0].body["spec"]["template"]["spec"]["containers"][0]["image"] = json!("b");
    assert_eq!(world.pace(), None);
}

#[test]
fn a_workload_of_another_topology_goes_only_when_the_picker_has_turned_from_it() {
    let mut world = World::rolling();
    let old = (Kind::LeaderWorkerSet, names::decode_group("m"));
    let mut group = workload(&old.1, "old");
    group.kind = old.0;
    world.lives(&group);
    world.live.remove(&(Kind::Deployment, names::decode("m")));
    let held = |paced: &Paced| {
        let mut held = Held::default();
        paced.hold(&mut held, &world.live);
        (held.has(old.0, &old.1), held.has(Kind::LeaderWorkerSet, &names::prefill_group("m")))
    };
    let starting = world.pace().unwrap();
    assert_eq!(held(&starting), (false, false), "others decide whether it has to make room");
    let mut ready = world.pods.clone();
    ready.extend([pod("prefill", NEW), pod("decode", NEW), pod("decode", NEW)]);
    let world_of =
        World { pods: ready, objects: world.objects.clone(), live: world.live.clone(), readable: true };
    assert_eq!(held(&world_of.pace().unwrap()), (true, false));
}
