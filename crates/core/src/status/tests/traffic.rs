//! What a member of a traffic group tells, to users and to the other members.

use super::*;
use crate::decide::Decision;
use crate::handover::Held;
use crate::traffic::{Backend, Member, Members, Standing, leave, standing};

fn grouped() -> Value {
    spec(json!({"scheduler": {}, "route": {"group": "g", "weight": 90}}))
}

fn member(name: &str, weight: i64) -> Member {
    Member {
        name: name.to_owned(),
        group: "g".to_owned(),
        weight,
        models: vec!["llama".to_owned()],
        backend: Backend::pool("inference.networking.k8s.io", &format!("{name}-inference-pool")),
        routable: true,
        ..Member::default()
    }
}

fn see(world: &mut World, members: Vec<Member>, unknown: &[&str]) {
    let unknown = unknown.iter().map(|name| (*name).to_owned()).collect();
    world.see(Key::Group(Ref::new("ml", "g")), json!(Members { members, unknown }));
}

fn told(name: &str, weight: i64) -> Value {
    let reference = json!({
        "group": "inference.networking.k8s.io", "kind": "InferencePool", "name": format!("{name}-inference-pool"),
        "port": 8000,
    });
    json!({"name": name, "weight": weight, "backendRef": reference})
}

// G-32
#[test]
fn the_status_tells_members_with_declared_weights_and_how_requests_split() {
    let mut world = ready_world(&grouped());
    let stopped = Member { stopped: true, routable: false, ..member("old", 10) };
    let waiting = Member { routable: false, ..member("next", 20) };
    see(&mut world, vec![member("llama", 90), member("canary", 10), waiting, stopped], &[]);
    let status = status_of(&mut world, &grouped());
    let mut old = told("old", 10);
    old["stopped"] = json!(true);
    let members = [told("canary", 10), told("llama", 90), told("next", 20), old];
    assert_eq!(status["router"]["group"], json!({"name": "g", "members": members}));
    let shares = "GroupReady=True : shares: canary 10/100, llama 90/100; next gets no requests until it is ready; old \
                  is stopped";
    assert_eq!(
        (line(&status, "GroupReady"), line(&status, "GroupDegraded")),
        (shares.to_owned(), String::new())
    );
}

// G-32
#[test]
fn members_with_other_models_are_told_and_share_nothing() {
    let mut world = ready_world(&grouped());
    let other = Member { models: vec!["llama".to_owned(), "sql".to_owned()], ..member("other", 10) };
    see(&mut world, vec![member("llama", 90), other], &[]);
    let status = status_of(&mut world, &grouped());
    assert_eq!(status["router"]["group"]["members"], json!([told("llama", 90)]));
    let degraded = "GroupDegraded=True MemberDivergence: not all members of group g serve llama: other (llama+sql) share \
                    no requests with this service; give them the same model name and adapters, or another group";
    assert_eq!(line(&status, "GroupDegraded"), degraded);
    assert_eq!(line(&status, "GroupReady"), "GroupReady=True : shares: llama 90/90");
    assert_eq!(line(&status, "Ready"), "Ready=True", "neither has a part in it");
}

// G-28
#[test]
fn what_is_not_known_after_a_restart_stays_as_it_was_told() {
    let mut world = ready_world(&grouped());
    see(&mut world, vec![member("llama", 90), member("canary", 10)], &[]);
    let live = world.object(&grouped(), Kind::HTTPRoute);
    let mut live_again = live.clone();
    live_again["status"] = json!({"parents": accepted()});
    live_again["metadata"]["generation"] = json!(1);
    world.live(Kind::HTTPRoute, "llama-kserve-route", live_again);
    let before = status_of(&mut world, &grouped());
    world.service["status"] = before.clone();
    see(&mut world, vec![], &["llama", "canary"]);
    assert_eq!(world.object(&grouped(), Kind::HTTPRoute), live);
    assert_eq!(status_of(&mut world, &grouped()), before);
    let fault = report(&world, &faulty("ConfigNotFound"), &[]);
    assert_eq!(fault["router"]["group"], before["router"]["group"]);
    assert_eq!(line(&fault, "GroupReady"), line(&before, "GroupReady"));
}

#[test]
fn whoever_is_stopped_or_has_left_tells_nothing_of_a_group() {
    let mut world = ready_world(&grouped());
    see(&mut world, vec![member("llama", 90)], &[]);
    world.service["status"] = status_of(&mut world, &grouped());
    let left = status_of(&mut world, &with_route());
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    let stopped = status_of(&mut world, &grouped());
    for status in [left, stopped] {
        assert_eq!(line(&status, "GroupReady"), "");
        assert_eq!(status["router"].get("group"), None);
    }
}

