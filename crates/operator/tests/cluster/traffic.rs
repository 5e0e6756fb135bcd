//! Services that share requests by weight, through all that happens to a group: every revision of every route is looked
//! at, and none has a rule without a backend or with one that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::World;
use llmisvc_testkit::world::Recording;
use serde_json::{Value, json};

use crate::look::{self, condition, config, says, until_ready_is};

/// A member starts pods, one after the other, beside seven other tests on two cores.
const LONG: Duration = Duration::from_mins(3);

/// A service of this group, with a pool or without.
fn member(name: &str, group: &str, weight: i64, has_pool: bool) -> Value {
    let mut router = json!({"gateway": {}, "route": {"group": group, "weight": weight}});
    if has_pool {
        router["scheduler"] = json!({});
    }
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": name},
        "spec": {"model": {"uri": "hf://org/qwen", "name": "qwen"}, "replicas": 1, "router": router},
    })
}

/// Name, weight, and whether it has a pool.
type Share<'a> = (&'a str, i64, bool);

fn pool(name: &str, weight: i64) -> Value {
    let group = "inference.networking.k8s.io";
    json!({"group": group, "kind": "InferencePool", "name": format!("{name}-inference-pool"), "port": 8000, "weight": weight})
}

fn service(name: &str, weight: i64) -> Value {
    json!({"group": "", "kind": "Service", "name": format!("{name}-kserve-workload-svc"), "port": 8000, "weight": weight})
}

/// The backends of each rule of a member's route.
fn expected((name, _, has_pool): Share<'_>, shares: &[Share<'_>]) -> BTreeMap<String, Value> {
    let backend = |has_pool: bool| if has_pool { pool } else { service };
    let listed: Value = shares.iter().map(|(name, weight, pool)| backend(*pool)(name, *weight)).collect();
    let services: Value = shares.iter().map(|(name, weight, _)| service(name, *weight)).collect();
    let own = json!([backend(has_pool)(name, 1)]);
    let mut rules = BTreeMap::from([
        ("v1-model-routing".to_owned(), listed.clone()),
        ("v1-publisher-path-catch-all".to_owned(), services.clone()),
        ("v1-catch-all-model-routing".to_owned(), services.clone()),
        ("v1-catch-all-path".to_owned(), json!([service(name, 1)])),
    ]);
    for path in ["completions", "chat-completions", "responses", "messages"] {
        rules.insert(format!("v1-{path}-path"), own.clone());
        rules.insert(format!("v1-{path}-publisher-path"), listed.clone());
    }
    rules
}

fn by_rule(route: &Value) -> BTreeMap<String, Value> {
    let rules = route["spec"]["rules"].as_array().into_iter().flatten();
    rules
        .map(|rule| (rule["name"].as_str().unwrap_or_default().to_owned(), rule["backendRefs"].clone()))
        .collect()
}

/// Waits until the routes of all these list exactly these shares.
fn until_split(world: &World<'_>, step: &str, of: &[Share<'_>], shares: &[Share<'_>]) -> Result<()> {
    for member in of {
        let rules = expected(*member, shares);
        let splits = |it: Option<&Value>| it.is_some_and(|route| by_rule(route) == rules);
        world.until("httproute", &format!("{}-kserve-route", member.0), step, splits, LONG)?;
    }
    Ok(())
}

const STABLE: Share<'static> = ("stable", 90, true);
const CANARY: Share<'static> = ("canary", 10, true);
const NEXT: Share<'static> = ("next", 0, false);

