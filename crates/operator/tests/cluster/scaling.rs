//! Autoscaling objects, and that whoever scales keeps the count. A control plane of its own each: KEDA's CRD comes
//! while the operator runs, and passes are counted. Nobody acts on ScaledObjects here, so the tests play KEDA.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, operator};
use serde_json::{Value, json};

use crate::alone::counted;
use crate::look::{PATIENCE, SOON, condition, says, until_ready_is, until_reason};
use crate::topologies::{becomes, service};

/// The autoscaler of the control plane looks every 15 s.
const NEXT_LOOK: Duration = Duration::from_mins(1);
const HASH: &str = "llmisvc.io/applied";
/// What KEDA reads.
pub const KEDA: &str = "scaledobjects.keda.sh";

/// Prefill and decode, each with these members, behind a picker.
fn pair(each: &Value) -> Value {
    let mut spec = each.clone();
    spec["router"] = json!({"route": {}, "gateway": {}, "scheduler": {}});
    spec["prefill"] = each.clone();
    spec
}

fn by_triggers(max: i64) -> Value {
    let triggers = json!([{"type": "cron", "metadata": {"timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "2"}}]);
    pair(
        &json!({"scaling": {"maxReplicas": max, "keda": {"idleReplicaCount": 0, "cooldownPeriod": 60, "triggers": triggers}}}),
    )
}

fn by_autoscaler(max: i64) -> Value {
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 120}});
    pair(&json!({"scaling": {"maxReplicas": max, "wva": {"hpa": {"behavior": behavior}}}}))
}

fn by_variant() -> Value {
    pair(
        &json!({"scaling": {"minReplicas": 2, "maxReplicas": 5, "wva": {"variantCost": "40", "keda": {"idleReplicaCount": 0}}}}),
    )
}

/// An autoscaler as it must be, in the form of [`bare`].
fn expected(name: &str, variant: Option<&str>, spec: &Value) -> Value {
    let mut labels = json!({
        "app.kubernetes.io/name": "m",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": "llminferenceservice-workload",
    });
    let mut annotations = json!({});
    if let Some(cost) = variant {
        labels["inference.optimization/acceleratorName"] = json!("unknown");
        annotations =
            json!({"llm-d.ai/managed": "true", "llm-d.ai/model-id": "m", "llm-d.ai/variant-cost": cost});
    }
    json!({"name": name, "labels": labels, "annotations": annotations, "owner": ["LLMInferenceService", "m", true], "spec": spec})
}

/// What the operator has a say in, all of it.
fn bare(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
    annotations.retain(|key, _| key != HASH);
    let owner = &metadata["ownerReferences"][0];
    json!({
        "name": metadata["name"], "labels": metadata["labels"], "annotations": annotations,
        "owner": [owner["kind"], owner["name"], owner["controller"]], "spec": object["spec"],
    })
}

fn target(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name})
}

fn query(name: &str, namespace: &str) -> String {
    format!("wva_desired_replicas{{variant_name=\"{name}\",exported_namespace=\"{namespace}\"}}")
}

/// Waits until it is there, and gives it.
pub fn appears(world: &World<'_>, kind: &str, name: &str) -> Result<Value> {
    let found = world.until(kind, name, "is there", |it| it.is_some(), PATIENCE)?;
    found.context("it is there")
}

/// What KEDA would write.
pub fn keda_says(world: &World<'_>, name: &str, ready: &str) -> Result<()> {
    let conditions = json!([{"type": "Ready", "status": ready, "reason": "ScaledObjectReady", "message": "as KEDA has it"}]);
    let status = json!({"status": {"conditions": conditions}}).to_string();
    world
        .kubectl(&["patch", KEDA, name, "--subresource=status", "--type=merge", "-p", &status], None)
        .map(drop)
}

fn scaled_to(world: &World<'_>, decode: i64, prefill: i64) -> Result<()> {
    for (name, replicas) in [("m-kserve", decode), ("m-kserve-prefill", prefill)] {
        world.kubectl(&["scale", "deployment", name, &format!("--replicas={replicas}")], None)?;
    }
    Ok(())
}

