//! Credentials of the download container (`reference/workloads.md §9.9`). Only the names of data keys are known
//! here; values are referred to.

use serde_json::{Value, json};

use super::{Problem, Site};
use crate::facts::{Answer, Key, Ref};
use crate::labels::Labels;
use crate::settings::CredentialSettings;
use crate::tree;

/// What credentials add to the download container and its pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Credentials {
    /// Environment, with references to Secrets.
    pub env: Vec<Value>,
    /// Volumes of the pod.
    pub volumes: Vec<Value>,
    /// Mounts of the container.
    pub mounts: Vec<Value>,
}

const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";

/// From the account's IRSA annotation, then from the Secret that the service names, else from the account's.
pub fn credentials(site: &mut Site<'_, '_>, name: &str, account: &Answer) -> Credentials {
    let mut all = Credentials::default();
    let account = match account {
        Answer::Found(account) => account.as_ref(),
        Answer::Absent => &Value::Null,
        Answer::Unreadable(reason) => {
            let problem = Problem::AccountUnreadable { name: name.to_owned(), reason: reason.clone() };
            site.error("serviceAccountName", &problem);
            return all;
        }
    };
    let settings = site.ctx.inputs.settings;
    let annotations = tree::strings(account, &["metadata", "annotations"]);
    if annotations.contains_key(ROLE_ARN) {
        all.env.extend(super::s3::env(&settings.credentials, &annotations, None));
    }
    let key = settings.credentials.secret_annotation.as_str();
    match site.ctx.id.annotations.get(key).filter(|_| !key.is_empty()) {
        Some(secret) => named_secret(site, key, secret, &mut all),
        None => account_secrets(site, name, account, &mut all),
    }
    all
}

fn named_secret(site: &mut Site<'_, '_>, annotation: &str, name: &str, all: &mut Credentials) {
    let namespace = site.ctx.id.namespace.clone();
    let path = format!("metadata.annotations[{annotation}]");
    if !add(site, &path, name, all) {
        let (name, annotation) = (name.to_owned(), annotation.to_owned());
        site.error_at(path, &Problem::NoSecret { name, namespace, annotation });
    }
}

/// A Secret that is gone from an account blocks nobody: most accounts list ones that have nothing to do with models.
fn account_secrets(site: &mut Site<'_, '_>, account: &str, object: &Value, all: &mut Credentials) {
    let path = site.path("serviceAccountName");
    for secret in tree::list(object, &["secrets"]) {
        let name = tree::text(secret, &["name"]);
        if !add(site, &path, name, all) {
            let (name, account) = (name.to_owned(), account.to_owned());
            site.warn_at(path.clone(), &Problem::AccountSecretMissing { name, account });
        }
    }
}

/// Adds what a Secret holds, which `path` names; false when there is no such Secret.
fn add(site: &mut Site<'_, '_>, path: &str, name: &str, all: &mut Credentials) -> bool {
    let secret = Key::Secret(Ref::new(&site.ctx.id.namespace, name));
    match site.ctx.inputs.seen.get(&secret) {
        Answer::Found(secret) => {
            let data = Data { name, secret, settings: &site.ctx.inputs.settings.credentials };
            merge(all, data.credentials());
            true
        }
        Answer::Absent => false,
        Answer::Unreadable(reason) => {
            let problem = Problem::SecretUnreadable { name: name.to_owned(), reason: reason.clone() };
            site.error_at(path.to_owned(), &problem);
            true
        }
    }
}

/// A later entry replaces an earlier one of its name as a whole (S-6).
fn merge(all: &mut Credentials, more: Credentials) {
    for (into, from) in
        [(&mut all.env, more.env), (&mut all.volumes, more.volumes), (&mut all.mounts, more.mounts)]
    {
        for entry in from {
            let name = tree::text(&entry, &["name"]);
            into.retain(|e| tree::text(e, &["name"]) != name);
            into.push(entry);
        }
    }
}

/// What is known of a Secret.
struct Data<'a> {
    name: &'a str,
    secret: &'a Value,
    settings: &'a CredentialSettings,
}

impl Data<'_> {
    fn has(&self, key: &str) -> bool {
        tree::list(self.secret, &["keys"]).iter().any(|k| k.as_str() == Some(key))
    }

    fn annotations(&self) -> Labels {
        tree::strings(self.secret, &["metadata", "annotations"])
    }

    /// Classified by the first data key that matches.
    fn credentials(&self) -> Credentials {
        let azure = ["AZ_CLIENT_ID", "AZURE_CLIENT_ID", "AZURE_ACCESS_TOKEN"];
        let env = if self.has(&self.settings.s3_secret_key) {
            self.s3()
        } else if self.has(&self.settings.gcs_file) {
            return self.gcs();
        } else if azure.iter().any(|key| self.has(key)) {
            self.azure()
        } else if self.has("AZURE_STORAGE_ACCESS_KEY") {
            vec![self.reference("AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_ACCESS_KEY")]
        } else if self.has("HDFS_NAMENODE") {
            return self.mounted("hdfs-secrets", "/var/secrets/kserve-hdfscreds");
        } else {
            let tokens = ["HF_TOKEN", "MODELSCOPE_API_TOKEN"];
            tokens
                .into_iter()
                .find(|key| self.has(key))
                .map(|key| self.reference(key, key))
                .into_iter()
                .collect()
        };
        Credentials { env, ..Credentials::default() }
    }

    fn reference(&self, env: &str, key: &str) -> Value {
        json!({"name": env, "valueFrom": {"secretKeyRef": {"name": self.name, "key": key}}})
    }

    fn s3(&self) -> Vec<Value> {
        let mut env = vec![
            self.reference("AWS_ACCESS_KEY_ID", &self.settings.s3_key_id),
            self.reference("AWS_SECRET_ACCESS_KEY", &self.settings.s3_secret_key),
        ];
        let data = |name: &str| self.has(name).then(|| self.reference(name, name));
        env.extend(super::s3::env(self.settings, &self.annotations(), Some(&data)));
        env
    }

    fn gcs(&self) -> Credentials {
        let mut all = self.mounted("user-gcp-sa", "/var/secrets/");
        let path = format!("/var/secrets/{}", self.settings.gcs_file);
        all.env.push(json!({"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": path}));
        all
    }

    fn mounted(&self, volume: &str, path: &str) -> Credentials {
        Credentials {
            env: Vec::new(),
            volumes: vec![json!({"name": volume, "secret": {"secretName": self.name}})],
            mounts: vec![json!({"name": volume, "mountPath": path, "readOnly": true})],
        }
    }

    fn azure(&self) -> Vec<Value> {
        let legacy =
            ["SUBSCRIPTION_ID", "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"].into_iter().filter_map(|part| {
                let (new, old) = (format!("AZURE_{part}"), format!("AZ_{part}"));
                let key = if self.has(&old) { &old } else { &new };
                (self.has(key) || part == "TENANT_ID").then(|| self.reference(&new, key))
            });
        let rest = [
            "AZURE_STORAGE_ACCESS_KEY",
            "AZURE_ACCESS_TOKEN",
            "AZURE_ACCESS_EXPIRES_ON_SECONDS",
            "AZURE_ACCOUNT_NAME",
            "AZURE_SERVICE_URL",
        ];
        legacy
            .chain(rest.into_iter().filter(|key| self.has(key)).map(|key| self.reference(key, key)))
            .collect()
    }
}