// Done-when: three services of 90, 10 and 0; G-31
#[test]
fn a_group_splits_right_after_every_step_and_no_rule_ever_leads_nowhere() -> Result<()> {
    let world = World::with_operator()?;
    let recording = world.record(&["httproutes", "inferencepools", "services", "llmisvc"])?;
    let create = |(name, weight, pool): Share<'_>| world.apply(&member(name, "g", weight, pool).to_string());
    create(STABLE)?;
    until_split(&world, "alone", &[STABLE], &[STABLE])?;
    until_ready_is(&world, "stable", "True", LONG)?;
    create(CANARY)?;
    until_split(&world, "the canary has joined", &[STABLE, CANARY], &[CANARY, STABLE])?;
    create(NEXT)?;
    let all = [CANARY, NEXT, STABLE];
    until_split(&world, "all three", &all, &all)?;
    the_status_tells(&world, &all)?;

    let stop = r#"{"metadata": {"annotations": {"serving.kserve.io/stop": "true"}}}"#;
    world.patch("llmisvc", "canary", "merge", stop)?;
    until_split(&world, "the canary is stopped", &[NEXT, STABLE], &[NEXT, STABLE])?;
    world.until("inferencepool", "canary-inference-pool", "gone", |it| it.is_none(), LONG)?;
    let share = "shares: next 0/90, stable 90/90; canary is stopped";
    let told = |it: Option<&Value>| it.is_some_and(|it| says(it, "GroupReady", "message") == share);
    world.until("llmisvc", "stable", "tells that the canary is stopped", told, LONG)?;
    world.patch("llmisvc", "canary", "merge", &stop.replace("true", "false"))?;
    until_split(&world, "the canary is back", &all, &all)?;

    // Promoted step by step: the new one first, then the old one away.
    let promote = r#"{"spec": {"router": {"route": {"weight": 100}}}}"#;
    world.patch("llmisvc", "next", "merge", promote)?;
    let (promoted, done) = (("next", 100, false), ("stable", 0, true));
    until_split(&world, "promoted", &all, &[CANARY, promoted, STABLE])?;
    world.patch("llmisvc", "stable", "merge", &promote.replace("100", "0"))?;
    until_split(&world, "rolled over", &all, &[CANARY, promoted, done])?;

    world.delete("llmisvc", "stable")?;
    until_split(&world, "the old one is deleted", &[CANARY, NEXT], &[CANARY, promoted])?;
    world.until("llmisvc", "stable", "gone", |it| it.is_none(), LONG)?;
    world.apply(&member("canary", "other", 10, true).to_string())?;
    until_split(&world, "the canary has left", &[CANARY], &[CANARY])?;
    until_split(&world, "it is left alone", &[NEXT], &[promoted])?;
    let route = world.get("httproute", "canary-kserve-route")?;
    assert_eq!(route["metadata"]["labels"]["serving.kserve.io/routing-group"], "other");
    for name in ["canary", "next"] {
        world.delete("llmisvc", name)?;
    }
    for name in ["canary", "next"] {
        world.until("llmisvc", name, "gone", |it| it.is_none(), LONG)?;
    }
    all_led_somewhere(&recording)
}

fn the_status_tells(world: &World<'_>, all: &[Share<'_>]) -> Result<()> {
    let told = |(name, weight, has_pool): &Share<'_>| {
        let mut backend = if *has_pool { pool(name, 0) } else { service(name, 0) };
        backend.as_object_mut().map(|fields| fields.remove("weight"));
        json!({"name": name, "weight": weight, "backendRef": backend})
    };
    let group = json!({"name": "g", "members": all.iter().map(told).collect::<Value>()});
    let shares = "shares: canary 10/100, next 0/100, stable 90/100";
    for (name, ..) in all {
        let tells = |it: Option<&Value>| {
            it.is_some_and(|it| {
                it["status"]["router"]["group"] == group && says(it, "GroupReady", "message") == shares
            })
        };
        world.until("llmisvc", name, "tells the group", tells, LONG)?;
        until_ready_is(world, name, "True", LONG)?;
    }
    Ok(())
}

/// Plays back what the API server did: while its service is there, no rule of a route is without backends, and each
/// backend exists.
fn all_led_somewhere(recording: &Recording) -> Result<()> {
    let mut there: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut routes = 0;
    for (change, object) in recording.changes() {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        routes += i32::from(kind == "HTTPRoute");
        if change == "DELETED" {
            there.remove(&(kind, text("name")));
        } else {
            there.insert((kind, text("name")), object.clone());
        }
        let at = text("resourceVersion");
        for ((_, name), route) in there.iter().filter(|((kind, _), _)| kind == "HTTPRoute") {
            leads_somewhere(route, &there).with_context(|| format!("{name} at {at}"))?;
        }
    }
    ensure!(routes > 20, "only {routes} revisions of routes were seen");
    Ok(())
}