fn counts(world: &World<'_>) -> Result<[Value; 2]> {
    let of = |name: &str| -> Result<Value> { Ok(world.get("deployment", name)?["spec"]["replicas"].clone()) };
    Ok([of("m-kserve")?, of("m-kserve-prefill")?])
}

// G-55 G-21. Takes a minute or more: a control plane comes up, and the autoscaler of Kubernetes looks every 15 s.
#[test]
fn keda_may_come_later_and_workloads_go_from_one_autoscaler_to_another() -> Result<()> {
    let cluster = Cluster::own("keda", Variant::Full)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?.watched_by(&operator);
    world.apply(&service(&by_triggers(4)))?;
    without_keda_everything_else_works(&world)?;
    cluster.add_keda()?;
    triggers_are_as_the_service_says(&world)?;
    what_others_write_stays(&world)?;
    zero_is_a_state_of_its_own(&world)?;
    the_former_goes_before_the_next_comes(&world)?;
    without_an_address_of_metrics_it_is_named(&world, &cluster)?;
    the_count_is_taken_back_once(&world)
}

fn without_keda_everything_else_works(world: &World<'_>) -> Result<()> {
    let missing = until_reason(world, "m", "ScalingReady", "ScalingCRDNotFound", PATIENCE)?;
    assert_eq!(says(&missing, "PrefillScalingReady", "reason"), "ScalingCRDNotFound");
    assert!(says(&missing, "ScalingReady", "message").contains("install KEDA"), "{missing:#}");
    for kind in ["MainWorkloadReady", "PrefillWorkloadReady", "RouterReady"] {
        world.until_condition("llmisvc", "m", kind, "True")?;
    }
    let now = until_reason(world, "m", "Ready", "ScalingCRDNotFound", PATIENCE)?;
    ensure!(!says(&now, "Ready", "message").is_empty(), "{now:#}");
    ensure!(now["status"]["url"].is_string(), "{now:#}");
    Ok(())
}

fn triggers_are_as_the_service_says(world: &World<'_>) -> Result<()> {
    for (name, of) in [("m-kserve-keda", "m-kserve"), ("m-kserve-prefill-keda", "m-kserve-prefill")] {
        let triggers = by_triggers(4)["scaling"]["keda"]["triggers"].clone();
        let spec = json!({
            "scaleTargetRef": target(of), "minReplicaCount": 1, "maxReplicaCount": 4, "idleReplicaCount": 0,
            "cooldownPeriod": 60, "triggers": triggers,
        });
        assert_eq!(bare(&appears(world, KEDA, name)?), expected(name, None, &spec));
    }
    until_reason(world, "m", "ScalingReady", "ScaledObjectProgressing", PATIENCE)?;
    keda_says(world, "m-kserve-keda", "True")?;
    until_reason(world, "m", "Ready", "ScaledObjectProgressing", PATIENCE)?;
    keda_says(world, "m-kserve-prefill-keda", "True")?;
    let ready = until_ready_is(world, "m", "True", PATIENCE)?;
    let says = says(&ready, "ScalingReady", "message");
    assert!(says.ends_with("m-kserve-keda scales from 1 to 4 replicas, 0 when idle, by cron"), "{says}");
    Ok(())
}

/// The autoscaler that KEDA makes: it has the labels of the ScaledObject, and so those of our children.
fn keda_makes_its_own(world: &World<'_>) -> Result<()> {
    let owner = world.get(KEDA, "m-kserve-keda")?;
    let metric =
        json!({"metric": {"name": "s0-cron"}, "target": {"type": "AverageValue", "averageValue": "1"}});
    let made = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "keda-hpa-m-kserve-keda", "labels": owner["metadata"]["labels"],
            "ownerReferences": [{
                "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "m-kserve-keda",
                "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "scaleTargetRef": target("m-kserve"), "minReplicas": 1, "maxReplicas": 6,
            "metrics": [{"type": "External", "external": metric}],
        },
    });
    world.kubectl(&["create", "-f", "-"], Some(&made.to_string())).map(drop)
}

