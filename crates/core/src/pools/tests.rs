use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::answers::Lead;
use super::choice::{Choice, State, Verdict, choose};
use super::{Backend, Group, MIGRATED, REFUSED, strands, witness};
use crate::facts::{Answer, Key, Ref};
use crate::object::{LiveObject, Object};
use crate::tree;
use crate::validate::routing::fixture::{World, default_gateway, spec};

use Group::{Older, V1};

const POOL: &str = "llama-inference-pool";
const ROUTE: &str = "llama-kserve-route";

fn groups<const N: usize>(groups: [Group; N]) -> BTreeSet<Group> {
    groups.into()
}

/// Both groups are served and the route leads to `lead`.
fn state(lead: Option<Group>) -> State {
    State { served: groups([V1, Older]), lead, ..State::default() }
}

// G-22, G-24
#[test]
fn every_state_has_its_group() {
    let refused = |lead, refused| State { verdict: Verdict::Refused, refused, ..state(Some(lead)) };
    let served = |served, lead| State { served, ..state(lead) };
    let cases = [
        ("new", state(None), V1, false, groups([])),
        ("nothing is served", served(groups([]), None), V1, false, groups([])),
        ("only v1 is served", served(groups([V1]), None), V1, false, groups([])),
        ("only the older one is served", served(groups([Older]), None), Older, false, groups([])),
        ("v1 goes away", served(groups([Older]), Some(V1)), Older, false, groups([])),
        ("the older one goes away", served(groups([V1]), Some(Older)), V1, true, groups([])),
        (
            "a gateway that is not heard any more",
            State { refused: groups([V1]), ..served(groups([V1]), Some(Older)) },
            V1,
            true,
            groups([V1]),
        ),
        ("v1, nobody has answered", state(Some(V1)), V1, false, groups([])),
        ("v1, known", State { verdict: Verdict::Known, ..state(Some(V1)) }, V1, false, groups([])),
        ("v1, refused", refused(V1, groups([])), Older, false, groups([V1])),
        ("v1, refused, and it is the only one", served(groups([V1]), Some(V1)), V1, false, groups([])),
        (
            "fallen back, not answered yet",
            State { refused: groups([V1]), ..state(Some(Older)) },
            Older,
            false,
            groups([V1]),
        ),
        (
            "fallen back, and somebody has the v1 pool accepted since",
            State { refused: groups([V1]), accepts_v1: true, ..state(Some(Older)) },
            Older,
            false,
            groups([V1]),
        ),
        ("fallen back, refused too", refused(Older, groups([V1])), V1, true, groups([V1, Older])),
        (
            "both refused, and heard again",
            State { migrated: true, ..refused(V1, groups([V1, Older])) },
            V1,
            true,
            groups([V1, Older]),
        ),
        (
            "both refused, and v1 is known now",
            State {
                verdict: Verdict::Known,
                refused: groups([V1, Older]),
                migrated: true,
                ..state(Some(V1))
            },
            V1,
            true,
            groups([Older]),
        ),
        ("a former controller's", state(Some(Older)), Older, false, groups([])),
        (
            "a former controller's, known",
            State { verdict: Verdict::Known, ..state(Some(Older)) },
            Older,
            false,
            groups([]),
        ),
        ("a former controller's, refused", refused(Older, groups([])), V1, true, groups([Older])),
        (
            "a former controller's, and v1 is accepted",
            State { accepts_v1: true, ..state(Some(Older)) },
            V1,
            true,
            groups([]),
        ),
        (
            "a former controller's, by wish",
            State { wished: true, ..state(Some(Older)) },
            V1,
            true,
            groups([]),
        ),
        ("marked as migrated", State { migrated: true, ..state(Some(Older)) }, V1, true, groups([])),
        ("migrated", State { migrated: true, ..state(Some(V1)) }, V1, true, groups([])),
    ];
    for (name, state, group, migrated, refused) in cases {
        assert_eq!(choose(&state), Choice { group, migrated, refused }, "{name}");
    }
}