fn leads_somewhere(route: &Value, there: &BTreeMap<(String, String), Value>) -> Result<()> {
    let owner = route["metadata"]["ownerReferences"][0]["name"].as_str().unwrap_or_default();
    if !there.contains_key(&("LLMInferenceService".to_owned(), owner.to_owned())) {
        return Ok(());
    }
    for rule in route["spec"]["rules"].as_array().into_iter().flatten() {
        let backends = rule["backendRefs"].as_array().map(Vec::as_slice).unwrap_or_default();
        ensure!(!backends.is_empty(), "rule {} has no backend", rule["name"]);
        for backend in backends {
            let text = |field: &str| backend[field].as_str().unwrap_or_default().to_owned();
            let found = there.contains_key(&(text("kind"), text("name")));
            ensure!(found, "rule {} leads to {backend}, which is not there", rule["name"]);
        }
    }
    Ok(())
}

/// Nothing writes a pod's Ready condition again after KWOK has made it run.
fn pods_are(world: &World<'_>, service: &str, ready: &str) -> Result<()> {
    let label =
        |pod: &Value, key: &str| pod["metadata"]["labels"][key].as_str().unwrap_or_default().to_owned();
    let mut pods = world.list("pods")?;
    pods.retain(|pod| {
        label(pod, "app.kubernetes.io/name") == service && label(pod, "kserve.io/component") == "workload"
    });
    ensure!(!pods.is_empty(), "{service} has no pods");
    look::pods_are(world, &pods, ready)
}

#[test]
fn a_member_whose_pods_are_not_ready_gets_nothing_and_the_last_one_stays() -> Result<()> {
    let world = World::with_operator()?;
    let (a, b) = (("a", 50, false), ("b", 50, false));
    for (name, weight, pool) in [a, b] {
        world.apply(&member(name, "g", weight, pool).to_string())?;
    }
    until_split(&world, "both", &[a, b], &[a, b])?;
    pods_are(&world, "b", "False")?;
    until_split(&world, "one is not ready", &[a, b], &[a])?;
    pods_are(&world, "a", "False")?;
    until_ready_is(&world, "a", "False", LONG)?;
    pods_are(&world, "b", "True")?;
    until_split(&world, "the other one is ready again", &[a, b], &[b])?;
    pods_are(&world, "a", "True")?;
    until_split(&world, "both are", &[a, b], &[a, b])
}

// G-28, G-30
#[test]
fn members_of_a_shared_config_find_each_other_and_other_models_split_apart() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&config("shared", "{model: {name: qwen}, router: {gateway: {}, route: {group: g}}}"))?;
    let recording = world.record(&["llmisvc"])?;
    let (a, b) = (("a", 60, false), ("b", 40, false));
    let create = |(name, weight, _): Share<'_>| {
        let spec = json!({
            "model": {"uri": "hf://org/qwen"}, "replicas": 1, "baseRefs": [{"name": "shared"}],
            "router": {"route": {"weight": weight}},
        });
        let mut service = member(name, "g", weight, false);
        service["spec"] = spec;
        world.apply(&service.to_string())
    };
    create(a)?;
    create(b)?;
    until_split(&world, "both", &[a, b], &[a, b])?;
    let degraded: BTreeSet<String> = recording
        .so_far()
        .iter()
        .filter(|it| condition(it, "GroupDegraded").is_some())
        .map(|it| it["metadata"]["name"].to_string())
        .collect();
    assert_eq!(degraded, BTreeSet::new(), "not even for a moment");

    world.patch("llmisvc", "b", "merge", r#"{"spec": {"model": {"name": "another"}}}"#)?;
    until_split(&world, "apart", &[a], &[a])?;
    until_split(&world, "apart", &[b], &[b])?;
    let tells = |it: Option<&Value>| {
        it.is_some_and(|it| says(it, "GroupDegraded", "message").contains(" serve qwen: b (another) "))
    };
    let service = world.until("llmisvc", "a", "GroupDegraded", tells, LONG)?.context("it is there")?;
    assert_eq!(says(&service, "GroupDegraded", "reason"), "MemberDivergence");
    until_ready_is(&world, "a", "True", LONG).map(drop)
}
