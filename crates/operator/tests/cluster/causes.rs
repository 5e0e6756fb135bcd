//! Root causes in the status: what the parts of Kubernetes say themselves, and what a kubelet would say of containers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::{PATIENCE, plain, says, until_ready_is, until_reason};

const SERVICE: &str = "m";

/// What a kubelet says of a container that ended and waits for its next start.
fn ended(name: &str, exit: &Value) -> Value {
    let state = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}});
    json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 2, "state": state, "lastState": {"terminated": exit}})
}

fn waits(name: &str, reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    json!({"name": name, "image": "reg.example.com/vllm:nope", "imageID": "", "ready": false, "restartCount": 0, "state": state})
}

fn download(message: &str) -> Value {
    let exit = json!({"exitCode": 1, "reason": "Error", "message": message});
    json!({"initContainerStatuses": [ended("storage-initializer", &exit)]})
}

fn main(status: &Value) -> Value {
    json!({"containerStatuses": [status]})
}

/// The status of a pod, the reason that follows, and a part of the message.
fn cases() -> Vec<(Value, &'static str, &'static str)> {
    let exit = |code: i64, reason: &str, message: &str| json!({"exitCode": code, "reason": reason, "message": message});
    let no_secret = "secret \"hf-token\" not found";
    let bad_flag = "INFO starting\nerror: unrecognized arguments: --tensr\n";
    let no_program = "exec: \"vlm\": executable file not found in $PATH";
    vec![
        (
            main(&waits("main", "ImagePullBackOff", "Back-off pulling image")),
            "ImagePullFailed",
            "image reg.example.com/vllm:nope",
        ),
        (main(&waits("main", "CreateContainerConfigError", no_secret)), "ContainerConfigError", no_secret),
        (main(&ended("main", &exit(128, "StartError", no_program))), "ContainerStartFailed", no_program),
        (download("HTTPError: 401 Client Error: Unauthorized"), "ModelDownloadRefused", "401 Client Error"),
        (download("HTTPError: 404 Client Error: Not Found"), "ModelDownloadNotFound", "404 Client Error"),
        (download("OSError: [Errno 28] No space left on device"), "ModelDownloadDiskFull", "No space left"),
        (download("Connection reset by peer"), "ModelDownloadFailed", "kubectl logs"),
        (main(&ended("main", &exit(137, "OOMKilled", ""))), "OutOfMemory", "container main"),
        (
            main(&ended("main", &exit(2, "Error", bad_flag))),
            "CrashLoop",
            "exited with code 2 (2 restarts): error: unrecognized arguments: --tensr",
        ),
        (main(&ended("main", &exit(137, "Error", ""))), "ProbeFailing", "failed liveness or startup probe"),
    ]
}

fn says_of_pod(world: &World<'_>, pod: &str, status: &Value) -> Result<()> {
    let patch = json!({"status": status}).to_string();
    world
        .kubectl(&["patch", "pod", pod, "--subresource=status", "--type=merge", "-p", &patch], None)
        .map(drop)
}

fn pod_of(world: &World<'_>, service: &str) -> Result<Value> {
    let pods = world.list("pods")?;
    let mut own =
        pods.into_iter().filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == service);
    own.next().context("a pod")
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Waits for the reason and prints how long that took.
fn told(world: &World<'_>, kind: &str, reason: &str, since: Instant) -> Result<Value> {
    let service = until_reason(world, SERVICE, kind, reason, PATIENCE)?;
    eprintln!("{reason} after {:.1} s", since.elapsed().as_secs_f64());
    assert_eq!(says(&service, "Ready", "reason"), reason, "rolled up");
    Ok(service)
}