#[test]
fn the_group_that_serves_more_gateways_counts() {
    let verdicts = [
        ((0, 0), Verdict::Open),
        ((1, 1), Verdict::Open),
        ((2, 1), Verdict::Known),
        ((1, 2), Verdict::Refused),
    ];
    for ((known, refused), expected) in verdicts {
        assert_eq!(Verdict::of(known, refused), expected);
    }
}

/// What a gateway with these abilities says about a route that leads to `group`.
fn heard(abilities: &BTreeSet<Group>, group: Group) -> Verdict {
    if abilities.contains(&group) { Verdict::Known } else { Verdict::Refused }
}

#[test]
fn whatever_the_gateway_knows_the_route_comes_to_rest_there() {
    let all = [groups([]), groups([V1]), groups([Older]), groups([V1, Older])];
    for abilities in &all {
        for before in [None, Some(V1), Some(Older)] {
            for migrated in [false, true] {
                let mut state = State { migrated, ..state(before) };
                let mut turns = Vec::new();
                for _ in 0..8 {
                    state.verdict = state.lead.map(|lead| heard(abilities, lead)).unwrap_or_default();
                    let choice = choose(&state);
                    turns.push(choice.group);
                    state = State {
                        lead: Some(choice.group),
                        refused: choice.refused,
                        migrated: choice.migrated,
                        ..state
                    };
                }
                let rest = turns[4];
                assert!(turns[4..].iter().all(|group| *group == rest), "{abilities:?} {before:?}: {turns:?}");
                assert!(
                    abilities.is_empty() || abilities.contains(&rest),
                    "{abilities:?} {before:?}: {turns:?}"
                );
            }
        }
    }
}

fn condition(kind: &str, status: &str, reason: &str, generation: i64) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "observedGeneration": generation})
}

fn resolved(status: &str, reason: &str) -> Value {
    let parent = json!({"name": "kserve-ingress-gateway", "namespace": "kserve"});
    let conditions =
        [condition("Accepted", "True", "Accepted", 2), condition("ResolvedRefs", status, reason, 2)];
    json!({"parentRef": parent, "conditions": conditions})
}

fn backend(group: Group) -> Value {
    json!({"group": group.name(), "kind": "InferencePool", "name": POOL})
}

fn route(backends: &[Value], answers: &[Value]) -> Value {
    let parent = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "kserve-ingress-gateway", "namespace": "kserve"});
    json!({
        "metadata": {"generation": 2},
        "spec": {"parentRefs": [parent], "rules": [{"backendRefs": backends}, {"backendRefs": [{"kind": "Service", "name": "s"}]}]},
        "status": {"parents": answers},
    })
}

fn lead(backends: &[Value], answers: &[Value]) -> Lead {
    Lead::of(&route(backends, answers), "ml", POOL)
}

// G-23
#[test]
fn only_an_answer_about_our_pool_as_it_is_now_counts() {
    let gateway = || BTreeSet::from([default_gateway()]);
    let silent = || Lead { groups: groups([V1]), gateways: gateway(), ..Lead::default() };
    let refused = Lead { refused: gateway(), ..silent() };
    let known = Lead { known: gateway(), settled: gateway(), ..silent() };
    let no = |reason: &str| lead(&[backend(V1)], &[resolved("False", reason)]);
    assert_eq!(no("InvalidKind"), refused);
    assert_eq!(no("BackendNotFound"), silent(), "G-22: the pool may come yet");
    assert_eq!(no("RefNotPermitted"), silent());
    assert_eq!(lead(&[backend(V1)], &[resolved("True", "ResolvedRefs")]), known);
    assert_eq!(lead(&[backend(V1)], &[]), silent());

    let other = json!({"group": "multicluster.x-k8s.io", "kind": "ServiceImport", "name": "x"});
    assert_eq!(lead(&[backend(V1), other], &[resolved("False", "InvalidKind")]), silent());
    let mut mirrored = route(&[backend(V1)], &[resolved("False", "InvalidKind")]);
    mirrored["spec"]["rules"][0]["filters"] =
        json!([{"type": "RequestMirror", "requestMirror": {"backendRef": {"kind": "Odd", "name": "x"}}}]);
    assert_eq!(Lead::of(&mirrored, "ml", POOL), silent());
    let theirs = json!({"group": V1.name(), "kind": "InferencePool", "name": "theirs"});
    assert_eq!(lead(&[theirs], &[]).groups, groups([]));

    let mut late = resolved("False", "InvalidKind");
    for age in [json!(1), Value::Null] {
        late["conditions"][1]["observedGeneration"] = age;
        assert_eq!(lead(&[backend(V1)], &[late.clone()]), silent());
    }
    let mut elsewhere = resolved("False", "InvalidKind");
    elsewhere["parentRef"]["name"] = json!("former");
    assert_eq!(lead(&[backend(V1)], &[elsewhere.clone()]), silent());
    elsewhere["parentRef"] =
        json!({"group": "", "kind": "Service", "name": "kserve-ingress-gateway", "namespace": "kserve"});
    assert_eq!(lead(&[backend(V1)], &[elsewhere]), silent());
}

