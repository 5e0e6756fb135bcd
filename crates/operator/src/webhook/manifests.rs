//! The webhook configurations and the Service, from the list of what is served.

use llmisvc_api::version::Version;
use serde_json::{Value, json};

use super::targets::{CONFIG_CONFIGURATION, SERVICE_CONFIGURATION};
use crate::rbac::ACCOUNT;

/// Name of the Service (`reference/api.md §5.2`).
pub const SERVICE: &str = "llmisvc-webhook-server-service";

/// Where the API server finds the webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// Namespace of the operator, with the Service.
    pub namespace: &'a str,
    /// In place of the Service: an address outside the cluster.
    pub url: Option<&'a str>,
}

impl Address<'_> {
    fn client(self, path: &str) -> Value {
        match self.url {
            Some(url) => json!({"url": format!("{}{path}", url.trim_end_matches('/'))}),
            None => json!({
                "service": {"name": SERVICE, "namespace": self.namespace, "path": path, "port": 443},
            }),
        }
    }
}

/// One kind of webhook, once for each version.
struct Hook {
    /// The first and the last part of its name.
    name: (&'static str, &'static str),
    /// What its path begins with.
    path: &'static str,
    resource: &'static str,
    operations: &'static [&'static str],
    conditions: Vec<Value>,
}

impl Hook {
    fn of(&self, version: Version, address: Address<'_>) -> Value {
        let (kind, role) = self.name;
        let version = version.as_str();
        json!({
            "name": format!("{kind}.kserve-webhook-server.{version}.{role}"),
            "admissionReviewVersions": ["v1"],
            "clientConfig": address.client(&format!("/{}-serving-kserve-io-{version}-{kind}", self.path)),
            "failurePolicy": "Fail",
            "matchConditions": self.conditions,
            // Each version has a webhook of its own, so an object is looked at as it was written.
            "matchPolicy": "Exact",
            "namespaceSelector": {},
            "objectSelector": {},
            "rules": [{
                "apiGroups": ["serving.kserve.io"],
                "apiVersions": [version],
                "operations": self.operations,
                "resources": [self.resource],
                "scope": "Namespaced",
            }],
            "sideEffects": "None",
            "timeoutSeconds": 5,
        })
    }

    fn all(&self, address: Address<'_>) -> Vec<Value> {
        Version::ALL.into_iter().map(|version| self.of(version, address)).collect()
    }
}

/// Runs of white space are one space.
fn condition(name: &str, expression: &str) -> Value {
    json!({"name": name, "expression": expression.split_whitespace().collect::<Vec<_>>().join(" ")})
}

/// What only needs a finalizer removed, or a label set, must not depend on a webhook that is down (E-30).
fn conditions() -> Vec<Value> {
    let changed = "object == null || oldObject == null || !has(object.spec) || !has(oldObject.spec)
        || object.spec != oldObject.spec
        || has(object.metadata.annotations) != has(oldObject.metadata.annotations)
        || (has(object.metadata.annotations) && object.metadata.annotations != oldObject.metadata.annotations)";
    vec![
        condition("not-being-deleted", "object == null || !has(object.metadata.deletionTimestamp)"),
        condition("changed", changed),
    ]
}

/// Deletions concern presets only, and not those by which a namespace goes or the operator clears up. No namespace is
/// named here, so that tools which set one need not know of it.
fn deletions() -> Value {
    let expression = format!(
        "request.operation != 'DELETE' || (oldObject.metadata.name.contains('config-llm-')
         && !(request.userInfo.username in [
           'system:serviceaccount:kube-system:namespace-controller', 'system:kube-controller-manager'])
         && !(request.userInfo.username.startsWith('system:serviceaccount:')
           && request.userInfo.username.endsWith(':{ACCOUNT}')))"
    );
    condition("deletes-a-preset", &expression)
}

fn validating(name: &str, hook: &Hook, address: Address<'_>) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": hook.all(address),
    })
}

/// Both kinds (`reference/api.md §5.2`), deletions of configs too (E-32).
fn validators(address: Address<'_>) -> Vec<Value> {
    let services = Hook {
        name: ("llminferenceservice", "validator"),
        path: "validate",
        resource: "llminferenceservices",
        operations: &["CREATE", "UPDATE"],
        conditions: conditions(),
    };
    let configs = Hook {
        name: ("llminferenceserviceconfig", "validator"),
        path: "validate",
        resource: "llminferenceserviceconfigs",
        operations: &["CREATE", "UPDATE", "DELETE"],
        conditions: [conditions(), vec![deletions()]].concat(),
    };
    vec![
        validating(SERVICE_CONFIGURATION, &services, address),
        validating(CONFIG_CONFIGURATION, &configs, address),
    ]
}

/// For clients that read `spec.model.name`; not part of the usual installation.
fn defaulter(address: Address<'_>) -> Value {
    let hook = Hook {
        name: ("llminferenceservice", "defaulter"),
        path: "mutate",
        resource: "llminferenceservices",
        operations: &["CREATE", "UPDATE"],
        conditions: conditions(),
    };
    let mut hooks = hook.all(address);
    for hook in &mut hooks {
        *llmisvc_core::tree::entry(hook, "reinvocationPolicy") = json!("Never");
    }
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": SERVICE_CONFIGURATION},
        "webhooks": hooks,
    })
}

