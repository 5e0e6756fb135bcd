//! The permissions of the operator, from the list of owned kinds.

use std::collections::BTreeMap;

use llmisvc_api::v1alpha2::GROUP;
use llmisvc_core::validate::routing::{GATEWAY_GROUP, POOL_GROUP};
use llmisvc_core::validate::storage::GLOBAL_CA_BUNDLE;
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::lease;
use crate::resources::{CONFIG, SERVICE, crd_name};
use crate::webhook::CALLERS;

/// Name of the ServiceAccount, the ClusterRole is [`CLUSTER_ROLE`].
pub const ACCOUNT: &str = "llmisvc-controller-manager";
const CLUSTER_ROLE: &str = "kserve-llmisvc-manager-role";
const LEASE_ROLE: &str = "llmisvc-leader-election-role";

const OWN: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const READ: &[&str] = &["get", "list", "watch"];

/// A rule before it is written: group, resource, verbs.
type Grant = (&'static str, &'static str, &'static [&'static str]);

/// What is read or written besides the owned kinds.
const OTHERS: &[Grant] = &[
    ("", "configmaps", READ),
    ("", "events", &["create", "patch"]),
    ("", "namespaces", &["get"]),
    ("", "pods", &["list", "watch"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", READ),
    ("authentication.k8s.io", "tokenreviews", &["create"]),
    ("authorization.k8s.io", "subjectaccessreviews", &["create"]),
    ("", "persistentvolumeclaims", READ),
    (GATEWAY_GROUP, "gatewayclasses", READ),
    (GATEWAY_GROUP, "gateways", READ),
    (GROUP, "llminferenceservices", &["get", "list", "patch", "update", "watch"]),
    (GROUP, "llminferenceservices/finalizers", &["update"]),
    (GROUP, "llminferenceservices/status", &["get", "patch", "update"]),
    (GROUP, "llminferenceserviceconfigs", OWN),
    (GROUP, "llminferenceserviceconfigs/finalizers", &["update"]),
    (GROUP, "llminferenceserviceconfigs/status", &["get", "patch", "update"]),
];

/// What generated Roles grant (`reference/router.md §9`, `§18.4`): without `escalate`, a Role can only be made by
/// who holds every permission in it. `system:auth-delegator` is the two review kinds above.
const PASSED_ON: &[Grant] = &[
    ("", "pods", READ),
    ("coordination.k8s.io", "leases", OWN),
    ("discovery.k8s.io", "endpointslices", READ),
    (POOL_GROUP, "inferencepools", READ),
    (POOL_GROUP, "inferenceobjectives", READ),
    (POOL_GROUP, "inferencemodels", READ),
    ("inference.networking.x-k8s.io", "inferencepools", READ),
    ("inference.networking.x-k8s.io", "inferenceobjectives", READ),
    ("inference.networking.x-k8s.io", "inferencemodels", READ),
    ("inference.networking.x-k8s.io", "inferencemodelrewrites", READ),
    ("inference.networking.x-k8s.io", "inferencepoolimports", READ),
    ("llm-d.ai", "inferenceobjectives", READ),
    ("llm-d.ai", "inferencemodelrewrites", READ),
];

/// One rule per group and set of verbs.
fn rules() -> Vec<Value> {
    let mut grants: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let owned = Kind::ALL.iter().map(|kind| (kind.served().group, kind.served().plural, OWN));
    for (group, resource, verbs) in owned.chain(OTHERS.iter().copied()).chain(PASSED_ON.iter().copied()) {
        let held = grants.entry((group, resource)).or_default();
        held.extend(verbs);
        held.sort_unstable();
        held.dedup();
    }
    let mut rules: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, resource), verbs) in grants {
        rules.entry((group, verbs)).or_default().push(resource);
    }
    let rule =
        |((group, verbs), resources)| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    rules.into_iter().map(rule).chain([ca_bundle(), stored_versions()]).chain(callers()).collect()
}

/// Apply of the copies of the CA bundle, and of no other ConfigMap: the name is known to apply, which creates, too.
fn ca_bundle() -> Value {
    json!({
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": [GLOBAL_CA_BUNDLE],
        "verbs": ["create", "patch"],
    })
}

/// To say in the CRDs of our own kinds, and of no others, which versions are stored.
fn stored_versions() -> Value {
    json!({
        "apiGroups": ["apiextensions.k8s.io"],
        "resources": ["customresourcedefinitions/status"],
        "resourceNames": [crd_name(&CONFIG), crd_name(&SERVICE)],
        "verbs": ["patch"],
    })
}

/// The CA bundles of those who call the webhooks; by name, watches included.
fn callers() -> impl Iterator<Item = Value> {
    let mut named: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for caller in CALLERS {
        named.entry((caller.served.group, caller.served.plural)).or_default().push(caller.name);
    }
    named.into_iter().map(|((group, resource), names)| {
        json!({
            "apiGroups": [group],
            "resources": [resource],
            "resourceNames": names,
            "verbs": ["get", "list", "patch", "watch"],
        })
    })
}

fn binding(kind: &str, name: &str, namespace: Option<&str>, role: (&str, &str), system: &str) -> Value {
    let mut metadata = json!({"name": name});
    if let (Some(namespace), Some(metadata)) = (namespace, metadata.as_object_mut()) {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": system}],
    })
}