#[test]
fn a_route_is_settled_when_every_gateway_has_taken_it() {
    assert!(lead(&[backend(V1)], &[resolved("True", "ResolvedRefs")]).is_settled());
    let mut unaccepted = resolved("True", "ResolvedRefs");
    unaccepted["conditions"][0]["status"] = json!("False");
    assert!(!lead(&[backend(V1)], &[unaccepted]).is_settled());
    assert!(!lead(&[backend(V1)], &[]).is_settled());
}

/// The objects that the service with scheduler and route comes to.
struct Service {
    world: World,
    spec: Value,
}

impl Service {
    fn new() -> Self {
        let mut world = World::new();
        world.cluster.served.insert(Kind::OlderInferencePool);
        Self { world, spec: spec(json!({"scheduler": {}, "route": {}})) }
    }

    /// A former controller has made both pools, and a route to the older one.
    fn former() -> Self {
        let mut service = Self::new();
        service.world.live(Kind::OlderInferencePool, POOL, json!({}));
        service.world.live(Kind::InferencePool, POOL, json!({}));
        service.world.live(Kind::HTTPRoute, ROUTE, route(&[backend(Older)], &[]));
        service
    }

    fn objects(&mut self) -> Vec<Object> {
        self.world.objects(&self.spec)
    }

    /// Everything is applied, and what is not wanted any more goes after that; pools and routes only.
    fn carry_out(&mut self) -> (Vec<Group>, BTreeSet<String>) {
        let objects = self.objects();
        let shown: Vec<(Kind, Value)> = objects.iter().map(|o| (o.kind, o.body.clone())).collect();
        for object in
            objects.iter().filter(|o| matches!(o.kind, Kind::InferencePool | Kind::OlderInferencePool))
        {
            self.world.live(object.kind, &object.name, object.body.clone());
        }
        let mut body = object(&shown, Kind::HTTPRoute).clone();
        body["metadata"]["generation"] = json!(2);
        let before = self.world.live.get(&(Kind::HTTPRoute, ROUTE.to_owned())).map(|live| live.body.clone());
        if let Some(before) = before.filter(|before| before["spec"] == body["spec"]) {
            body["status"] = before["status"].clone();
        }
        self.world.live(Kind::HTTPRoute, ROUTE, body.clone());
        assert_eq!(self.without_backend(), Vec::<String>::new(), "before anything goes");
        let wanted = |kind: Kind| objects.iter().any(|o| o.kind == kind);
        self.world.live.retain(|(kind, _), _| wanted(*kind));
        assert_eq!(self.without_backend(), Vec::<String>::new(), "after what is not wanted went");
        let live: Vec<Group> = Group::ALL
            .into_iter()
            .filter(|g| self.world.live.contains_key(&(g.kind(), POOL.to_owned())))
            .collect();
        (live, led(&body))
    }

    /// Rules with a backend whose pool is not there.
    fn without_backend(&self) -> Vec<String> {
        let route = &self.world.live[&(Kind::HTTPRoute, ROUTE.to_owned())].body;
        let missing = |group: &String| {
            let group = Group::named(group).unwrap();
            !self.world.live.contains_key(&(group.kind(), POOL.to_owned()))
        };
        led(route).into_iter().filter(missing).collect()
    }

