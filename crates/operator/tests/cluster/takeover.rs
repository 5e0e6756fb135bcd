//! Taking over from KServe's controller. Its objects are those of `tests/takeover`, made as it makes them before our
//! operator comes; so each test has a control plane of its own, which takes some seconds to come up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use llmisvc_core::names::scheduler_cluster_role_binding;
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::{Cluster, Operator, World, documents, operator, paths};
use serde_json::{Value, json};

use crate::look::{PATIENCE, SOON, children, condition, container, says, until_ready_is, until_reason};

/// What the fixtures have in place of the namespace and of the service's UID.
const NAMESPACE: &str = "team-a";
const UID: &str = "00000000-0000-4000-8000-000000000001";
const POOL: &str = "inferencepools.inference.networking.k8s.io";
pub const OLDER_POOL: &str = "inferencepools.inference.networking.x-k8s.io";
const QUIET: Duration = Duration::from_secs(1);

/// One service of another controller, with the pods that run for it.
pub struct Story<'a> {
    pub world: World<'a>,
    service: String,
    uid: String,
    before: BTreeMap<String, Value>,
    pods: BTreeSet<String>,
}

impl<'a> Story<'a> {
    /// Makes the objects and waits for the pods.
    fn begin(cluster: &'a Cluster, name: &str) -> Result<Self> {
        let mut story = Self::made(cluster, name)?;
        for pool in story.world.list(POOL)? {
            accept_pool(&story.world, (POOL, "parents"), text(&pool, "/metadata/name"))?;
        }
        story.until_pods_are_ready()?;
        (story.pods, story.before) = (story.pods()?, story.workloads()?);
        Ok(story)
    }

    /// Makes the objects.
    pub fn made(cluster: &'a Cluster, name: &str) -> Result<Self> {
        let world = World::new(cluster)?;
        let folder = paths::repository().join("tests/takeover").join(name);
        let read = |file: &str| -> Result<Vec<Value>> {
            let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
            documents::parse(&text.replace(NAMESPACE, world.namespace()))
        };
        create(&world, "kubectl-create", &read("presets.yaml")?)?;
        let service = read("service.yaml")?.pop().context("a service")?;
        create(&world, "kubectl-create", std::slice::from_ref(&service))?;
        let name = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let status = json!({"status": service["status"]}).to_string();
        world.kubectl(
            &["patch", "llmisvc", &name, "--subresource=status", "--type=merge", "-p", &status],
            None,
        )?;
        let uid = text(&world.get("llmisvc", &name)?, "/metadata/uid").to_owned();
        let live = json!(read("live.yaml")?).to_string().replace(UID, &uid);
        let mut live: Vec<Value> = serde_json::from_str(&live)?;
        for binding in live.iter_mut().filter(|it| it["kind"] == "ClusterRoleBinding") {
            binding["metadata"]["name"] = json!(scheduler_cluster_role_binding(world.namespace(), &name));
        }
        for secret in live.iter_mut().filter(|it| it["kind"] == "Secret") {
            secret["data"] = pair(&name, world.namespace())?;
        }
        create(&world, "manager", &live)?;
        Ok(Self { world, service: name, uid, before: BTreeMap::new(), pods: BTreeSet::new() })
    }

    fn until_pods_are_ready(&self) -> Result<()> {
        let ready = |pod: &Value| condition(pod, "Ready").is_some_and(|it| it["status"] == "True");
        let all = || {
            let pods = self.world.list("pods")?;
            // A leader may be ready before its workers are made.
            let wanted: u64 = self.workloads()?.values().map(pods_of).sum();
            Ok((pods.len() as u64 == wanted && wanted > 0 && pods.iter().all(ready)).then_some(()))
        };
        self.world.eventually("the pods are ready", PATIENCE, all)
    }

    fn pods(&self) -> Result<BTreeSet<String>> {
        Ok(self.world.list("pods")?.iter().map(|it| text(it, "/metadata/uid").to_owned()).collect())
    }

    /// Deployments and LeaderWorkerSets by name.
    fn workloads(&self) -> Result<BTreeMap<String, Value>> {
        let mut all = self.world.list("deployments")?;
        all.extend(self.world.list("leaderworkersets")?);
        Ok(all.into_iter().map(|it| (text(&it, "/metadata/name").to_owned(), it)).collect())
    }

