//! The objects that say who signs for the webhooks: webhook configurations, and CRDs with a conversion webhook.

use k8s_openapi::ByteString;
use llmisvc_core::tree;
use llmisvc_kinds::Served;
use serde_json::{Value, json};

use crate::resources::{CRD, MUTATING, VALIDATING};
use crate::tls::cert::{self, Cert};
use crate::wire::Place;

/// cert-manager injects where this annotation is, and we do not.
const INJECTED: [&str; 4] = [
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "cert-manager.io/inject-apiserver-ca",
    "service.beta.openshift.io/inject-cabundle",
];
/// So many CAs that we do not know are kept beside a given one.
const FOREIGN: usize = 4;

/// One object that calls the webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its resource.
    pub served: Served,
    /// Its name.
    pub name: &'static str,
}

/// Name of the configurations for services (`reference/api.md §5.2`).
pub const SERVICE_CONFIGURATION: &str = "llminferenceservice.serving.kserve.io";
/// Name of the configuration for configs.
pub const CONFIG_CONFIGURATION: &str = "llminferenceserviceconfig.serving.kserve.io";

/// All of them; those that are not there are waited for.
pub const CALLERS: [Caller; 5] = [
    Caller { served: VALIDATING, name: SERVICE_CONFIGURATION },
    Caller { served: VALIDATING, name: CONFIG_CONFIGURATION },
    Caller { served: MUTATING, name: SERVICE_CONFIGURATION },
    Caller { served: CRD, name: "llminferenceservices.serving.kserve.io" },
    Caller { served: CRD, name: "llminferenceserviceconfigs.serving.kserve.io" },
];

impl Caller {
    /// Where it is.
    pub const fn place(&self) -> Place<'_> {
        Place { served: &self.served, namespace: "", name: self.name }
    }
}

/// What is kept of such an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    version: String,
    slots: Vec<Slot>,
    /// The namespace of a Service that is called and is not ours.
    pub elsewhere: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    pointer: String,
    bundle: Vec<u8>,
}

/// What callers are to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// The CAs.
    pub bundle: Vec<Cert>,
    /// Nothing else: the CAs are ours. Others may be given to each replica at another time, so there a CA is added
    /// and none is taken away.
    pub exactly: bool,
}

impl Target {
    /// From the object. Where another injects, nothing of it concerns us.
    pub fn read(object: &Value, namespace: &str) -> Self {
        let annotations = tree::strings(object, &["metadata", "annotations"]);
        let theirs = INJECTED.iter().any(|key| annotations.contains_key(*key));
        let clients = if theirs { Vec::new() } else { clients(object) };
        let is_elsewhere = |client: &Value| {
            let called = tree::text(client, &["service", "namespace"]);
            (!called.is_empty() && called != namespace).then(|| called.to_owned())
        };
        let elsewhere = clients.iter().find_map(|(_, client)| is_elsewhere(client));
        let ours = clients.into_iter().filter(|(_, client)| is_elsewhere(client).is_none());
        let slot = |(pointer, client): (String, &Value)| Slot { pointer, bundle: bundle(client) };
        let version = tree::text(object, &["metadata", "resourceVersion"]).to_owned();
        Self { version, slots: ours.map(slot).collect(), elsewhere }
    }

    /// Whether all of it trusts what it should.
    pub fn trusts(&self, trust: &Trust) -> bool {
        self.slots.iter().all(|slot| slot.wanted(trust).is_none())
    }

    /// The JSON patch that makes it so, on this version of the object only; none when it is so.
    pub fn patch(&self, trust: &Trust) -> Option<Value> {
        let test = json!({"op": "test", "path": "/metadata/resourceVersion", "value": self.version});
        let add = |slot: &Slot| {
            let bundle = ByteString(slot.wanted(trust)?.into_bytes());
            Some(json!({"op": "add", "path": format!("{}/caBundle", slot.pointer), "value": bundle}))
        };
        let adds: Vec<Value> = self.slots.iter().filter_map(add).collect();
        (!adds.is_empty()).then(|| Value::Array([vec![test], adds].concat()))
    }
}

impl Slot {
    fn wanted(&self, trust: &Trust) -> Option<String> {
        if trust.exactly {
            let text = cert::text(&trust.bundle);
            return (self.bundle != text.as_bytes()).then_some(text);
        }
        let live = cert::bundle(&self.bundle);
        if trust.bundle.iter().all(|ca| live.contains(ca)) {
            return None;
        }
        let others = live.into_iter().filter(|ca| !trust.bundle.contains(ca)).take(FOREIGN);
        Some(cert::text(&trust.bundle.iter().cloned().chain(others).collect::<Vec<_>>()))
    }
}