    fn answer(&mut self, answers: &[Value]) {
        let mut body = self.world.live[&(Kind::HTTPRoute, ROUTE.to_owned())].body.as_ref().clone();
        body["status"] = json!({"parents": answers});
        self.world.live(Kind::HTTPRoute, ROUTE, body);
    }

    fn annotation(&self, key: &str) -> String {
        let route = &self.world.live[&(Kind::HTTPRoute, ROUTE.to_owned())].body;
        tree::text(route, &["metadata", "annotations", key]).to_owned()
    }
}

fn object(objects: &[(Kind, Value)], kind: Kind) -> &Value {
    &objects.iter().find(|(k, _)| *k == kind).unwrap().1
}

/// Groups of the pools that a route leads to.
fn led(route: &Value) -> BTreeSet<String> {
    let rules = tree::list(route, &["spec", "rules"]).iter();
    let backends = rules.flat_map(|rule| tree::list(rule, &["backendRefs"]));
    let pools = backends.filter(|b| b["kind"] == "InferencePool");
    pools.map(|b| tree::text(b, &["group"]).to_owned()).collect()
}

fn one(group: Group) -> BTreeSet<String> {
    BTreeSet::from([group.name().to_owned()])
}

// G-22, G-24
#[test]
fn a_migration_goes_on_when_the_gateway_says_so_and_leaves_no_rule_without_a_pool() {
    let mut service = Service::former();
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)), "nobody has said anything");
    service.answer(&[resolved("False", "BackendNotFound")]);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)));
    service.answer(&[resolved("True", "ResolvedRefs")]);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)), "what works stays");
    service.answer(&[resolved("False", "InvalidKind")]);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(V1)), "the older pool waits for the gateway");
    assert_eq!(
        (service.annotation(MIGRATED), service.annotation(REFUSED)),
        ("v1".to_owned(), "v1alpha2".to_owned())
    );
    assert_eq!(service.carry_out(), (vec![V1, Older], one(V1)));
    service.answer(&[resolved("True", "ResolvedRefs")]);
    assert_eq!(service.carry_out(), (vec![V1], one(V1)));
    assert_eq!(service.carry_out(), (vec![V1], one(V1)));
    // The way back, when the CRD goes and takes the pools with it.
    service.world.cluster.served.remove(&Kind::InferencePool);
    service.world.live.remove(&(Kind::InferencePool, POOL.to_owned()));
    assert_eq!(service.carry_out(), (vec![Older], one(Older)));
    assert_eq!(
        (service.annotation(MIGRATED), service.annotation(REFUSED)),
        (String::new(), "v1alpha2".to_owned())
    );
    service.world.cluster.served.insert(Kind::InferencePool);
    service.answer(&[resolved("True", "ResolvedRefs")]);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)), "it works, so it stays");
}

#[test]
fn who_wants_nothing_kept_gets_v1_at_once() {
    let mut service = Service::former();
    service.world.service["metadata"]["annotations"] = json!({"llmisvc.io/adopt": "now"});
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)), "the route is ours");
    let slot = (Kind::HTTPRoute, ROUTE.to_owned());
    let former = LiveObject { created_by_post: true, ..service.world.live[&slot].clone() };
    service.world.live.insert(slot, former);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(V1)));
    service.answer(&[resolved("False", "InvalidKind")]);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)), "the gateway knows better");
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)), "and is asked once");
}

#[test]
fn a_gateway_that_knows_only_the_older_group_gets_it() {
    let mut service = Service::new();
    assert_eq!(service.carry_out(), (vec![V1], one(V1)));
    service.answer(&[resolved("False", "InvalidKind")]);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)));
    assert_eq!((service.annotation(MIGRATED), service.annotation(REFUSED)), (String::new(), "v1".to_owned()));
    service.answer(&[resolved("True", "ResolvedRefs")]);
    assert_eq!(service.carry_out(), (vec![V1, Older], one(Older)));
    // Another gateway may know more: what the first has said does not count for it.
    service.spec = spec(
        json!({"scheduler": {}, "route": {}, "gateway": {"refs": [{"name": "newer", "namespace": "infra"}]}}),
    );
    service.carry_out();
    assert_eq!(service.annotation(REFUSED), "");
    let parent = json!({"name": "newer", "namespace": "infra"});
    let accepted = json!({"parents": [{"parentRef": parent, "conditions": [condition("Accepted", "True", "Accepted", 0)]}]});
    let mut pool = service.world.live[&(Kind::InferencePool, POOL.to_owned())].body.as_ref().clone();
    pool["status"] = accepted;
    service.world.live(Kind::InferencePool, POOL, pool);
    let objects: Vec<(Kind, Value)> = service.objects().into_iter().map(|o| (o.kind, o.body)).collect();
    assert_eq!(led(object(&objects, Kind::HTTPRoute)), one(V1));
    assert_eq!(object(&objects, Kind::HTTPRoute)["metadata"]["annotations"], json!({MIGRATED: "v1"}));
}