    /// The operator has taken over, and no pod has noticed.
    fn has_gone_on(&self) -> Result<()> {
        // Nobody serves the metric of the autoscaler here, which is no secret.
        let ready = if self.service == "scaled" { "False" } else { "True" };
        // Until the operator has looked, the status is the former controller's.
        until_reason(&self.world, &self.service, "Adopted", "FormerKept", PATIENCE)?;
        until_ready_is(&self.world, &self.service, ready, PATIENCE)?;
        self.world.until_quiet(QUIET, PATIENCE)?;
        let has_failed =
            |event: &&Value| event["involvedObject"]["name"] == *self.service && event["reason"] == "Error";
        assert_eq!(self.world.list("events")?.iter().find(has_failed), None, "{}", self.service);
        assert_eq!(self.pods()?, self.pods, "{}: pods were replaced", self.service);
        for (name, now) in self.workloads()? {
            let was = self.before.get(&name).with_context(|| format!("{name} is new"))?;
            for field in ["/metadata/uid", "/spec"] {
                assert_eq!(now.pointer(field), was.pointer(field), "{name}: {field}");
            }
            assert!(
                !text(&now, "/metadata/annotations/llmisvc.io~1applied").is_empty(),
                "{name} is not ours"
            );
        }
        let service = self.world.get("llmisvc", &self.service)?;
        let workloads = self.workloads()?.into_values();
        for child in children(&self.world, &service)?.into_iter().chain(workloads) {
            assert_eq!(former_entries(&self.world, &child)?, 0, "{child:#}");
        }
        Ok(())
    }
}