/// KEDA's own label and finalizer, what it makes, and what a user asks of it.
fn what_others_write_stays(world: &World<'_>) -> Result<()> {
    keda_makes_its_own(world)?;
    let theirs = json!({"metadata": {
        "annotations": {"autoscaling.keda.sh/paused-replicas": "3"},
        "labels": {"scaledobject.keda.sh/name": "m-kserve-keda"},
        "finalizers": ["finalizer.keda.sh"],
    }});
    world.patch(KEDA, "m-kserve-keda", "merge", &theirs.to_string())?;
    becomes(world, &by_triggers(6))?;
    let applied = |it: Option<&Value>| it.is_some_and(|it| it["spec"]["maxReplicaCount"] == 6);
    let now = world.until(KEDA, "m-kserve-keda", "has another ceiling", applied, PATIENCE)?.context("it")?;
    let metadata = &now["metadata"];
    assert_eq!(metadata["annotations"]["autoscaling.keda.sh/paused-replicas"], "3");
    assert_eq!(metadata["labels"]["scaledobject.keda.sh/name"], "m-kserve-keda");
    assert_eq!(metadata["finalizers"], json!(["finalizer.keda.sh"]));
    until_ready_is(world, "m", "True", PATIENCE)?;
    let made = world.get("hpa", "keda-hpa-m-kserve-keda")?;
    assert_eq!(
        (&made["metadata"]["deletionTimestamp"], &made["metadata"]["annotations"]),
        (&Value::Null, &Value::Null)
    );
    Ok(())
}

fn zero_is_a_state_of_its_own(world: &World<'_>) -> Result<()> {
    // Whoever wants to scale is told who does.
    ensure!(
        world.kubectl(&["scale", "llmisvc", "m", "--replicas=5"], None).is_err(),
        "replicas beside scaling"
    );
    scaled_to(world, 0, 0)?;
    until_reason(world, "m", "PrefillWorkloadReady", "ScaledToZero", PATIENCE)?;
    let asleep = until_reason(world, "m", "Ready", "ScaledToZero", PATIENCE)?;
    assert_eq!(says(&asleep, "Ready", "status"), "True");
    assert_eq!(says(&asleep, "PrefillWorkloadReady", "reason"), "ScaledToZero");
    assert_eq!(asleep["status"]["replicas"], 0);
    scaled_to(world, 3, 2)?;
    let awake = |it: Option<&Value>| {
        it.is_some_and(|it| {
            says(it, "Ready", "status") == "True"
                && condition(it, "Ready").is_some_and(|it| it["reason"].is_null())
        })
    };
    world.until("llmisvc", "m", "is awake", awake, PATIENCE)?;
    assert_eq!(counts(world)?, [json!(3), json!(2)]);
    Ok(())
}