// G-51
#[test]
fn the_older_pool_says_the_same_in_its_own_words() {
    let mut service = Service::former();
    service.spec["router"]["scheduler"]["pool"]["spec"]["targetPorts"] =
        json!([{"number": 8000}, {"number": 8001}]);
    let (_, findings, warnings) = service.world.validate(&service.spec);
    assert_eq!(findings, []);
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["spec.router.scheduler.pool.spec.targetPorts: has 2 ports, and an InferencePool of the group \
          inference.networking.x-k8s.io takes one: gateways that know no other group use 8000 only"]
    );
    let pool = service.objects().into_iter().find(|o| o.kind == Kind::OlderInferencePool).unwrap().body;
    let labels =
        json!({"app.kubernetes.io/name": "llama", "app.kubernetes.io/part-of": "llminferenceservice"});
    let with = |key: &str, value: &str| {
        let mut labels = labels.clone();
        labels[key] = json!(value);
        labels
    };
    let expected = json!({
        "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
        "kind": "InferencePool",
        "metadata": {
            "name": POOL,
            "namespace": "ml",
            "labels": with("app.kubernetes.io/component", "llminferenceservice-router-scheduler"),
        },
        "spec": {
            "selector": with("kserve.io/component", "workload"),
            "targetPortNumber": 8000,
            "extensionRef": {"kind": "Service", "name": "llama-epp-service", "portNumber": 9002, "failureMode": "FailOpen"},
        },
    });
    assert_eq!(pool, expected);
    service.spec["router"]["scheduler"]["pool"]["spec"]["targetPorts"] = json!([]);
    let (_, findings, _) = service.world.validate(&service.spec);
    assert_eq!(findings.len(), 1, "G-51: no ports are a finding: {findings:?}");
}

fn other_gateway() -> Value {
    let mut answer = resolved("True", "ResolvedRefs");
    answer["parentRef"] = json!({"name": "other", "namespace": "infra"});
    answer
}

#[test]
fn gateways_that_differ_are_named_and_the_route_leads_where_more_can_follow() {
    let refs = json!([{"name": "kserve-ingress-gateway", "namespace": "kserve"}, {"name": "other", "namespace": "infra"}]);
    let mut service = Service::new();
    service.spec = spec(json!({"scheduler": {}, "route": {}, "gateway": {"refs": refs}}));
    service.carry_out();
    let told = |service: &mut Service, answers: &[Value]| {
        service.answer(answers);
        let (routing, _, warnings) = service.world.validate(&service.spec);
        let about_pools = warnings.iter().filter(|finding| finding.path == "spec.router.route");
        (routing.pools.group, about_pools.map(ToString::to_string).collect::<Vec<_>>())
    };
    let both = "spec.router.route: Gateways kserve/kserve-ingress-gateway do not know InferencePools of the group \
                inference.networking.k8s.io, as infra/other do, and a route can lead to one group only: turn on the \
                Inference Extension in their controller, or make a service of its own for them";
    let refused = resolved("False", "InvalidKind");
    assert_eq!(told(&mut service, &[refused.clone(), other_gateway()]), (V1, vec![both.to_owned()]));
    let mut theirs = other_gateway();
    theirs["conditions"] = refused["conditions"].clone();
    assert_eq!(told(&mut service, &[refused.clone(), theirs.clone()]), (Older, vec![]), "both know no v1");
    service.carry_out();
    service.answer(&[refused.clone(), theirs.clone()]);
    assert_eq!(service.carry_out().1, one(V1), "nor the older one");
    let neither = "spec.router.route: Gateways infra/other, kserve/kserve-ingress-gateway know InferencePools of \
                   neither group: turn on the Inference Extension in their controller, or leave spec.router.scheduler out";
    assert_eq!(told(&mut service, &[refused, theirs]), (V1, vec![neither.to_owned()]));
}