// A7, A8
#[test]
fn what_a_kubelet_says_of_containers_is_told_and_cleared() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&plain(SERVICE))?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let pod = pod_of(&world, SERVICE)?;
    let (pod, healthy) = (name(&pod).to_owned(), pod["status"].clone());
    let unready = json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]);
    for (mut status, reason, part) in cases() {
        status["conditions"] = unready.clone();
        for list in ["containerStatuses", "initContainerStatuses"] {
            if status.get(list).is_none() {
                status[list] = Value::Null;
            }
        }
        says_of_pod(&world, &pod, &status)?;
        let service = told(&world, "MainWorkloadReady", reason, Instant::now())?;
        let message = says(&service, "MainWorkloadReady", "message");
        for part in [part, pod.as_str(), "0 of 1 updated pods are ready"] {
            assert!(message.contains(part), "{reason}: {message}\nlacks {part}");
        }
        let shown = world.kubectl(&["get", "llmisvc", SERVICE], None)?;
        assert!(shown.contains(reason), "{shown}");
    }
    let recovered = Instant::now();
    says_of_pod(&world, &pod, &healthy)?;
    let service = until_ready_is(&world, SERVICE, "True", PATIENCE)?;
    eprintln!("Ready after {:.1} s", recovered.elapsed().as_secs_f64());
    assert_eq!(says(&service, "MainWorkloadReady", "reason"), "");
    world.until_quiet(Duration::from_secs(1), PATIENCE)
}

fn with(spec: &str) -> String {
    plain(SERVICE).replace("replicas: 1", &format!("replicas: 1, {spec}"))
}

#[test]
fn older_pods_serve_while_no_node_takes_the_newer_one() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&plain(SERVICE))?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let since = Instant::now();
    let nowhere = "template: {nodeSelector: {no: where}, containers: [{name: main}]}";
    world.apply(&with(&format!("rolloutStrategy: {{maxSurge: 1, maxUnavailable: 0}}, {nowhere}")))?;
    let service = told(&world, "MainWorkloadReady", "Unschedulable", since)?;
    let message = says(&service, "MainWorkloadReady", "message");
    for part in ["is taken by none of", "didn't match Pod's node affinity/selector", "older pods still serve"]
    {
        assert!(message.contains(part), "{message}\nlacks {part}");
    }
    world.apply(&plain(SERVICE))?;
    until_ready_is(&world, SERVICE, "True", PATIENCE).map(drop)
}

#[test]
fn accelerators_that_no_node_has_are_counted() -> Result<()> {
    let world = World::with_operator()?;
    let gpus = "template: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: '1000'}}}]}";
    let since = Instant::now();
    world.apply(&with(gpus))?;
    let service = told(&world, "MainWorkloadReady", "Unschedulable", since)?;
    let message = says(&service, "MainWorkloadReady", "message");
    assert!(message.contains("1000 nvidia.com/gpu free"), "{message}");
    world.patch("llmisvc", SERVICE, "merge", r#"{"spec": {"template": null}}"#)?;
    until_ready_is(&world, SERVICE, "True", PATIENCE).map(drop)
}

#[test]
fn a_quota_is_told_and_so_is_its_end() -> Result<()> {
    let world = World::with_operator()?;
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: '0'}}\n";
    world.apply(quota)?;
    let counted = |it: Option<&Value>| it.is_some_and(|it| it.pointer("/status/hard/pods").is_some());
    world.until("resourcequota", "none", "counted", counted, PATIENCE)?;
    let since = Instant::now();
    world.apply(&plain(SERVICE))?;
    let service = told(&world, "MainWorkloadReady", "QuotaExceeded", since)?;
    let message = says(&service, "MainWorkloadReady", "message");
    assert!(
        message.contains("exceeded quota: none") && message.contains("raise the ResourceQuota"),
        "{message}"
    );
    world.delete("resourcequota", "none")?;
    world.until("resourcequota", "none", "gone", |it| it.is_none(), PATIENCE)?;
    // The ReplicaSet controller waits longer and longer between tries; another template starts anew.
    world.patch("llmisvc", SERVICE, "merge", r#"{"spec": {"annotations": {"again": "1"}}}"#)?;
    until_ready_is(&world, SERVICE, "True", PATIENCE).map(drop)
}