fn service(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": namespace},
        "spec": {
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": "webhook-server"}],
            "selector": {"control-plane": ACCOUNT},
        },
    })
}

/// The manifests: file below `config/webhook` and objects. Every field that the API server would default is there,
/// so that nothing differs from what is stored but the CA bundles.
pub fn manifests(address: Address<'_>) -> Vec<(&'static str, Vec<Value>)> {
    let service = address.url.is_none().then(|| ("service.yaml", vec![service(address.namespace)]));
    let others =
        [("validating.yaml", validators(address)), ("optional/mutating.yaml", vec![defaulter(address)])];
    service.into_iter().chain(others).collect()
}

/// A file's text.
pub fn yaml(objects: &[Value]) -> Result<String, serde_yaml_ng::Error> {
    let texts: Result<Vec<String>, _> = objects.iter().map(serde_yaml_ng::to_string).collect();
    Ok(format!("# Generated by `llmisvc-operator webhooks`.\n{}", texts?.join("---\n")))
}

/// What the usual installation has, as one stream.
pub fn print(address: Address<'_>) -> Result<String, serde_yaml_ng::Error> {
    let files = manifests(address);
    let usual = files.iter().filter(|(file, _)| !file.starts_with("optional/"));
    let texts: Result<Vec<String>, _> = usual.map(|(_, objects)| yaml(objects)).collect();
    Ok(texts?.join("---\n"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::webhook::targets::CALLERS;

    const USUAL: Address<'_> = Address { namespace: "kserve", url: None };

    #[test]
    fn committed_manifests_are_the_generated_ones() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/webhook");
        for (file, objects) in manifests(USUAL) {
            let (text, path) = (yaml(&objects).unwrap(), root.join(file));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "run with UPDATE_GOLDEN=1");
        }
    }

    fn hooks(address: Address<'_>) -> Vec<Value> {
        let objects = manifests(address).into_iter().flat_map(|(_, objects)| objects);
        objects.flat_map(|object| object["webhooks"].as_array().cloned().unwrap_or_default()).collect()
    }

    #[test]
    fn webhooks_have_the_names_of_the_reference_and_fail_closed() {
        let hooks = hooks(USUAL);
        let names: Vec<&str> = hooks.iter().map(|hook| hook["name"].as_str().unwrap()).collect();
        let expected = [
            "llminferenceservice.kserve-webhook-server.v1alpha1.validator",
            "llminferenceservice.kserve-webhook-server.v1alpha2.validator",
            "llminferenceserviceconfig.kserve-webhook-server.v1alpha1.validator",
            "llminferenceserviceconfig.kserve-webhook-server.v1alpha2.validator",
            "llminferenceservice.kserve-webhook-server.v1alpha1.defaulter",
            "llminferenceservice.kserve-webhook-server.v1alpha2.defaulter",
        ];
        assert_eq!(names, expected);
        for hook in &hooks {
            assert_eq!((&hook["failurePolicy"], &hook["sideEffects"]), (&json!("Fail"), &json!("None")));
            assert_eq!(hook["rules"][0]["apiGroups"], json!(["serving.kserve.io"]), "no other objects");
        }
    }

    // E-32
    #[test]
    fn deletions_of_configs_are_reviewed_and_those_of_services_are_not() {
        for hook in hooks(USUAL) {
            let configs = hook["rules"][0]["resources"] == json!(["llminferenceserviceconfigs"]);
            let deletions = hook["rules"][0]["operations"].as_array().unwrap().contains(&json!("DELETE"));
            assert_eq!(deletions, configs, "{}", hook["name"]);
        }
    }

    // E-14
    #[test]
    fn every_namespace_and_address_can_be_printed() {
        let text = print(Address { namespace: "models", url: None }).unwrap();
        assert!(text.contains("namespace: models") && !text.contains("kserve\n"), "{text}");
        let outside = Address { namespace: "kserve", url: Some("https://hooks.example.com:8443/") };
        for hook in hooks(outside) {
            let url = hook["clientConfig"]["url"].as_str().unwrap();
            assert!(url.starts_with("https://hooks.example.com:8443/"), "{url}");
            assert!(!url.contains(".com:8443//") && hook["clientConfig"].get("service").is_none(), "{url}");
        }
        assert!(!print(outside).unwrap().contains("kind: Service\n"));
    }

    #[test]
    fn the_keeper_knows_every_configuration() {
        for (_, objects) in manifests(USUAL) {
            for object in objects.iter().filter(|object| object["webhooks"].is_array()) {
                let known = |caller: &&crate::webhook::targets::Caller| {
                    object["kind"] == caller.served.kind && object["metadata"]["name"] == caller.name
                };
                assert!(CALLERS.iter().any(|caller| known(&caller)), "{}", object["metadata"]);
            }
        }
    }
}
