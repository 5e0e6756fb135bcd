//! A fresh namespace per test, and the evidence when the test fails.

mod evidence;
mod record;
mod watch;

pub use record::{Recording, version};

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use crate::Operator;
use crate::cluster::Cluster;
use crate::documents::identity;
use crate::paths;

/// The kinds that belong to a service, for evidence, trees and comparisons.
pub const KINDS: [&str; 21] = [
    "llminferenceservices.serving.kserve.io",
    "llminferenceserviceconfigs.serving.kserve.io",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "pods",
    "persistentvolumeclaims",
    "resourceclaimtemplates.resource.k8s.io",
    "resourceclaims.resource.k8s.io",
    "services",
    "ingresses.networking.k8s.io",
    "configmaps",
    "serviceaccounts",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "inferencepools.inference.networking.k8s.io",
    "inferenceobjectives.inference.networking.x-k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "gateways.gateway.networking.k8s.io",
    "leaderworkersets.leaderworkerset.x-k8s.io",
    "events",
];

/// A namespace of its own. Deleted at the end; kept after a failure when `LLMISVC_KEEP=1`.
#[derive(Debug)]
pub struct World<'a> {
    cluster: &'a Cluster,
    operator: Option<&'a Operator>,
    test: String,
    namespace: String,
    failed: Cell<bool>,
    served: OnceCell<String>,
}

impl<'a> World<'a> {
    /// A world on this cluster, named after the running test.
    pub fn new(cluster: &'a Cluster) -> Result<Self> {
        let test = thread::current().name().unwrap_or("main").replace("::", ".");
        let namespace = namespace(&test);
        cluster.kubectl(&["create", "namespace", &namespace], None)?;
        let world = Self {
            cluster,
            operator: None,
            test,
            namespace,
            failed: Cell::new(false),
            served: OnceCell::new(),
        };
        // Pods are refused until the controller has made it.
        world.until("serviceaccount", "default", "exists", |it| it.is_some(), Duration::from_secs(30))?;
        Ok(world)
    }

    /// A world on the shared cluster with the shared operator.
    pub fn with_operator() -> Result<World<'static>> {
        let operator = Operator::shared()?;
        Ok(World::new(Cluster::shared()?)?.watched_by(operator))
    }

    /// The same with an operator whose log belongs to the evidence.
    #[must_use]
    pub fn watched_by(mut self, operator: &'a Operator) -> Self {
        self.operator = Some(operator);
        self
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        self.cluster
    }

    /// `kubectl -n NAMESPACE ARGS`.
    pub fn kubectl(&self, args: &[&str], stdin: Option<&str>) -> Result<String> {
        let mut all = vec!["-n", self.namespace()];
        all.extend(args);
        self.cluster.kubectl(&all, stdin)
    }

    /// `kubectl apply -f -`, as a user does it.
    pub fn apply(&self, yaml: &str) -> Result<()> {
        self.noted(self.kubectl(&["apply", "-f", "-"], Some(yaml)).map(drop))
    }

    /// The error with which the API server refuses this; an error if it takes it.
    pub fn refuses(&self, yaml: &str) -> Result<String> {
        match self.kubectl(&["apply", "--dry-run=server", "-f", "-"], Some(yaml)) {
            Err(error) => Ok(format!("{error:#}")),
            Ok(_) => self.noted(Err(anyhow!("the API server took what it should refuse:\n{yaml}"))),
        }
    }

    /// `kubectl patch --type TYPE -p PATCH`; the type is `merge`, `json` or `strategic`.
    pub fn patch(&self, kind: &str, name: &str, how: &str, patch: &str) -> Result<()> {
        self.noted(self.kubectl(&["patch", kind, name, "--type", how, "-p", patch], None).map(drop))
    }

    /// `kubectl delete --wait=false`.
    pub fn delete(&self, kind: &str, name: &str) -> Result<()> {
        self.noted(self.kubectl(&["delete", kind, name, "--wait=false"], None).map(drop))
    }

    /// An object that must be there.
    pub fn get(&self, kind: &str, name: &str) -> Result<Value> {
        let found = self.find(kind, name)?;
        self.noted(found.with_context(|| format!("there is no {kind} {}/{name}", self.namespace)))
    }

    /// An object, or `None`.
    pub fn find(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        self.cluster.get(kind, &self.namespace, name)
    }

    /// All objects of a kind.
    pub fn list(&self, kind: &str) -> Result<Vec<Value>> {
        self.cluster.list(kind, &self.namespace)
    }

    /// Waits until the condition holds for the object (`None`: there is no such object) and returns it as it was
    /// then. `what` says in the error message what did not come.
    pub fn until(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        condition: impl Fn(Option<&Value>) -> bool,
        timeout: Duration,
    ) -> Result<Option<Value>> {
        self.noted(watch::until(self, kind, name, what, &condition, timeout))
    }

    /// Waits for a status condition of this type to be `status`, for the object's current generation where the
    /// condition tells one.
    pub fn until_condition(&self, kind: &str, name: &str, condition: &str, status: &str) -> Result<Value> {
        let holds = |object: Option<&Value>| object.is_some_and(|it| has_condition(it, condition, status));
        let found =
            self.until(kind, name, &format!("{condition}={status}"), holds, Duration::from_mins(1))?;
        found.context("a condition holds for an object that is there")
    }

    /// Tries until there is an answer; for what no watch of one object shows. `what` says in the error message
    /// what did not come.
    pub fn eventually<T>(
        &self,
        what: &str,
        timeout: Duration,
        attempt: impl Fn() -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(found) = attempt()? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return self.noted(Err(anyhow!("{what}: not within {timeout:?}")));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Records every change of all objects of these kinds from now on.
    pub fn record(&self, kinds: &[&str]) -> Result<Recording> {
        Recording::start(self, kinds)
    }

    /// Kind and name of each object with its resourceVersion, without events. Equal before and after, nothing
    /// was written.
    pub fn versions(&self) -> Result<BTreeMap<String, String>> {
        let mut versions = BTreeMap::new();
        for object in self.list(self.served()?)? {
            let version =
                object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
            versions.insert(identity(&object), version.to_owned());
        }
        Ok(versions)
    }

    /// The kinds of [`KINDS`] that the cluster serves, and Secrets, as kubectl takes them in one request.
    fn served(&self) -> Result<&str> {
        if let Some(known) = self.served.get() {
            return Ok(known);
        }
        let names = self.cluster.kubectl(&["api-resources", "--namespaced", "-o", "name"], None)?;
        let wanted = |kind: &&str| *kind != "events" && names.lines().any(|name| name == *kind);
        let kinds: Vec<&str> = KINDS.into_iter().chain(["secrets"]).filter(wanted).collect();
        Ok(self.served.get_or_init(|| kinds.join(",")))
    }

    /// Waits until nothing in the namespace was written for `quiet`.
    pub fn until_quiet(&self, quiet: Duration, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let mut last = (self.versions()?, Instant::now());
        while last.1.elapsed() < quiet {
            thread::sleep(Duration::from_millis(200));
            let now = self.versions()?;
            if now == last.0 {
                continue;
            }
            if Instant::now() > deadline {
                return self.noted(Err(anyhow!("still being written: {}", difference(&last.0, &now))));
            }
            last = (now, Instant::now());
        }
        Ok(())
    }

    /// Marks the test as failed when this is an error, and leaves evidence.
    fn noted<T>(&self, result: Result<T>) -> Result<T> {
        let Err(error) = result else { return result };
        self.failed.set(true);
        match evidence::dump(self) {
            Ok(folder) => Err(error.context(format!("evidence in {}", folder.display()))),
            Err(second) => Err(error.context(format!("no evidence: {second:#}"))),
        }
    }

    fn evidence(&self) -> PathBuf {
        paths::evidence().join(&self.test)
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        let failed = self.failed.get() || thread::panicking();
        if thread::panicking() && !self.failed.get() {
            let _ = evidence::dump(self);
        }
        if failed && env::var("LLMISVC_KEEP").is_ok_and(|keep| keep == "1") {
            eprintln!(
                "kept: kubectl --kubeconfig {} -n {}",
                self.cluster.kubeconfig().display(),
                self.namespace
            );
            return;
        }
        let _ = self.cluster.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"], None);
    }
}

