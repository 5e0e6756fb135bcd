//! Ingress, the way in where there is no Gateway. It can lead to Services only, so requests are not scheduled.

use llmisvc_kinds::Kind;
use serde_json::json;

use super::workload;
use crate::labels::{self, Component, Labels};
use crate::names;
use crate::object::Object;
use crate::tree;
use crate::valid::{Ingress, ValidService};

/// Port of the workload Service.
const PORT: u16 = 8000;

/// The managed Ingress: everything under one host goes to the workload Service.
pub fn ingress(svc: &ValidService, ingress: &Ingress) -> Object {
    let backend =
        json!({"service": {"name": names::workload_service(&svc.id.name), "port": {"number": PORT}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    let mut spec = json!({"rules": [{"host": ingress.host, "http": {"paths": [path]}}]});
    if let Some(class) = &ingress.class {
        *tree::entry(&mut spec, "ingressClassName") = json!(class);
    }
    let labels = labels::base(&svc.id.name, Component::Router);
    let name = names::ingress(&svc.id.name);
    let mut object = Object::new(Kind::Ingress, &svc.id.namespace, &name, labels, json!({"spec": spec}));
    workload::annotate(&mut object.body, &annotations(svc));
    object
}

/// Most controllers go by the Service's `appProtocol`; the one for NGINX has to be told.
fn annotations(svc: &ValidService) -> Labels {
    if svc.tls {
        labels::labels([("nginx.ingress.kubernetes.io/backend-protocol", "HTTPS")])
    } else {
        Labels::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::validate::routing::fixture::{World, spec};

    fn body(world: &mut World) -> Value {
        world.object(&spec(json!({"ingress": {}})), Kind::Ingress)
    }

    #[test]
    fn everything_under_its_host_goes_to_the_workload_service() {
        let backend = json!({"service": {"name": "llama-kserve-workload-svc", "port": {"number": 8000}}});
        let expected = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": "llama-kserve-ingress",
                "namespace": "ml",
                "labels": {
                    "app.kubernetes.io/name": "llama",
                    "app.kubernetes.io/part-of": "llminferenceservice",
                    "app.kubernetes.io/component": "llminferenceservice-router",
                },
            },
            "spec": {"rules": [{
                "host": "llama-ml.example.com",
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
            }]},
        });
        assert_eq!(body(&mut World::new()), expected);
    }

    #[test]
    fn settings_choose_host_and_class_and_tls_is_told() {
        let mut world = World::new();
        world.settings.ingress_domain = "models.example.org".to_owned();
        world.settings.domain_template = "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}".to_owned();
        world.settings.ingress_class = Some("nginx".to_owned());
        world.settings.tls = true;
        let body = body(&mut world);
        assert_eq!(body["spec"]["rules"][0]["host"], "llama.ml.models.example.org");
        assert_eq!(body["spec"]["ingressClassName"], "nginx");
        let annotations = json!({"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"});
        assert_eq!(body["metadata"]["annotations"], annotations);
    }
}