fn the_former_goes_before_the_next_comes(world: &World<'_>) -> Result<()> {
    becomes(world, &by_autoscaler(8))?;
    // Nothing holds that of prefill. That of decode has KEDA's finalizer, and its successor waits.
    appears(world, "hpa", "m-kserve-prefill-hpa")?;
    let going = |it: Option<&Value>| it.is_some_and(|it| it["metadata"]["deletionTimestamp"].is_string());
    world.until(KEDA, "m-kserve-keda", "is on its way out", going, PATIENCE)?;
    let alone = |it: Option<&Value>| {
        it.is_some_and(|it| {
            says(it, "HandingOver", "message")
                == "objects that serve are left as they are: ScaledObject m-kserve-keda is not gone yet"
        })
    };
    world.until("llmisvc", "m", "says what is waited for", alone, PATIENCE)?;
    assert_eq!(world.find("hpa", "m-kserve-hpa")?, None);
    world.patch(KEDA, "m-kserve-keda", "merge", r#"{"metadata": {"finalizers": null}}"#)?;
    for (name, of) in [("m-kserve-hpa", "m-kserve"), ("m-kserve-prefill-hpa", "m-kserve-prefill")] {
        let labels = json!({"variant_name": name, "exported_namespace": world.namespace()});
        let metric = json!({"name": "wva_desired_replicas", "selector": {"matchLabels": labels}});
        let average = json!({"type": "AverageValue", "averageValue": "1"});
        let mut now = bare(&appears(world, "hpa", name)?);
        let behavior = now["spec"].as_object_mut().and_then(|spec| spec.remove("behavior"));
        assert_eq!(behavior.unwrap_or_default()["scaleDown"]["stabilizationWindowSeconds"], 120);
        let spec = json!({
            "scaleTargetRef": target(of), "minReplicas": 1, "maxReplicas": 8,
            "metrics": [{"type": "External", "external": {"metric": metric, "target": average}}],
        });
        assert_eq!(now, expected(name, Some("10.0"), &spec));
    }
    assert_eq!(counts(world)?, [json!(3), json!(2)]);
    // There are no such metrics here, and the condition says so.
    let failed = until_reason(world, "m", "ScalingReady", "FailedGetExternalMetric", NEXT_LOOK)?;
    assert!(says(&failed, "ScalingReady", "message").contains("wva_desired_replicas"), "{failed:#}");
    let theirs = r#"{"metadata": {"annotations": {"theirs": "stays"}}}"#;
    world.patch("hpa", "m-kserve-hpa", "merge", theirs)?;
    becomes(world, &by_autoscaler(9))?;
    let applied = |it: Option<&Value>| it.is_some_and(|it| it["spec"]["maxReplicas"] == 9);
    let now = world.until("hpa", "m-kserve-hpa", "has another ceiling", applied, PATIENCE)?.context("it")?;
    assert_eq!(now["metadata"]["annotations"]["theirs"], "stays");
    Ok(())
}

fn without_an_address_of_metrics_it_is_named(world: &World<'_>, cluster: &Cluster) -> Result<()> {
    becomes(world, &by_variant())?;
    let blind = until_reason(world, "m", "ScalingReady", "ReconcileScalingError", PATIENCE)?;
    assert!(says(&blind, "ScalingReady", "message").contains("prometheus.url"), "{blind:#}");
    world.until("hpa", "m-kserve-hpa", "is gone", |it| it.is_none(), PATIENCE)?;
    let settings = json!({"prometheus": {"url": "https://prometheus:9090", "unsafeSsl": true}}).to_string();
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {"autoscaling-wva-controller-config": settings},
    });
    cluster.kubectl(&["apply", "-f", "-"], Some(&map.to_string()))?;
    let namespace = world.namespace();
    let each = ["m-kserve-keda", "m-kserve-prefill-keda"];
    let both = format!("clamp_max(sum({} or {}), 1)", query(each[0], namespace), query(each[1], namespace));
    for (name, of) in [(each[0], "m-kserve"), (each[1], "m-kserve-prefill")] {
        let trigger = |id: &str, query: &str| {
            let metadata = json!({
                "serverAddress": "https://prometheus:9090", "query": query, "threshold": "1", "unsafeSsl": "true",
            });
            json!({"type": "prometheus", "name": id, "metadata": metadata})
        };
        let own = trigger("wva-desired-replicas", &query(name, namespace));
        let spec = json!({
            "scaleTargetRef": target(of), "minReplicaCount": 2, "maxReplicaCount": 5, "idleReplicaCount": 0,
            "triggers": [own, trigger("wva-any-wanted", &both)],
        });
        assert_eq!(bare(&appears(world, KEDA, name)?), expected(name, Some("40"), &spec));
    }
    assert_eq!(counts(world)?, [json!(3), json!(2)]);
    Ok(())
}

