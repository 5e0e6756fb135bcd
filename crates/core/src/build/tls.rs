//! The request for the service's certificate (`reference/workloads.md §8.7`).

use std::net::{IpAddr, Ipv4Addr};

use llmisvc_kinds::Kind;
use serde_json::json;

use crate::labels::{self, Component};
use crate::names;
use crate::object::{Object, TlsRequest};
use crate::valid::ValidService;

/// The Secret without its data. Pod addresses are no part of it: they change with every pod, and names don't (L-2).
pub fn secret(svc: &ValidService) -> Object {
    let labels = labels::base(&svc.id.name, Component::Workload);
    let name = names::tls_secret(&svc.id.name);
    let rest = json!({"type": "kubernetes.io/tls"});
    let mut object = Object::new(Kind::Secret, &svc.id.namespace, &name, labels, rest);
    object.tls = Some(TlsRequest { dns: dns(svc), ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] });
    object
}

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