/// Whether the object has this condition for its current generation.
pub fn has_condition(object: &Value, condition: &str, status: &str) -> bool {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    let behind = |seen: Option<i64>| seen.is_some() && generation.is_some() && seen < generation;
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut current = conditions.filter(|it| !behind(it.get("observedGeneration").and_then(Value::as_i64)));
    let text = |it: &Value, field: &str| it.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    !behind(object.pointer("/status/observedGeneration").and_then(Value::as_i64))
        && current.any(|it| text(it, "type") == condition && text(it, "status") == status)
}

/// A name from the test's last part, unlike any other of this or an earlier run.
fn namespace(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let last = test.rsplit('.').next().unwrap_or_default().to_lowercase();
    let plain: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() & 0xff_ffff);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t-{}-{:x}-{now:x}{count:x}", plain.trim_matches('-'), std::process::id())
}

fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, version) in after.iter().filter(|(name, version)| before.get(*name) != Some(version)) {
        let _ = write!(text, "{name} at {version}; ");
    }
    text
}

/// An error that says what was waited for and what was seen last.
fn too_late(what: &str, timeout: Duration, last: Option<&Value>) -> Result<Option<Value>> {
    let seen = last.map_or("there is no such object".to_owned(), |object| {
        let part = object.get("status").unwrap_or(object);
        serde_yaml_ng::to_string(part).unwrap_or_default()
    });
    bail!("{what}: not within {timeout:?}; last seen:\n{seen}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(generation: i64, observed: i64) -> Value {
        let ready = json!({"type": "Ready", "status": "True", "observedGeneration": observed});
        json!({"metadata": {"generation": generation}, "status": {"conditions": [ready]}})
    }

    #[test]
    fn a_condition_of_an_older_generation_does_not_count() {
        assert!(has_condition(&object(2, 2), "Ready", "True"));
        assert!(!has_condition(&object(2, 1), "Ready", "True"));
        assert!(!has_condition(&object(2, 2), "Ready", "False"));
    }

    #[test]
    fn a_status_of_an_older_generation_does_not_count() {
        let mut late = object(2, 2);
        late["status"]["observedGeneration"] = json!(1);
        assert!(!has_condition(&late, "Ready", "True"));
    }

    #[test]
    fn namespaces_are_valid_and_differ() {
        let (one, two) = (namespace("world.Some_long_test_name_that_goes_on_and_on_and_on"), namespace("x"));
        assert!(one.len() <= 63 && one.starts_with("t-some-long-test-name"), "{one}");
        assert_ne!(namespace("x"), two);
    }
}
