use serde_json::{Value, json};

use super::{CRDS, below};
use crate::crd::{Conversion, Options, Pods, generate};

#[test]
fn services_can_be_scaled_in_both_versions() {
    // E-12
    for version in CRDS[0]["spec"]["versions"].as_array().unwrap() {
        let scale = &version["subresources"]["scale"];
        let paths = [".spec.replicas", ".status.replicas", ".status.selector"];
        assert_eq!(
            scale,
            &json!({"specReplicasPath": paths[0], "statusReplicasPath": paths[1], "labelSelectorPath": paths[2]})
        );
        let schema = &version["schema"]["openAPIV3Schema"];
        for (path, kind) in paths.iter().zip(["integer", "integer", "string"]) {
            assert_eq!(below(schema, &path[1..])["type"], kind, "{path}");
        }
    }
    for version in CRDS[1]["spec"]["versions"].as_array().unwrap() {
        assert_eq!(version["subresources"], json!({"status": {}}));
    }
}

#[test]
fn v1alpha1_is_served_where_something_converts_it() {
    // E-14
    let with = |conversion| generate(&Options { conversion, pods: Pods::Open }).swap_remove(1);
    let served = |crd: &Value| -> Vec<String> {
        let versions = crd["spec"]["versions"].as_array().unwrap();
        versions.iter().map(|v| format!("{} {} {}", v["name"], v["served"], v["storage"])).collect()
    };
    let both = [r#""v1alpha2" true true"#, r#""v1alpha1" true false"#];
    let conversion = |client: Value| {
        json!({
            "strategy": "Webhook",
            "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]},
        })
    };
    let service = with(Conversion::Service { namespace: "ai".to_owned() });
    assert_eq!(served(&service), both);
    assert_eq!(
        service["spec"]["conversion"],
        conversion(json!({"service": {
            "name": "llmisvc-webhook-server-service", "namespace": "ai", "path": "/convert", "port": 443,
        }}))
    );
    let url = with(Conversion::Url("https://10.0.0.7:9443".to_owned()));
    assert_eq!(served(&url), both);
    assert_eq!(url["spec"]["conversion"], conversion(json!({"url": "https://10.0.0.7:9443/convert"})));
    let off = with(Conversion::Off);
    assert_eq!(
        (served(&off).as_slice(), off["spec"].get("conversion")),
        ([both[0].to_owned()].as_slice(), None)
    );
}