/// How many pods a Deployment or LeaderWorkerSet has.
fn pods_of(workload: &Value) -> u64 {
    let number = |pointer| workload.pointer(pointer).and_then(Value::as_u64).unwrap_or(1);
    number("/spec/replicas") * number("/spec/leaderWorkerTemplate/size")
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn create(world: &World<'_>, manager: &str, objects: &[Value]) -> Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    let mut objects = objects.to_vec();
    for object in &mut objects {
        object.as_object_mut().context("an object")?.remove("status");
        object["metadata"].as_object_mut().context("metadata")?.remove("uid");
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let manager = format!("--field-manager={manager}");
    world.kubectl(&["create", &manager, "-f", "-"], Some(&list)).map(drop)
}

/// Entries in the managed fields, but those of subresources, of whoever was there before.
fn former_entries(world: &World<'_>, child: &Value) -> Result<usize> {
    let (kind, name) = (text(child, "/kind"), text(child, "/metadata/name"));
    let whole = world.kubectl(&["get", kind, name, "-o", "json", "--show-managed-fields"], None)?;
    let whole: Value = serde_json::from_str(&whole)?;
    let entries = whole["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    Ok(entries.iter().filter(|it| it["manager"] == "manager" && it["subresource"].is_null()).count())
}

/// A certificate that is its own authority, as KServe's controller makes them, but for the kind of its key.
fn pair(service: &str, namespace: &str) -> Result<Value> {
    use k8s_openapi::ByteString;
    let hosts = ["kserve-workload-svc", "epp-service"].map(|it| format!("{service}-{it}.{namespace}.svc"));
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    names.extend(hosts.iter().flat_map(|host| [host.clone(), format!("{host}.cluster.local")]));
    let made = rcgen::generate_simple_self_signed(names)?;
    let bytes = |text: String| json!(ByteString(text.into_bytes()));
    let certificate = bytes(made.cert.pem());
    Ok(
        json!({"tls.crt": certificate, "ca.crt": certificate, "tls.key": bytes(made.signing_key.serialize_pem())}),
    )
}

/// The pool of the older group, as far as this test needs it.
pub fn older_pool() -> String {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version = json!({"name": "v1alpha2", "served": true, "storage": true, "subresources": {"status": {}},
                         "schema": {"openAPIV3Schema": schema}});
    let approved = json!({"api-approved.kubernetes.io": "unapproved, of a test"});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": OLDER_POOL, "annotations": approved},
        "spec": {
            "group": "inference.networking.x-k8s.io", "scope": "Namespaced", "versions": [version],
            "names": {"kind": "InferencePool", "plural": "inferencepools", "singular": "inferencepool"},
        },
    })
    .to_string()
}

/// What a gateway that knows its group says about a pool. On a cluster that has only just begun nobody else might: KWOK
/// can miss what is made while it starts to watch.
fn accept_pool(world: &World<'_>, (kind, list): (&str, &str), name: &str) -> Result<()> {
    let gateway = json!({"kind": "Gateway", "name": "kserve-ingress-gateway", "namespace": "kserve"});
    let accepted = json!({
        "type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let status = json!({"status": {list: [{"parentRef": gateway, "conditions": [accepted]}]}}).to_string();
    let args = ["patch", kind, name, "--subresource=status", "--type=merge", "-p", &status];
    world.kubectl(&args, None).map(drop)
}

// Takes a minute or more: five services come up with their pods, the operator starts twice, and two of them roll.
// E-49: what runs keeps its selector. G-53: an autoscaler that multiplied its metric by the replicas is corrected.
#[test]
fn nothing_restarts_when_the_operator_takes_over_and_the_next_change_rolls_once() -> Result<()> {
    let cluster = Cluster::own("takeover", Variant::Full)?;
    cluster.kubectl(&["create", "-f", "-"], Some(&older_pool()))?;
    let begin = |name| Story::begin(&cluster, name);
    let stories: Vec<Story<'_>> = ["single-node", "scheduler", "prefill-decode", "multi-node", "autoscaled"]
        .into_iter()
        .map(begin)
        .collect::<Result<_>>()?;
    accept_pool(&stories[1].world, (OLDER_POOL, "parent"), "picked-inference-pool")?;
    let operator = Operator::start(&cluster, &operator::Options::default())?;
    for story in &stories {
        story.has_gone_on()?;
    }
    let [single, scheduler, split, _, scaled] = stories.try_into().ok().context("five stories")?;
    its_pins_and_its_pool_are_used_on(&scheduler)?;
    the_autoscaler_asks_for_an_average(&scaled)?;
    a_restart_of_the_operator_changes_nothing(&cluster, operator, &split)?;
    let _second = Operator::start(&cluster, &operator::Options::default())?;
    a_change_rolls_once(&single)?;
    both_roles_roll_with_a_change(&split)?;
    nothing_is_left_behind(&scheduler)
}

fn the_autoscaler_asks_for_an_average(story: &Story<'_>) -> Result<()> {
    let now = story.world.get("hpa", "scaled-kserve-hpa")?;
    assert_eq!(now["metadata"]["deletionTimestamp"], Value::Null);
    let selector = json!({"matchLabels": {
        "variant_name": "scaled-kserve-hpa", "exported_namespace": story.world.namespace(),
    }});
    let expected = json!([{"type": "External", "external": {
        "metric": {"name": "wva_desired_replicas", "selector": selector},
        "target": {"type": "AverageValue", "averageValue": "1"},
    }}]);
    assert_eq!(now["spec"]["metrics"], expected);
    let ready = says(&story.world.get("llmisvc", "scaled")?, "ScalingReady", "reason").to_owned();
    assert_eq!(ready, "FailedGetExternalMetric");
    Ok(())
}

fn its_pins_and_its_pool_are_used_on(story: &Story<'_>) -> Result<()> {
    let service = story.world.get("llmisvc", "picked")?;
    assert_eq!(
        service["status"]["annotations"]["serving.kserve.io/config-llm-template"],
        "kserve-config-llm-template"
    );
    // The gateway has taken the newer pool, so the route leads there, and the older one goes.
    let group = |route: &Value| text(route, "/spec/rules/0/backendRefs/0/group").to_owned();
    let turned = |it: Option<&Value>| it.is_some_and(|it| group(it) == "inference.networking.k8s.io");
    let route =
        story.world.until("httproute", "picked-kserve-route", "leads to the newer pool", turned, PATIENCE)?;
    assert_eq!(
        text(&route.unwrap_or_default(), "/metadata/annotations/serving.kserve.io~1inference-pool-migrated"),
        "v1"
    );
    story.world.until(OLDER_POOL, "picked-inference-pool", "is gone", |it| it.is_none(), PATIENCE)?;
    // Who asks for it gets a new pod.
    story.world.kubectl(&["annotate", "llmisvc", "picked", "llmisvc.io/adopt=now"], None)?;
    let done = |it: Option<&Value>| it.is_some_and(|it| condition(it, "Adopted").is_none());
    story.world.until("llmisvc", "picked", "everything is ours", done, PATIENCE)?;
    until_ready_is(&story.world, "picked", "True", PATIENCE).map(drop)
}

fn a_restart_of_the_operator_changes_nothing(
    cluster: &Cluster,
    operator: Operator,
    story: &Story<'_>,
) -> Result<()> {
    ensure!(operator.stop()?.success(), "SIGTERM ends it with 0");
    let before = story.world.versions()?;
    let second = Operator::start(cluster, &operator::Options::default())?;
    let looked = || Ok(second.metrics()?.contains(r#"outcome="settled"} "#).then_some(()));
    story.world.eventually("a pass", PATIENCE, looked)?;
    story.world.until_quiet(QUIET, PATIENCE)?;
    assert_eq!(story.world.versions()?, before);
    story.has_gone_on()
}

fn a_change_rolls_once(story: &Story<'_>) -> Result<()> {
    let world = &story.world;
    // A count is none of the pods' business.
    world.patch("llmisvc", "single", "merge", r#"{"spec": {"replicas": 3}}"#)?;
    until_ready_is(world, "single", "True", PATIENCE)?;
    assert!(story.pods()?.is_superset(&story.pods), "scaling has replaced pods");
    let before = world.get("deployment", "single-kserve")?;
    // What KServe's controller had set goes, too: the label and the shell.
    let main = json!([{"name": "main", "args": ["--max-model-len=4096"]}]);
    let change = json!({"spec": {"labels": null, "template": {"containers": main}}}).to_string();
    world.patch("llmisvc", "single", "merge", &change)?;
    let ours = |it: Option<&Value>| {
        it.is_some_and(|it| {
            container(it, "main")["command"][0] == "vllm" && it["metadata"]["labels"]["team"].is_null()
        })
    };
    let after = world.until("deployment", "single-kserve", "has our template", ours, SOON)?;
    let after = after.context("the Deployment")?;
    assert_eq!(after["metadata"]["annotations"]["llmisvc.io/adopted"], Value::Null);
    assert_eq!(
        world.get("service", "single-kserve-workload-svc")?["metadata"]["labels"]["team"],
        Value::Null
    );
    let done = |it: Option<&Value>| it.is_some_and(|it| condition(it, "Adopted").is_none());
    world.until("llmisvc", "single", "everything is ours", done, PATIENCE)?;
    until_ready_is(world, "single", "True", PATIENCE)?;
    story.world.until_quiet(QUIET, PATIENCE)?;
    assert!(story.pods()?.is_disjoint(&story.pods), "old pods are left");
    let revision =
        |it: &Value| text(it, "/metadata/annotations/deployment.kubernetes.io~1revision").to_owned();
    let last = world.get("deployment", "single-kserve")?;
    assert_eq!((revision(&before).as_str(), revision(&last).as_str()), ("1", "2"), "one rollout");
    let selector = |it: &Value| it["spec"]["selector"].clone();
    assert_eq!(selector(&after), selector(&before));
    Ok(())
}

fn both_roles_roll_with_a_change(story: &Story<'_>) -> Result<()> {
    let limit = json!({"containers": [{"name": "main", "args": ["--max-model-len=4096"]}]});
    let change = json!({"spec": {"template": limit, "prefill": {"template": limit}}}).to_string();
    story.world.patch("llmisvc", "split", "merge", &change)?;
    for name in ["split-kserve", "split-kserve-prefill"] {
        let ours = |it: Option<&Value>| it.is_some_and(|it| container(it, "main")["command"][0] == "vllm");
        story.world.until("deployment", name, "has our template", ours, PATIENCE)?;
    }
    until_ready_is(&story.world, "split", "True", PATIENCE)?;
    story.until_pods_are_ready()
}

fn nothing_is_left_behind(story: &Story<'_>) -> Result<()> {
    let world = &story.world;
    world.kubectl(&["delete", "llmisvc", &story.service, "--timeout=60s"], None)?;
    let binding = scheduler_cluster_role_binding(world.namespace(), &story.service);
    assert_eq!(world.cluster().get("clusterrolebinding", "", &binding)?, None);
    let kinds = format!("{},{OLDER_POOL},pods,replicasets", crate::look::CHILDREN);
    let gone = || {
        let text = world.kubectl(&["get", &kinds, "-o", "json"], None)?;
        let list: Value = serde_json::from_str(&text)?;
        let owned = |it: &Value| it["metadata"]["ownerReferences"][0]["uid"] == story.uid.as_str();
        let left = list["items"].as_array().into_iter().flatten();
        Ok((left.filter(|it| owned(it) || it["kind"] == "Pod").count() == 0).then_some(()))
    };
    world.eventually("nothing is left of the service", PATIENCE, gone)
}

// The pair that pods run with stays; the new authority is trusted beside it.
#[test]
fn with_tls_the_key_pair_of_the_former_controller_stays_too() -> Result<()> {
    let cluster = Cluster::own("takeover-tls", Variant::Full)?;
    let settings = fs::read_to_string(paths::repository().join("tests/takeover/tls/config.yaml"))?;
    cluster.kubectl(&["apply", "-f", "-"], Some(&settings))?;
    let story = Story::begin(&cluster, "tls")?;
    let secret = || story.world.get("secret", "secure-kserve-self-signed-certs");
    let before = secret()?;
    let _operator = Operator::start(&cluster, &operator::Options::default())?;
    story.has_gone_on()?;
    let after = secret()?;
    let data = |secret: &Value, key: &str| secret["data"][key].clone();
    for key in ["tls.crt", "tls.key"] {
        assert_eq!(data(&after, key), data(&before, key), "{key}");
    }
    assert_ne!(data(&after, "ca.crt"), data(&before, "ca.crt"), "nobody would trust the next certificate");
    story.world.get("secret", "secure-kserve-ca").map(drop)
}