fn the_count_is_taken_back_once(world: &World<'_>) -> Result<()> {
    until_reason(world, "m", "ScalingReady", "ScaledObjectProgressing", PATIENCE)?;
    let recording = world.record(&["deployment"])?;
    becomes(world, &pair(&json!({"replicas": 1})))?;
    for name in ["m-kserve-keda", "m-kserve-prefill-keda"] {
        world.until(KEDA, name, "is gone", |it| it.is_none(), PATIENCE)?;
    }
    for (name, before) in [("m-kserve", 3), ("m-kserve-prefill", 2)] {
        let back = |it: Option<&Value>| it.is_some_and(|it| it["spec"]["replicas"] == 1);
        let now = world.until("deployment", name, "has its count back", back, PATIENCE)?.context("it")?;
        let all = recording.up_to(world, &now)?;
        let mut seen: Vec<&Value> = all
            .iter()
            .filter(|it| it["metadata"]["name"] == name)
            .map(|it| &it["spec"]["replicas"])
            .collect();
        seen.dedup();
        ensure!(seen == [&json!(before), &json!(1)] || seen == [&json!(1)], "{name}: {seen:?}");
    }
    let settled = |it: Option<&Value>| {
        it.is_some_and(|it| {
            says(it, "Ready", "status") == "True"
                && condition(it, "ScalingReady").is_none()
                && condition(it, "SpecIgnored").is_none()
        })
    };
    world.until("llmisvc", "m", "is as if it had never been scaled", settled, PATIENCE).map(drop)
}

const PASSES: u64 = 100;

/// A service of this name.
fn named(name: &str, spec: &Value) -> String {
    service(spec).replace(r#""metadata":{"name":"m"}"#, &format!(r#""metadata":{{"name":"{name}"}}"#))
}

/// Wanted replicas of the three workloads of the test.
fn wanted(world: &World<'_>) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for child in CHILDREN {
        let (kind, name) = child.split_once('/').context("kind/name")?;
        all.push(world.get(kind, name)?["spec"]["replicas"].clone());
    }
    Ok(all)
}

const CHILDREN: [&str; 3] =
    ["deployment/one-kserve", "leaderworkerset/many-kserve-mn", "deployment/own-kserve"];

// Takes a minute or more: a control plane comes up, and each of 100 rounds waits for a pass over three services.
#[test]
fn whoever_scales_keeps_the_count_over_100_passes() -> Result<()> {
    let cluster = Cluster::own("count", Variant::Full)?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    let world = World::new(&cluster)?.watched_by(&operator);
    let scaling = json!({"maxReplicas": 8, "wva": {"hpa": {}}});
    let worker = json!({"containers": [{"name": "main"}]});
    let many = json!({"scaling": scaling, "parallelism": {"pipeline": 2, "tensor": 1}, "worker": worker});
    world.apply(&named("one", &json!({"scaling": scaling})))?;
    world.apply(&named("many", &many))?;
    world.apply(&named("own", &json!({"replicas": 1})))?;
    for child in CHILDREN {
        let (kind, name) = child.split_once('/').context("kind/name")?;
        appears(&world, kind, name)?;
    }
    for (target, replicas) in [(CHILDREN[0], 3), (CHILDREN[1], 2), ("llmisvc/own", 2)] {
        world.kubectl(&["scale", target, &format!("--replicas={replicas}")], None)?;
    }
    let set = [json!(3), json!(2), json!(2)];
    let reached = || Ok((wanted(&world)? == set).then_some(()));
    world.eventually("each has the count that was set", SOON, reached)?;
    let recording = world.record(&["deployment", "leaderworkerset"])?;
    for round in 0..PASSES {
        a_pass_over_each(&world, &operator, round)?;
    }
    assert_eq!(wanted(&world)?, set);
    let last = world.get("deployment", "own-kserve")?;
    for it in recording.up_to(&world, &last)? {
        let name = it["metadata"]["name"].as_str().unwrap_or_default();
        let count = if name == "one-kserve" { 3 } else { 2 };
        assert_eq!(it["spec"]["replicas"], count, "{name} was something else in between");
    }
    Ok(())
}

/// Touches the three children, and waits until the operator has looked at each of their services.
fn a_pass_over_each(world: &World<'_>, operator: &Operator, round: u64) -> Result<()> {
    let passes = |operator: &Operator| -> Result<u64> {
        Ok(counted(&operator.metrics()?, "llmisvc_reconciles_total", "settled"))
    };
    let before = passes(operator)?;
    let mut args = vec!["annotate", "--overwrite"];
    args.extend(CHILDREN);
    let touch = format!("round={round}");
    args.push(&touch);
    world.kubectl(&args, None)?;
    world.eventually("a pass over each service", PATIENCE, || {
        Ok((passes(operator)? >= before + 3).then_some(()))
    })
}
