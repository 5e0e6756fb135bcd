//! Who the endpoint picker is: account and bindings come with it and go with it.

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::{PATIENCE, cluster_role_bindings, until_ready_is};

const KINDS: &str = "serviceaccounts,roles,rolebindings,services,poddisruptionbudgets,deployments";

fn service(name: &str, namespace: &str, router: &Value) -> String {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": {"uri": "hf://org/m"}, "router": router},
    })
    .to_string()
}

/// What there is of the picker of service `m`: `Kind/name`, and whom the bindings name.
fn identity(world: &World<'_>) -> Result<Vec<String>> {
    let selector =
        "app.kubernetes.io/name=m,app.kubernetes.io/component=llminferenceservice-router-scheduler";
    let text = world.kubectl(&["get", KINDS, "-l", selector, "-o", "json"], None)?;
    let list: Value = serde_json::from_str(&text).context("kubectl get")?;
    let mut all: Vec<Value> = list["items"].as_array().cloned().unwrap_or_default();
    all.retain(|it| it["metadata"]["deletionTimestamp"].is_null());
    all.extend(cluster_role_bindings(world)?);
    let mut told: Vec<String> = all.iter().map(|it| tell(world, it)).collect();
    told.sort();
    Ok(told)
}

fn tell(world: &World<'_>, object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = text("/metadata/name").replace(world.namespace(), "ns");
    match text("/subjects/0/name") {
        "" => format!("{} {name}", text("/kind")),
        subject => format!("{} {name} of {subject}", text("/kind")),
    }
}

fn becomes(world: &World<'_>, router: &Value, expected: &[&str]) -> Result<()> {
    let ops = json!([{"op": "replace", "path": "/spec/router", "value": router}]);
    world.patch("llmisvc", "m", "json", &ops.to_string())?;
    until_it_is(world, expected)
}

fn until_it_is(world: &World<'_>, expected: &[&str]) -> Result<()> {
    let same = || Ok((identity(world)? == expected).then_some(()));
    let found = world.eventually(&format!("{expected:?}"), PATIENCE, same);
    found.with_context(|| format!("there is {:?}", identity(world).unwrap_or_default()))
}

fn with(scheduler: &Value) -> Value {
    json!({"route": {}, "gateway": {}, "scheduler": scheduler})
}

/// The picker as `account`, answering at the Service `at`.
fn all(account: &str, at: &str) -> Vec<String> {
    let own = (account == "m-epp-sa").then(|| "ServiceAccount m-epp-sa".to_owned());
    let mut all: Vec<String> = own.into_iter().collect();
    all.extend([
        format!("ClusterRoleBinding ns-m-epp-auth-rb of {account}"),
        "Deployment m-kserve-router-scheduler".to_owned(),
        "Role m-epp-role".to_owned(),
        format!("RoleBinding m-epp-rb of {account}"),
        format!("Service {at}"),
    ]);
    all.sort();
    all
}

/// The name is short, so that the ClusterRoleBinding's is not a hash.
// G-8, G-10, G-14
#[test]
fn picker_and_identity() -> Result<()> {
    let world = World::with_operator()?;
    let check = |router: &Value, expected: Vec<String>| {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        becomes(&world, router, &expected)
    };
    world.apply(&service("m", world.namespace(), &with(&json!({}))))?;
    until_ready_is(&world, "m", "True", PATIENCE)?;
    let managed = all("m-epp-sa", "m-epp-service");
    until_it_is(&world, &managed.iter().map(String::as_str).collect::<Vec<_>>())?;
    // The pool names another Service.
    let renamed = json!({"pool": {"spec": {"endpointPickerRef": {"name": "other"}}}});
    check(&with(&renamed), all("m-epp-sa", "other"))?;
    // An account of the user, which then goes.
    world.kubectl(&["create", "serviceaccount", "mine"], None)?;
    check(&with(&json!({"template": {"serviceAccountName": "mine"}})), all("mine", "m-epp-service"))?;
    world.delete("serviceaccount", "mine")?;
    // Stop and start need no account.
    world.kubectl(&["annotate", "llmisvc", "m", "serving.kserve.io/stop=true"], None)?;
    until_it_is(&world, &[])?;
    world.kubectl(&["annotate", "llmisvc", "m", "serving.kserve.io/stop-"], None)?;
    check(&with(&json!({})), managed.clone())?;
    // No picker, and one of somebody else.
    check(&json!({"route": {}, "gateway": {}}), Vec::new())?;
    check(&with(&json!({})), managed.clone())?;
    check(&with(&json!({"pool": {"ref": {"name": "theirs"}}})), Vec::new())?;
    // Deletion needs no account either.
    check(&with(&json!({"template": {"serviceAccountName": "mine"}})), all("mine", "m-epp-service"))?;
    world.delete("llmisvc", "m")?;
    world.until("llmisvc", "m", "gone", |it| it.is_none(), PATIENCE)?;
    until_it_is(&world, &[])
}

// G-9
#[test]
fn namesakes() -> Result<()> {
    let world = World::with_operator()?;
    let here = world.namespace();
    let there = format!("{here}-b");
    world.cluster().kubectl(&["create", "namespace", &there], None)?;
    let outcome = two_bindings(&world, here, &there);
    world.cluster().kubectl(&["delete", "namespace", &there, "--wait=false"], None)?;
    outcome
}

/// `<here>-b/c` and `<here>/b-c` come to the same name of a ClusterRoleBinding.
fn two_bindings(world: &World<'_>, here: &str, there: &str) -> Result<()> {
    let places = [(here, "b-c"), (there, "c")];
    for (namespace, name) in places {
        world.cluster().kubectl(&["apply", "-f", "-"], Some(&service(name, namespace, &with(&json!({})))))?;
    }
    let bound = |namespace: &str| -> Result<Option<String>> {
        let all = world.cluster().list("clusterrolebindings", "")?;
        let mine = all.iter().find(|it| it["subjects"][0]["namespace"] == namespace);
        Ok(mine.and_then(|it| it["metadata"]["name"].as_str().map(str::to_owned)))
    };
    for (namespace, _) in places {
        world.eventually("each has a binding", PATIENCE, || bound(namespace))?;
    }
    let plain = format!("{here}-b-c-epp-auth-rb");
    let names = [bound(here)?.unwrap_or_default(), bound(there)?.unwrap_or_default()];
    assert!(names.contains(&plain) && names[0] != names[1], "{names:?}");
    world.delete("llmisvc", "b-c")?;
    world.eventually("the binding goes", PATIENCE, || Ok(bound(here)?.is_none().then_some(())))?;
    world.until("llmisvc", "b-c", "gone", |it| it.is_none(), PATIENCE)?;
    assert_eq!(bound(there)?, Some(names[1].clone()), "that of the namesake stays");
    Ok(())
}
