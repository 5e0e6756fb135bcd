//! `llmisvc render` prints what the operator creates.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::cluster::capture;
use llmisvc_testkit::{World, documents, operator, paths};
use serde_json::{Map, Value, json};

use crate::examples;
use crate::look::{PATIENCE, cluster_role_bindings};

const QUIET: Duration = Duration::from_secs(2);

/// What the API server and its controllers write, and what a certificate consists of. Everything else is ours.
const NOT_OURS: [&str; 11] = [
    "/metadata/ownerReferences",
    "/metadata/uid",
    "/metadata/resourceVersion",
    "/metadata/generation",
    "/metadata/creationTimestamp",
    "/metadata/managedFields",
    "/metadata/annotations/llmisvc.io~1applied",
    "/metadata/annotations/certificates.kserve.io~1expiration",
    "/metadata/annotations/deployment.kubernetes.io~1revision",
    "/spec/clusterIP",
    "/spec/clusterIPs",
];

#[test]
fn render_prints_what_the_operator_creates_object_by_object() -> Result<()> {
    let _alone = examples::alone();
    let world = World::with_operator()?;
    let names = examples::names()?;
    // Before the services exist: the server fills in its defaults and sees nothing of the live objects.
    let folders: Vec<PathBuf> = names.iter().map(|name| PathBuf::from("examples").join(name)).collect();
    let rendered = defaulted(&world, &rendered(&world, &folders)?)?;
    let mut services = Vec::new();
    for name in &names {
        services.extend(examples::apply(&world, name)?);
    }
    examples::until_ready(&world, &services)?;
    // No rollout is under way.
    world.until_quiet(QUIET, PATIENCE)?;
    let live = created(&world)?;
    assert_eq!(live.keys().collect::<Vec<_>>(), rendered.keys().collect::<Vec<_>>());
    assert!(live.len() >= 110, "{} objects", live.len());
    for kind in ["LeaderWorkerSet", "ResourceClaimTemplate"] {
        assert!(live.keys().any(|identity| identity.starts_with(kind)), "no {kind}");
    }
    for (identity, object) in &live {
        assert_eq!(Some(object), rendered.get(identity), "{identity}");
    }
    Ok(())
}

/// What `llmisvc render` prints for these folders.
pub fn rendered(world: &World<'_>, folders: &[PathBuf]) -> Result<String> {
    let mut command = Command::new(operator::cli()?);
    command.current_dir(paths::repository()).args(["render", "-n", world.namespace()]);
    for folder in folders {
        command.arg("-f").arg(folder);
    }
    capture(&mut command, None)
}

/// The rendered objects as the API server would store them, just as they are printed.
pub fn defaulted(world: &World<'_>, yaml: &str) -> Result<BTreeMap<String, Value>> {
    let objects = documents::parse(yaml)?;
    for secret in objects.iter().filter(|it| it["kind"] == "Secret") {
        assert_eq!(secret["data"], json!({"tls.crt": "", "tls.key": ""}), "a private key is printed");
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let text = world.kubectl(&["create", "--dry-run=server", "-f", "-", "-o", "json"], Some(&list))?;
    let stored: Vec<Value> = serde_json::Deserializer::from_str(&text)
        .into_iter::<Value>()
        .collect::<Result<_, _>>()
        .context("kubectl create")?;
    let items = |it: Value| it["items"].as_array().cloned().unwrap_or_else(|| vec![it]);
    Ok(stored.into_iter().flat_map(items).map(normal).collect())
}

/// Everything in the namespace that a service controls, of whatever kind, and what belongs to it outside.
pub fn created(world: &World<'_>) -> Result<BTreeMap<String, Value>> {
    let kinds =
        world.kubectl(&["api-resources", "--namespaced", "--verbs=list,delete", "-o", "name"], None)?;
    let kinds: Vec<&str> = kinds.lines().collect();
    let text = world.kubectl(&["get", &kinds.join(","), "-o", "json"], None)?;
    let mut list: Value = serde_json::from_str(&text).context("kubectl get")?;
    let mut all = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    all.retain(|it| it["metadata"]["ownerReferences"][0]["kind"] == "LLMInferenceService");
    all.extend(cluster_role_bindings(world)?);
    Ok(all.into_iter().map(normal).collect())
}

pub fn normal(mut object: Value) -> (String, Value) {
    for pointer in NOT_OURS {
        remove(&mut object, pointer);
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
        // The key pair.
        if fields.get("kind").is_some_and(|kind| kind == "Secret") {
            fields.remove("data");
        }
    }
    let empty = object.pointer("/metadata/annotations").and_then(Value::as_object).is_some_and(Map::is_empty);
    if empty {
        remove(&mut object, "/metadata/annotations");
    }
    (documents::identity(&object), object)
}

fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    if let Some(fields) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(&key.replace("~1", "/"));
    }
}