#[test]
fn a_policy_that_refuses_pods_is_told() -> Result<()> {
    let world = World::with_operator()?;
    let baseline = "pod-security.kubernetes.io/enforce=baseline";
    world.kubectl(&["label", "namespace", world.namespace(), baseline], None)?;
    let since = Instant::now();
    world.apply(&with("template: {hostNetwork: true, containers: [{name: main}]}"))?;
    let service = told(&world, "MainWorkloadReady", "AdmissionDenied", since)?;
    let message = says(&service, "MainWorkloadReady", "message");
    assert!(message.contains("violates PodSecurity") && message.contains("hostNetwork"), "{message}");
    world.patch("llmisvc", SERVICE, "merge", r#"{"spec": {"template": null}}"#)?;
    until_ready_is(&world, SERVICE, "True", PATIENCE).map(drop)
}

#[test]
fn a_claim_that_is_missing_or_pending_is_told_until_it_is_bound() -> Result<()> {
    let world = World::with_operator()?;
    let since = Instant::now();
    world.apply(&plain(SERVICE).replace("hf://org/m", "pvc://weights/m"))?;
    let service = told(&world, "MainWorkloadReady", "VolumePending", since)?;
    let missing =
        format!("PersistentVolumeClaim {}/weights, which does not exist; create it", world.namespace());
    assert!(says(&service, "MainWorkloadReady", "message").contains(&missing), "{service:#}");

    let claim = |class: &str| {
        let spec = json!({"storageClassName": class, "accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}});
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "weights"}, "spec": spec}).to_string()
    };
    let since = Instant::now();
    world.apply(&claim("nothing"))?;
    let pending = "weights, which is Pending (storage class nothing)";
    let tells =
        |it: Option<&Value>| it.is_some_and(|it| says(it, "MainWorkloadReady", "message").contains(pending));
    world.until("llmisvc", SERVICE, "a pending claim", tells, PATIENCE)?;
    eprintln!("pending after {:.1} s", since.elapsed().as_secs_f64());

    world.delete("persistentvolumeclaim", "weights")?;
    world.until("persistentvolumeclaim", "weights", "gone", |it| it.is_none(), PATIENCE)?;
    world.apply(&claim("localcluster"))?;
    until_ready_is(&world, SERVICE, "True", PATIENCE).map(drop)
}

#[test]
fn a_worker_that_crashes_is_told_of_its_group() -> Result<()> {
    let world = World::with_operator()?;
    let group = "parallelism: {tensor: 1, pipeline: 2}, worker: {containers: [{name: main}]}";
    world.apply(&with(group))?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let pods = world.list("pods")?;
    let index = |pod: &&Value| pod["metadata"]["labels"]["leaderworkerset.sigs.k8s.io/worker-index"] == "1";
    let worker = name(pods.iter().find(index).context("a worker")?).to_owned();
    let exit = json!({"exitCode": 1, "reason": "Error", "message": "RuntimeError: NCCL"});
    let unready = json!([{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]);
    // A group is made anew when a container of it was restarted: this is the moment before.
    let main = json!({"name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": exit}});
    says_of_pod(&world, &worker, &json!({"containerStatuses": [main], "conditions": unready}))?;
    let since = Instant::now();
    says_of_pod(&world, worker.strip_suffix("-1").unwrap_or_default(), &json!({"conditions": unready}))?;
    let service = told(&world, "WorkerWorkloadReady", "CrashLoop", since)?;
    let message = says(&service, "WorkerWorkloadReady", "message");
    let expected =
        format!("1 of 2 pods: pod {worker}, container main: exited with code 1: RuntimeError: NCCL");
    ensure!(message.starts_with(&expected), "{message}");
    world.delete("pod", &worker)?;
    until_ready_is(&world, SERVICE, "True", PATIENCE).map(drop)
}