/// The manifests: file name and objects.
pub fn manifests(system: &str) -> Vec<(&'static str, Vec<Value>)> {
    let rbac = "rbac.authorization.k8s.io/v1";
    let named = |name: &str| json!({"name": name});
    let leases = json!([{
        "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
        "verbs": ["create", "get", "list", "update"],
    }]);
    vec![
        (
            "service_account.yaml",
            vec![json!({"apiVersion": "v1", "kind": "ServiceAccount",
                        "metadata": {"name": ACCOUNT, "namespace": system}})],
        ),
        (
            "cluster_role.yaml",
            vec![
                json!({"apiVersion": rbac, "kind": "ClusterRole", "metadata": named(CLUSTER_ROLE), "rules": rules()}),
                binding(
                    "ClusterRoleBinding",
                    "llmisvc-manager-rolebinding",
                    None,
                    ("ClusterRole", CLUSTER_ROLE),
                    system,
                ),
            ],
        ),
        (
            "leader_election.yaml",
            vec![
                json!({"apiVersion": rbac, "kind": "Role",
                       "metadata": {"name": LEASE_ROLE, "namespace": system}, "rules": leases}),
                binding(
                    "RoleBinding",
                    "llmisvc-leader-election-rolebinding",
                    Some(system),
                    ("Role", LEASE_ROLE),
                    system,
                ),
            ],
        ),
    ]
}

/// A file's text.
pub fn yaml(objects: &[Value]) -> Result<String, serde_yaml_ng::Error> {
    let texts: Result<Vec<String>, _> = objects.iter().map(serde_yaml_ng::to_string).collect();
    let head = format!("# Generated by `llmisvc-operator rbac`; the Lease is {}.\n", lease::NAME);
    Ok(head + &texts?.join("---\n"))
}

/// All files as one stream.
pub fn print(system: &str) -> Result<String, serde_yaml_ng::Error> {
    let files: Result<Vec<String>, _> = manifests(system).iter().map(|(_, objects)| yaml(objects)).collect();
    Ok(files?.join("---\n"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn committed_manifests_are_the_generated_ones() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rbac");
        for (file, objects) in manifests("kserve") {
            let text = yaml(&objects).unwrap();
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::create_dir_all(&root).unwrap();
                std::fs::write(root.join(file), &text).unwrap();
            }
            assert_eq!(std::fs::read_to_string(root.join(file)).unwrap(), text, "run with UPDATE_GOLDEN=1");
        }
    }

    fn granted(group: &str, resource: &str) -> Vec<String> {
        let rules = rules();
        let rule = rules.iter().find(|r| {
            r["apiGroups"][0] == group && r["resources"].as_array().unwrap().contains(&json!(resource))
        });
        rule.map(|r| serde_json::from_value(r["verbs"].clone()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn every_owned_kind_may_be_written() {
        for kind in Kind::ALL {
            assert_eq!(granted(kind.served().group, kind.served().plural), OWN, "{kind}");
        }
    }

    #[test]
    fn whatever_a_generated_role_grants_is_held() {
        for (group, resource, verbs) in PASSED_ON {
            let held = granted(group, resource);
            assert!(verbs.iter().all(|v| held.contains(&(*v).to_owned())), "{group}/{resource}");
        }
    }

    /// What is written besides the owned kinds; with names, no other object may be.
    const WRITTEN: &[&str] = &[
        "/events",
        "authentication.k8s.io/tokenreviews",
        "authorization.k8s.io/subjectaccessreviews",
        "coordination.k8s.io/leases",
        "serving.kserve.io/llminferenceservices",
        "serving.kserve.io/llminferenceservices/finalizers",
        "serving.kserve.io/llminferenceservices/status",
        "serving.kserve.io/llminferenceserviceconfigs",
        "serving.kserve.io/llminferenceserviceconfigs/finalizers",
        "serving.kserve.io/llminferenceserviceconfigs/status",
    ];

    #[test]
    fn what_is_not_ours_is_read_only_and_what_is_not_used_is_not_granted() {
        // G-63
        let owned: Vec<String> =
            Kind::ALL.iter().map(|k| format!("{}/{}", k.served().group, k.served().plural)).collect();
        let list = |rule: &Value, key: &str| -> Vec<String> {
            serde_json::from_value(rule[key].clone()).unwrap_or_default()
        };
        let reads = |verb: &String| READ.contains(&verb.as_str());
        for rule in rules().iter().filter(|rule| !list(rule, "verbs").iter().all(reads)) {
            for resource in list(rule, "resources") {
                let name = format!("{}/{resource}", list(rule, "apiGroups")[0]);
                let known = owned.contains(&name) || WRITTEN.contains(&name.as_str());
                assert!(known || !list(rule, "resourceNames").is_empty(), "{name} may be written");
            }
        }
        for resource in ["gateways", "gatewayclasses"] {
            assert_eq!(granted(GATEWAY_GROUP, resource), READ);
        }
        for (group, resource) in
            [("authentication.k8s.io", "subjectaccessreviews"), ("llmd.ai", "variantautoscalings")]
        {
            assert_eq!(granted(group, resource), [""; 0]);
        }
    }

    #[test]
    fn nothing_is_granted_by_wildcard() {
        let text = print("kserve").unwrap();
        assert!(!text.contains('*'), "{text}");
    }
}
