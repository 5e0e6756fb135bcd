//! The controller's webhooks: its own manifests, with an address outside the cluster.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};

use crate::cluster::{Cluster, install};
use crate::documents;

/// The label that every pod of a LeaderWorkerSet has.
const NAME: &str = "leaderworkerset.sigs.k8s.io/name";

/// Writes a certificate for 127.0.0.1 and its key into this folder, and returns the certificate: it vouches for
/// itself.
pub fn certificate(folder: &Path) -> Result<String> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    fs::write(folder.join("tls.crt"), cert.pem()).context("writing the webhooks' certificate")?;
    fs::write(folder.join("tls.key"), signing_key.serialize_pem()).context("writing the webhooks' key")?;
    Ok(cert.pem())
}

/// The webhook configurations in this folder, to be called at this port.
pub fn of(folder: &Path, port: u16, authority: &str) -> Result<String> {
    let mut configurations = Vec::new();
    for text in install::texts(folder)? {
        configurations.extend(documents::parse(&text)?);
    }
    ensure!(!configurations.is_empty(), "no webhooks in {}", folder.display());
    for configuration in &mut configurations {
        localize(configuration, port, authority)?;
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": configurations}).to_string())
}

fn localize(configuration: &mut Value, port: u16, authority: &str) -> Result<()> {
    let name = configuration.pointer_mut("/metadata/name").context("a webhook configuration has a name")?;
    *name = json!(format!("lws-{}", name.as_str().unwrap_or_default()));
    let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
    for webhook in webhooks.into_iter().flatten() {
        let path = webhook.pointer("/clientConfig/service/path").and_then(Value::as_str);
        let url = format!("https://127.0.0.1:{port}{}", path.context("a webhook has a path")?);
        let client = json!({"url": url, "caBundle": STANDARD.encode(authority)});
        let pods = webhook.pointer("/rules/0/resources/0").is_some_and(|it| it == "pods");
        let webhook = webhook.as_object_mut().context("a webhook is an object")?;
        webhook.insert("clientConfig".to_owned(), client);
        if pods {
            // As the controller's own installation has it: pods of others do not depend on this webhook.
            let selector = json!({"matchExpressions": [{"key": NAME, "operator": "Exists"}]});
            webhook.insert("objectSelector".to_owned(), selector);
        }
    }
    Ok(())
}

/// Whether the API server reaches the webhooks, and those of sets and of pods do their work. Nothing is stored.
pub fn admit(cluster: &Cluster) -> Result<()> {
    let stored = |object: &Value| -> Result<Value> {
        let args = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        Ok(serde_json::from_str(&cluster.kubectl(&args, Some(&object.to_string()))?)?)
    };
    let set = stored(&probe_set())?;
    let policy = set.pointer("/spec/networkConfig/subdomainPolicy");
    ensure!(policy.is_some_and(|it| it == "Shared"), "the webhook sets no defaults: {set}");
    let pod = stored(&probe_pod())?;
    let group = pod.pointer("/metadata/labels/leaderworkerset.sigs.k8s.io~1group-index");
    ensure!(group.is_some_and(|it| it == "0"), "the webhook does not label pods: {pod}");
    Ok(())
}

fn probe_set() -> Value {
    json!({
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "probe", "namespace": "kserve"},
        "spec": {"leaderWorkerTemplate": {
            "size": 1,
            "workerTemplate": {"spec": {"containers": [{"name": "main", "image": "none"}]}},
        }},
    })
}

fn probe_pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "probe-0",
            "namespace": "kserve",
            "labels": {NAME: "probe", "leaderworkerset.sigs.k8s.io/worker-index": "0"},
            "annotations": {"leaderworkerset.sigs.k8s.io/size": "1"},
        },
        "spec": {"containers": [{"name": "main", "image": "none"}]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: mutating-webhook-configuration}
webhooks:
- {name: sets, clientConfig: {service: {name: s, path: /sets}}, rules: [{resources: [leaderworkersets]}]}
- {name: pods, clientConfig: {service: {name: s, path: /pods}}, rules: [{resources: [pods]}]}
";

    #[test]
    fn webhooks_are_called_on_this_machine_and_only_for_pods_of_a_set() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("manifests.yaml"), GIVEN).unwrap();
        let list: Value = serde_json::from_str(&of(folder.path(), 4443, "PEM").unwrap()).unwrap();
        let client = |path: &str| json!({"url": format!("https://127.0.0.1:4443{path}"), "caBundle": "UEVN"});
        let expected = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "lws-mutating-webhook-configuration"},
            "webhooks": [
                {
                    "name": "sets",
                    "clientConfig": client("/sets"),
                    "rules": [{"resources": ["leaderworkersets"]}],
                },
                {
                    "name": "pods",
                    "clientConfig": client("/pods"),
                    "rules": [{"resources": ["pods"]}],
                    "objectSelector": {"matchExpressions": [{"key": NAME, "operator": "Exists"}]},
                },
            ],
        });
        assert_eq!(list["items"], json!([expected]));
    }

    #[test]
    fn a_folder_without_webhooks_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = of(folder.path(), 4443, "PEM").unwrap_err().to_string();
        assert!(error.starts_with("no webhooks in "), "{error}");
    }
}