#[test]
fn a_picker_that_cannot_read_its_pool_is_told() {
    let mut service = Service::new();
    service.world.cluster.served.remove(&Kind::InferencePool);
    let (routing, _, warnings) = service.world.validate(&service.spec);
    assert_eq!((routing.pools.made, routing.pools.readers), (groups([Older]), Older));
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "spec.router.scheduler.template: the endpoint picker of the preset reads InferencePools of the group \
          inference.networking.k8s.io only, which the cluster does not serve: install that CRD, or name an image and a \
          command that read the group inference.networking.x-k8s.io"
        ]
    );
}

fn decode_pod(command: &Value, args: &Value) -> Value {
    let sidecar = json!({"name": "llm-d-routing-sidecar", "command": command, "args": args});
    json!({"spec": {"replicas": 1, "template": {"spec": {"initContainers": [sidecar]}}},
           "status": {"replicas": 1, "updatedReplicas": 1}})
}

#[test]
fn the_older_pool_stays_while_pods_look_it_up() {
    let older = "--pool-group=inference.networking.x-k8s.io";
    let settled = || {
        let mut service = Service::former();
        service.answer(&[resolved("False", "InvalidKind")]);
        service.carry_out();
        service.answer(&[resolved("True", "ResolvedRefs")]);
        service
    };
    let pools = |service: &mut Service| service.world.validate(&service.spec).0.pools;
    // A former controller's sidecar, which goes when its pods do.
    let mut service = settled();
    service.world.live(
        Kind::Deployment,
        "llama-kserve",
        decode_pod(&json!(["/app/pd-sidecar", older]), &json!([])),
    );
    assert_eq!((pools(&mut service).made, pools(&mut service).readers), (groups([V1, Older]), V1));
    // Ours, from before v1 was served: it is not restarted.
    let ours = decode_pod(&json!(["/app/pd-sidecar"]), &json!([older]));
    let mut service = settled();
    service.world.live(Kind::Deployment, "llama-kserve", ours.clone());
    assert_eq!((pools(&mut service).made, pools(&mut service).readers), (groups([V1, Older]), Older));
    service.world.cluster.served.remove(&Kind::OlderInferencePool);
    assert_eq!(pools(&mut service).readers, V1, "there is nothing left to look up");
    // Pods of the older template are still there.
    let mut service = settled();
    let mut rolling = decode_pod(&json!(["/app/pd-sidecar"]), &json!([]));
    rolling["status"] = json!({"replicas": 2, "updatedReplicas": 1});
    service.world.live(Kind::Deployment, "llama-kserve", rolling);
    assert_eq!(pools(&mut service).made, groups([V1, Older]));
    let done = decode_pod(&json!(["/app/pd-sidecar"]), &json!([]));
    service.world.live(Kind::Deployment, "llama-kserve", done);
    assert_eq!(pools(&mut service).made, groups([V1]));
}

#[test]
fn routes_of_the_user_keep_the_older_pool_and_so_does_a_group() {
    let mut service = Service::new();
    service.spec = spec(json!({"scheduler": {}, "route": {"http": {"refs": [{"name": "mine"}]}}}));
    let key = Key::HttpRoute(Ref::new("ml", "mine"));
    let made = |service: &mut Service, group: Group| {
        service.world.see(key.clone(), route(&[backend(group)], &[]));
        service.world.validate(&service.spec).0.pools.made
    };
    assert_eq!(made(&mut service, Older), groups([V1, Older]));
    assert_eq!(made(&mut service, V1), groups([V1]));
    let mut service = Service::former();
    service.answer(&[resolved("False", "InvalidKind")]);
    service.carry_out();
    service.answer(&[resolved("True", "ResolvedRefs")]);
    service.spec["router"]["route"]["group"] = json!("canary");
    assert_eq!(service.world.validate(&service.spec).0.pools.made, groups([V1, Older]));
}

