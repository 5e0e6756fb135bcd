//! The requests for the service's certificates (`reference/workloads.md §8.7`).

use std::net::{IpAddr, Ipv4Addr};

use llmisvc_kinds::Kind;
use serde_json::json;

use crate::labels::{self, Component};
use crate::names;
use crate::object::{Certificate, Object, TlsRequest};
use crate::valid::ValidService;

/// The Secrets without their data.
///
/// The pods' one is there with TLS off too, since presets mount it always, and is then its own CA. With TLS on
/// the CA stands in a Secret that no pod mounts: whoever has its key can be any part of the service.
pub fn secrets(svc: &ValidService) -> Vec<Object> {
    let request = TlsRequest { dns: dns(svc), ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] };
    let name = names::tls_secret(&svc.id.name);
    if !svc.tls {
        return vec![secret(svc, &name, Certificate::SelfSigned(request))];
    }
    let authority = names::tls_authority(&svc.id.name);
    let own = secret(svc, &authority, Certificate::Authority);
    vec![own, secret(svc, &name, Certificate::Leaf { request, authority })]
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
fn dns(svc: &ValidService) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let picker = svc.routing.picker_service().map(str::to_owned);
    let tokenizer = svc.routing.tokenizer.as_ref().map(|_| names::tokenizer(&svc.id.name));
    let services = [names::workload_service(&svc.id.name)].into_iter().chain(picker).chain(tokenizer);
    for service in services {
        let short = format!("{service}.{}.svc", svc.id.namespace);
        names.extend([format!("{short}.{}", svc.domain), short]);
    }
    names.sort();
    names.dedup();
    names
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
