//! The requests for the service's certificates (`reference/workloads.md §8.7`).

use std::net::{IpAddr, Ipv4Addr};

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::argv;
use crate::labels::{self, Component};
use crate::object::{Certificate, Object, TlsRequest};
use crate::valid::ValidService;
use crate::{names, tree};

/// The Secrets without their data.
///
/// The pods' one is there with TLS off too, since presets mount it always, and is then its own CA. With TLS on
/// the CA stands in a Secret that no pod mounts: whoever has its key can be any part of the service. The endpoint
/// picker and the tokenizer have pairs of their own (L-6).
pub fn secrets(svc: &ValidService) -> Vec<Object> {
    let own = own_pairs(svc);
    let servers = request(svc, &shared_services(svc, &own));
    let name = names::tls_secret(&svc.id.name);
    if !svc.tls {
        return vec![secret(svc, &name, Certificate::SelfSigned(servers))];
    }
    let authority = names::tls_authority(&svc.id.name);
    let leaf = |request| Certificate::Leaf { request, authority: authority.clone() };
    let mut secrets =
        vec![secret(svc, &authority, Certificate::Authority), secret(svc, &name, leaf(servers))];
    secrets.extend(own.iter().map(|pair| secret(svc, &pair.secret, leaf(request(svc, &[&pair.service])))));
    secrets
}

/// A component with a key pair of its own.
struct OwnPair {
    secret: String,
    service: String,
}

/// One that has run with the servers' pair goes on with it: another would replace its pod.
fn own_pairs(svc: &ValidService) -> Vec<OwnPair> {
    let service = &svc.id.name;
    let picker = svc.routing.scheduler.as_ref().filter(|s| svc.tls && !s.shares_pair);
    let picker =
        picker.map(|s| OwnPair { secret: names::scheduler_tls_secret(service), service: s.picker.clone() });
    let tokenizer = svc.routing.tokenizer.as_ref().filter(|t| svc.tls && !t.shares_pair).map(|_| OwnPair {
        secret: names::tokenizer_tls_secret(service),
        service: names::tokenizer(service),
    });
    picker.into_iter().chain(tokenizer).collect()
}

/// The Services that the servers' pair answers for.
fn shared_services(svc: &ValidService, own: &[OwnPair]) -> Vec<String> {
    let picker = svc.routing.picker_service().map(str::to_owned);
    let tokenizer = svc.routing.tokenizer.as_ref().map(|_| names::tokenizer(&svc.id.name));
    let all = [names::workload_service(&svc.id.name)].into_iter().chain(picker).chain(tokenizer);
    all.filter(|service| !own.iter().any(|pair| pair.service == *service)).collect()
}

/// Mounts a Secret of its own where a pod mounts that of the servers.
pub fn mount_own(pod: &mut Value, service: &str, secret: &str) {
    let shared = names::tls_secret(service);
    let volumes = pod.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten();
    for volume in volumes.filter(|volume| tree::text(volume, &["secret", "secretName"]) == shared) {
        *tree::entry(tree::entry(volume, "secret"), "secretName") = json!(secret);
    }
}

/// A live pod that serves TLS with the servers' pair.
pub fn shares_pair(pod: &Value, service: &str) -> bool {
    let shared = names::tls_secret(service);
    let mounts =
        tree::list(pod, &["volumes"]).iter().any(|v| tree::text(v, &["secret", "secretName"]) == shared);
    let main = tree::named(tree::list(pod, &["containers"]), "main");
    let words = main.map(|main| [argv::words(main, "command"), argv::words(main, "args")].concat());
    let serves = |word: &String| word.contains("/var/run/kserve/tls");
    mounts && words.is_some_and(|words| words.iter().any(serves))
}

fn secret(svc: &ValidService, name: &str, certificate: Certificate) -> Object {
    let labels = labels::base(&svc.id.name, Component::Workload);
    let rest = json!({"type": "kubernetes.io/tls"});
    let mut object = Object::new(Kind::Secret, &svc.id.namespace, name, labels, rest);
    object.tls = Some(certificate);
    object
}

