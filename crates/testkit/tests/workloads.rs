//! What workloads need from the local cluster: groups of pods, devices of DRA drivers and volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::world::has_condition;
use llmisvc_testkit::{Cluster, World};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);

/// Two groups of four whole nodes.
const GROUPS: &str = r#"
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: model}
spec:
  replicas: 2
  leaderWorkerTemplate:
    size: 4
    leaderTemplate:
      metadata: {labels: {role: leader}}
      spec: &pod
        containers: [{name: main, image: vllm, resources: {limits: {nvidia.com/gpu: "8", rdma/ib: "1"}}}]
    workerTemplate:
      metadata: {labels: {role: worker}}
      spec: *pod
"#;

const CLAIM_OF_DEVICES: &str = r#"
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: gpus}
spec:
  spec:
    devices:
      requests:
      - name: device
        exactly:
          deviceClassName: gpu.nvidia.com
          count: 2
          selectors: [{cel: {expression: "device.attributes['gpu.nvidia.com'].architecture == 'Hopper'"}}]
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  resourceClaims: [{name: managed-device, resourceClaimTemplateName: gpus}]
  containers: [{name: main, image: vllm, resources: {claims: [{name: managed-device}]}}]
"#;

const VOLUMES: &str = r"
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: weights}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Ti}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: main, image: vllm}]
  volumes:
  - {name: weights, persistentVolumeClaim: {claimName: weights}}
  - name: cache
    ephemeral:
      volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Gi}}}}
";

fn label<'a>(pod: &'a Value, name: &str) -> &'a str {
    pod.pointer("/metadata/labels").and_then(|it| it.get(name)?.as_str()).unwrap_or_default()
}

/// Waits for both groups and returns the pods.
fn groups(world: &World<'_>) -> Result<Vec<Value>> {
    let ready =
        |it: Option<&Value>| it.is_some_and(|it| it.pointer("/status/readyReplicas") == Some(&json!(2)));
    world.until("leaderworkerset", "model", "two ready groups", ready, PATIENCE)?;
    world.list("pods")
}

#[test]
fn a_leader_worker_set_of_two_groups_of_four_has_eight_ready_pods_on_eight_nodes() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(GROUPS)?;
    let pods = groups(&world)?;
    assert!(pods.iter().all(|pod| has_condition(pod, "Ready", "True")), "{pods:#?}");
    let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
    assert_eq!((pods.len(), nodes.len()), (8, 8), "{nodes:?}");
    Ok(())
}

#[test]
fn the_pods_of_a_group_carry_their_indexes_and_the_leader_is_worker_zero() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(GROUPS)?;
    let pods = groups(&world)?;
    let seen: BTreeMap<&str, [&str; 3]> = pods
        .iter()
        .map(|pod| {
            let index = |of: &str| label(pod, &format!("leaderworkerset.sigs.k8s.io/{of}-index"));
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            (name, [index("group"), index("worker"), label(pod, "role")])
        })
        .collect();
    let expected = BTreeMap::from([
        ("model-0", ["0", "0", "leader"]),
        ("model-0-1", ["0", "1", "worker"]),
        ("model-0-2", ["0", "2", "worker"]),
        ("model-0-3", ["0", "3", "worker"]),
        ("model-1", ["1", "0", "leader"]),
        ("model-1-1", ["1", "1", "worker"]),
        ("model-1-2", ["1", "2", "worker"]),
        ("model-1-3", ["1", "3", "worker"]),
    ]);
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn pods_with_one_gpu_leave_whole_nodes_to_others() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: small}, spec: {replicas: 8, selector: \
         {matchLabels: {app: small}}, template: {metadata: {labels: {app: small}}, spec: {containers: [{name: \
         main, image: vllm, resources: {limits: {nvidia.com/gpu: 1}}}]}}}}",
    )?;
    let ready = |it: Option<&Value>| it.is_some_and(|it| it["status"]["readyReplicas"] == 8);
    world.until("deployment", "small", "eight ready pods", ready, PATIENCE)?;
    let pods = world.list("pods")?;
    let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
    // One, or a few where other tests begin or end at this moment.
    assert!(nodes.len() <= 4, "{nodes:?}");
    Ok(())
}

#[test]
fn a_pod_with_a_claim_of_devices_gets_them_of_one_node() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(CLAIM_OF_DEVICES)?;
    let pod = world.until_condition("pod", "p", "Ready", "True")?;
    let claims = world.list("resourceclaims")?;
    let devices = claims[0]["status"]["allocation"]["devices"]["results"].as_array();
    let pools: Vec<&Value> = devices.into_iter().flatten().map(|it| &it["pool"]).collect();
    assert_eq!(pools, [&pod["spec"]["nodeName"]; 2]);
    Ok(())
}

#[test]
fn a_claim_of_devices_that_no_driver_has_leaves_the_pod_pending() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(&CLAIM_OF_DEVICES.replace("Hopper", "Unknown"))?;
    // Unlike the claim that is not made yet, which the scheduler also reports.
    let refused = |it: Option<&Value>| {
        let conditions = it.and_then(|it| it["status"]["conditions"].as_array()).into_iter().flatten();
        let mut messages = conditions.filter_map(|it| it["message"].as_str());
        messages.any(|it| it.contains("cannot allocate all claims"))
    };
    world.until("pod", "p", "the scheduler finds no devices", refused, PATIENCE)?;
    Ok(())
}

#[test]
fn a_pod_with_a_claimed_and_an_ephemeral_volume_becomes_ready_and_its_volumes_go_with_it() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(VOLUMES)?;
    world.until_condition("pod", "p", "Ready", "True")?;
    let bound = |it: Option<&Value>| it.is_some_and(|it| it["status"]["phase"] == "Bound");
    world.until("pvc", "weights", "bound", bound, PATIENCE)?;
    let cache = world.until("pvc", "p-cache", "bound", bound, PATIENCE)?.unwrap_or_default();
    let volume = cache["spec"]["volumeName"].as_str().unwrap_or_default();
    world.delete("pod", "p")?;
    world.until("pv", volume, "is deleted", |it| it.is_none(), PATIENCE)?;
    Ok(())
}

#[test]
fn a_volume_of_a_class_that_is_not_there_stays_unbound() -> Result<()> {
    let world = World::new(Cluster::shared()?)?;
    world.apply(&VOLUMES.replace("spec: {accessModes", "spec: {storageClassName: nowhere, accessModes"))?;
    let failed = || Ok(world.list("events")?.into_iter().find(|it| it["reason"] == "ProvisioningFailed"));
    let event = world.eventually("an event tells of the class", PATIENCE, failed)?;
    assert_eq!(event["message"], "storageclass.storage.k8s.io \"nowhere\" not found");
    assert_eq!(world.get("pod", "p")?["status"]["phase"], "Pending");
    Ok(())
}

/// On a control plane of its own, started here.
#[test]
fn leader_worker_sets_come_later_and_their_controller_comes_back_after_a_crash() -> Result<()> {
    let cluster = Cluster::own("later", Variant::WithoutLeaderWorkerSets)?;
    assert!(cluster.get("crd", "", "leaderworkersets.leaderworkerset.x-k8s.io")?.is_none());
    cluster.add_leader_worker_sets()?;
    let world = World::new(&cluster)?;
    let controller = cluster.part("lws-controller-manager")?;
    controller.kill()?;
    cluster.add_leader_worker_sets()?;
    world.apply(GROUPS)?;
    assert_eq!(groups(&world)?.len(), 8);
    Ok(())
}