/// What the service of the world publishes, having stood so before.
fn publishes(world: &mut World, decision: &Decision, former: &Standing) -> Standing {
    let status = report(world, decision, &[]);
    standing(&world.service, decision, &status, former)
}

#[test]
fn a_member_is_routable_once_its_pods_are_ready_and_its_pool_is_taken() {
    let (ready, mut world) = (Standing::Member(member("llama", 90)), ready_world(&grouped()));
    let waits = Standing::Member(Member { routable: false, ..member("llama", 90) });
    let decision = decided(&mut world, &grouped());
    for former in [Standing::Unknown, Standing::Single, waits.clone(), ready.clone()] {
        assert_eq!(publishes(&mut world, &decision, &former), ready);
    }
    // A pool that its gateways have yet to take keeps a newcomer away, and nobody who is there.
    let live = world.live[&(Kind::InferencePool, "llama-inference-pool".to_owned())].body.as_ref().clone();
    let mut untaken = live;
    untaken["status"] = json!({});
    world.live(Kind::InferencePool, "llama-inference-pool", untaken);
    assert_eq!(publishes(&mut world, &decision, &waits), waits);
    assert_eq!(publishes(&mut world, &decision, &ready), ready);
    // A roll-out is no outage, but nobody ready is.
    let mut rolling = deployment(2);
    rolling["metadata"]["generation"] = json!(2);
    rolling["status"]["availableReplicas"] = json!(1);
    world.live(Kind::Deployment, "llama-kserve", rolling.clone());
    assert_eq!(publishes(&mut world, &decision, &ready), ready);
    rolling["status"]["availableReplicas"] = json!(0);
    world.live(Kind::Deployment, "llama-kserve", rolling);
    assert_eq!(publishes(&mut world, &decision, &ready), waits);
}

#[test]
fn while_nothing_is_decided_a_member_stands_as_before() {
    let mut world = ready_world(&grouped());
    let fault = faulty("ConfigNotFound");
    let ready = Standing::Member(member("llama", 90));
    assert_eq!(publishes(&mut world, &fault, &ready), ready);
    for former in [Standing::Unknown, Standing::Single] {
        assert_eq!(publishes(&mut world, &fault, &former), former);
    }
    world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    let stopped = Standing::Member(Member { stopped: true, routable: false, ..member("llama", 90) });
    assert_eq!(publishes(&mut world, &fault, &ready), stopped);
    assert_eq!(publishes(&mut world, &fault, &Standing::Unknown), Standing::Single);
}

// G-29
#[test]
fn the_others_turn_to_a_new_backend_when_its_own_route_does() {
    let mut world = ready_world(&grouped());
    let mut decision = decided(&mut world, &grouped());
    let mut held = Held::default();
    held.hold(Kind::HTTPRoute, "llama-kserve-route", "the picker is not ready yet");
    decision.outcome.as_mut().unwrap().held = held;
    world.live.remove(&(Kind::Deployment, "llama-kserve-router-scheduler".to_owned()));
    let through_service = Member { backend: Backend::service("llama"), ..member("llama", 90) };
    let former = Standing::Member(through_service);
    assert_eq!(publishes(&mut world, &decision, &former), former);
    decision.outcome.as_mut().unwrap().held = Held::default();
    let turned = Standing::Member(Member { routable: false, ..member("llama", 90) });
    assert_eq!(publishes(&mut world, &decision, &former), turned, "and then its picker has to be ready");
}

#[test]
fn who_leaves_the_group_is_single() {
    let mut world = ready_world(&with_route());
    let decision = decided(&mut world, &with_route());
    let former = Standing::Member(member("llama", 90));
    assert_eq!(publishes(&mut world, &decision, &former), Standing::Single);
}

// G-15
#[test]
fn a_deleted_service_says_whose_routes_it_waits_for() {
    let mut world = ready_world(&grouped());
    let other = Member { models: vec!["other".to_owned()], ..member("other", 10) };
    see(&mut world, vec![member("llama", 90), other], &[]);
    world.service["status"] = status_of(&mut world, &grouped());
    let status = leave::pending(&world.service, &["a".to_owned(), "b".to_owned()], NOW);
    let pending =
        "GroupReady=False FinalizationPending: waiting for the routes of a, b to no longer lead here";
    assert_eq!(
        (line(&status, "GroupReady"), line(&status, "GroupDegraded")),
        (pending.to_owned(), String::new())
    );
    let but_group = |status: &Value| {
        let lines = lines(status).into_iter().filter(|line| !line.starts_with("Group"));
        lines.collect::<Vec<_>>()
    };
    assert_eq!(but_group(&status), but_group(&world.service["status"]));
    assert_eq!(status["router"], world.service["status"]["router"]);
}