/// Service names only. Pod addresses change with every pod, and a certificate that changes with them is one that
/// running pods do not have yet (L-2).
fn request(svc: &ValidService, services: &[impl AsRef<str>]) -> TlsRequest {
    let mut dns = vec!["localhost".to_owned()];
    for service in services {
        let short = format!("{}.{}.svc", service.as_ref(), svc.id.namespace);
        dns.extend([format!("{short}.{}", svc.domain), short]);
    }
    dns.sort();
    dns.dedup();
    TlsRequest { dns, ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validate::fixture::{Fixture, fixture, spec};

    fn on() -> Fixture {
        let mut fixture = fixture(spec());
        fixture.settings.tls = true;
        fixture
    }

    fn certificates(fixture: &Fixture) -> Vec<(String, Certificate)> {
        fixture.objects().into_iter().filter_map(|o| Some((o.name, o.tls?))).collect()
    }

    #[test]
    fn with_tls_off_one_secret_is_wanted_and_no_authority() {
        let wanted = certificates(&fixture(spec()));
        assert!(
            matches!(&wanted[..], [(name, Certificate::SelfSigned(_))] if name == "llama-kserve-self-signed-certs"),
            "{wanted:?}"
        );
    }

    #[test]
    fn with_tls_on_the_authority_comes_first_and_signs_for_the_same_names() {
        // L-2
        let request = certificates(&fixture(spec()))[0].1.request().cloned().unwrap();
        let leaf = Certificate::Leaf { request, authority: "llama-kserve-ca".to_owned() };
        assert_eq!(
            certificates(&on()),
            [
                ("llama-kserve-ca".to_owned(), Certificate::Authority),
                ("llama-kserve-self-signed-certs".to_owned(), leaf),
            ]
        );
        let objects = on().objects();
        let [authority, leaf] = ["llama-kserve-ca", "llama-kserve-self-signed-certs"]
            .map(|name| objects.iter().find(|o| o.name == name).unwrap().body.clone());
        let mut renamed = leaf;
        renamed["metadata"]["name"] = json!("llama-kserve-ca");
        assert_eq!(authority, renamed, "labelled and owned like the other");
    }

    #[test]
    fn no_pod_mounts_the_authority() {
        let objects = on().objects();
        let naming = objects.iter().filter(|o| o.body.to_string().contains("-kserve-ca"));
        assert_eq!(naming.map(|o| o.kind).collect::<Vec<_>>(), [Kind::Secret]);
        for preset in crate::presets::shipped("") {
            assert!(!preset.to_string().contains("-kserve-ca"), "{}", preset["metadata"]["name"]);
        }
    }

    #[test]
    fn a_stopped_service_asks_for_no_key() {
        // L-5
        let mut fixture = on();
        fixture.annotate(crate::labels::STOP, "true");
        assert!(certificates(&fixture).is_empty());
    }

    #[test]
    fn switching_tls_changes_the_hash_of_the_secret_and_nothing_else_does() {
        let hash = |certificate: Certificate| {
            let mut objects = fixture(spec()).objects();
            objects.retain(|o| o.tls.is_some());
            objects[0].tls = Some(certificate);
            crate::plan::seal(&mut objects);
            objects[0].body["metadata"]["annotations"].take()
        };
        let request = TlsRequest { dns: vec!["a".to_owned()], ips: Vec::new() };
        let leaf =
            |authority: &str| Certificate::Leaf { request: request.clone(), authority: authority.to_owned() };
        let own = || Certificate::SelfSigned(request.clone());
        assert_eq!(hash(own()), hash(own()));
        assert_ne!(hash(own()), hash(leaf("ca")));
        assert_eq!(hash(leaf("ca")), hash(leaf("ca")));
        assert_ne!(hash(leaf("ca")), hash(Certificate::Authority));
    }
}