#[test]
fn a_pool_of_somebody_else_is_none_of_ours() {
    let mut service = Service::new();
    service.world.live(Kind::OlderInferencePool, POOL, json!({}));
    let slot = (Kind::OlderInferencePool, POOL.to_owned());
    let theirs = LiveObject { controller: None, ..service.world.live[&slot].clone() };
    service.world.live.insert(slot, theirs);
    service.world.live(Kind::HTTPRoute, ROUTE, route(&[backend(V1)], &[]));
    assert_eq!(service.world.validate(&service.spec).0.pools.made, groups([V1]));
}

// G-29
#[test]
fn an_external_pool_is_led_to_in_the_group_in_which_it_is() {
    let merged = spec(json!({"scheduler": {"pool": {"ref": {"name": "shared"}}}, "route": {}}));
    let at = || Ref::new("ml", "shared");
    let found = || Answer::Found(json!({}).into());
    let unreadable = || Answer::Unreadable("timeout".to_owned());
    let cases = [
        (Answer::Absent, found(), Older),
        (found(), found(), V1),
        (Answer::Absent, Answer::Absent, V1),
        (unreadable(), found(), V1),
        (Answer::Absent, unreadable(), V1),
    ];
    for (v1, older, expected) in cases {
        let mut world = World::new();
        world.cluster.served.insert(Kind::OlderInferencePool);
        world.seen.insert(Key::InferencePool(at()), v1);
        world.seen.insert(Key::OlderInferencePool(at()), older);
        let service = world.valid(&merged);
        let backend =
            Backend { group: expected.name(), kind: "InferencePool", name: "shared".to_owned(), port: 8000 };
        assert_eq!(service.routing.backend("llama"), backend);
        assert_eq!(led(&world.object(&merged, Kind::HTTPRoute)), one(expected));
    }
    let mut world = World::new();
    world.cluster.served.insert(Kind::OlderInferencePool);
    let leads = json!({"group": Older.name(), "kind": "InferencePool", "name": "shared"});
    world.live(Kind::HTTPRoute, ROUTE, route(&[leads], &[]));
    world.seen.insert(Key::InferencePool(at()), unreadable());
    assert_eq!(led(&world.object(&merged, Kind::HTTPRoute)), one(Older), "as it was");
}

#[test]
fn without_a_pool_requests_go_to_the_service() {
    let routing = World::new().valid(&spec(json!({"route": {}}))).routing;
    let service =
        Backend { group: "", kind: "Service", name: "llama-kserve-workload-svc".to_owned(), port: 8000 };
    assert_eq!(routing.backend("llama"), service);
}

#[test]
fn a_route_is_not_turned_to_a_pool_that_was_refused() {
    let (older, v1) = (route(&[backend(Older)], &[]), route(&[backend(V1)], &[]));
    assert!(strands(&older, &v1, (Kind::OlderInferencePool, POOL)));
    assert!(!strands(&older, &v1, (Kind::InferencePool, POOL)), "it leads elsewhere");
    assert!(!strands(&older, &older, (Kind::OlderInferencePool, POOL)), "it led there before");
    assert!(!strands(&older, &v1, (Kind::OlderInferencePool, "another")));
    assert!(!strands(&older, &json!({"spec": {}}), (Kind::OlderInferencePool, POOL)), "it led nowhere");
    assert!(!strands(&older, &v1, (Kind::Deployment, POOL)));
}

#[test]
fn what_gateways_say_is_a_premise_where_there_are_two_groups() {
    let mut service = Service::former();
    let before = witness(&service.world.live, &service.world.cluster);
    assert_eq!(before.len(), 3);
    service.answer(&[resolved("False", "InvalidKind")]);
    assert_ne!(witness(&service.world.live, &service.world.cluster), before);
    service.world.cluster.served.remove(&Kind::OlderInferencePool);
    assert_eq!(witness(&service.world.live, &service.world.cluster), Vec::<String>::new());
}