fn bundle(client: &Value) -> Vec<u8> {
    let text = client.get("caBundle").cloned().unwrap_or_default();
    serde_json::from_value::<ByteString>(text).map(|bytes| bytes.0).unwrap_or_default()
}

/// Each `clientConfig` and its JSON pointer.
fn clients(object: &Value) -> Vec<(String, &Value)> {
    let hooks = tree::list(object, &["webhooks"]).iter().enumerate().filter_map(|(index, hook)| {
        Some((format!("/webhooks/{index}/clientConfig"), hook.get("clientConfig")?))
    });
    let path = ["spec", "conversion", "webhook", "clientConfig"];
    let conversion = tree::get(object, &path).map(|client| (format!("/{}", path.join("/")), client));
    hooks.chain(conversion).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::webhook::keys::tests::{maker, request};
    use crate::webhook::keys::{bundle as bundle_of, empty};

    fn trust(exactly: bool) -> Trust {
        let secret = maker(&request(), Timestamp::now()).begin(empty("kserve")).unwrap();
        Trust { bundle: bundle_of(&secret), exactly }
    }

    fn service(namespace: &str) -> Value {
        json!({"service": {"name": "llmisvc-webhook-server-service", "namespace": namespace, "path": "/x"}})
    }

    fn configuration(clients: &[Value]) -> Value {
        let hooks: Vec<Value> = clients.iter().map(|client| json!({"clientConfig": client})).collect();
        json!({"metadata": {"name": "c", "resourceVersion": "7"}, "webhooks": hooks})
    }

    /// The object after a patch, as far as our patches go.
    fn patched(mut object: Value, patch: &Value) -> Value {
        for op in patch.as_array().unwrap().iter().filter(|op| op["op"] == "add") {
            let (parent, key) = op["path"].as_str().unwrap().rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap()[key] = op["value"].clone();
        }
        object
    }

    #[test]
    fn a_bundle_that_is_missing_or_another_is_put_there_in_one_patch_of_this_version() {
        let trust = trust(true);
        let mut other = service("kserve");
        other["caBundle"] = json!("bm9uc2Vuc2U=");
        let object = configuration(&[service("kserve"), other, json!({"url": "https://127.0.0.1:1/x"})]);
        let target = Target::read(&object, "kserve");
        assert!(!target.trusts(&trust));
        let patch = target.patch(&trust).unwrap();
        assert_eq!(patch[0], json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"}));
        assert_eq!(patch.as_array().unwrap().len(), 4);
        let done = Target::read(&patched(object, &patch), "kserve");
        assert!(done.trusts(&trust));
        assert_eq!(done.patch(&trust), None, "and then nothing is sent");
    }

    #[test]
    fn a_crd_has_one_slot_and_one_without_a_webhook_has_none() {
        let conversion = json!({"strategy": "Webhook", "webhook": {"clientConfig": service("kserve")}});
        let with = json!({"metadata": {"resourceVersion": "1"}, "spec": {"conversion": conversion}});
        let patch = Target::read(&with, "kserve").patch(&trust(true)).unwrap();
        assert_eq!(patch[1]["path"], "/spec/conversion/webhook/clientConfig/caBundle");
        let none = json!({"metadata": {}, "spec": {"conversion": {"strategy": "None"}}});
        assert!(Target::read(&none, "kserve").trusts(&trust(true)));
    }

    #[test]
    fn where_another_injects_nothing_is_written() {
        for key in INJECTED {
            let mut object = configuration(&[service("kserve")]);
            object["metadata"]["annotations"] = json!({key: "kserve/llmisvc-serving-cert"});
            assert_eq!(Target::read(&object, "kserve").patch(&trust(true)), None, "{key}");
        }
    }

    // E-14
    #[test]
    fn a_service_in_another_namespace_is_told_and_not_written() {
        let object = configuration(&[service("kserve")]);
        let target = Target::read(&object, "models");
        assert_eq!(target.elsewhere.as_deref(), Some("kserve"));
        assert_eq!(target.patch(&trust(true)), None);
        assert_eq!(Target::read(&object, "kserve").elsewhere, None);
    }

    #[test]
    fn replicas_that_were_given_different_authorities_do_not_fight() {
        let (one, two) = (trust(false), trust(false));
        let object = configuration(&[service("kserve")]);
        let first = patched(object.clone(), &Target::read(&object, "kserve").patch(&one).unwrap());
        let both = patched(first.clone(), &Target::read(&first, "kserve").patch(&two).unwrap());
        let target = Target::read(&both, "kserve");
        assert!(target.trusts(&one) && target.trusts(&two));
    }
}
