//! The copy of the CA bundle, with the real core.

use std::sync::Arc;

use llmisvc_core::facts::{Answer, Cluster, Key, Ref};
use serde_json::{Value, json};

use super::Server;
use crate::context::Context;
use crate::memo::Mind;
use crate::metrics::Outcome;
use crate::reconcile::pass;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

const SERVICE: &str = "/apis/serving.kserve.io/v1alpha2/namespaces/ns/llminferenceservices/m";
const SOURCE: &str = "/api/v1/namespaces/kserve/configmaps/company-ca";
const COPY: &str = "/api/v1/namespaces/ns/configmaps/global-ca-bundle";
const APPLY: &str = "apply configmaps/global-ca-bundle";

fn config_map(name: &str, data: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    object["metadata"]["namespace"] = json!("kserve");
    object["data"] = data;
    object
}

/// A cluster whose settings name a bundle, with one service that downloads.
fn context(server: &Server) -> Arc<Context> {
    let ctx = super::context(server);
    for mut preset in llmisvc_core::presets::shipped(&Cluster::default().config_prefix) {
        preset["metadata"]["namespace"] = json!("kserve");
        ctx.stores.put(Watched::Configs, Raw::new(preset));
    }
    let settings = json!({"storageInitializer": r#"{"caBundleConfigMapName": "company-ca"}"#});
    ctx.stores.put(Watched::Settings, Raw::new(config_map("inferenceservice-config", settings)));
    let service = json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": "m", "namespace": "ns", "uid": "owner", "generation": 1},
        "spec": {"model": {"uri": "hf://org/m"}},
    });
    ctx.stores.put(Watched::Services, Raw::new(server.put(SERVICE, service)));
    ctx
}

async fn pass_over(ctx: &Arc<Context>, mind: &mut Mind) {
    pass(ctx, &Ref::new("ns", "m"), mind).await.unwrap();
}

fn warnings(server: &Server) -> String {
    let status = server.get(SERVICE).unwrap()["status"].take();
    let conditions = status["conditions"].as_array().unwrap();
    let ignored = conditions.iter().find(|c| c["type"] == "SpecIgnored");
    ignored.map(|c| c["message"].as_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_bundle_is_copied_before_the_pods_are_made_and_then_costs_nothing() {
    let server = Server::default();
    let ctx = context(&server);
    server.put(SOURCE, config_map("company-ca", json!({"cabundle.crt": "certificates", "other": "x"})));
    let mut mind = Mind::default();
    pass_over(&ctx, &mut mind).await;
    let requests = server.requests();
    let at = |what: &str| requests.iter().position(|r| r == what).unwrap();
    assert!(at(APPLY) < at("create deployments/m-kserve"), "{requests:?}");
    let copy = server.get(COPY).unwrap();
    assert_eq!(copy["data"], json!({"cabundle.crt": "certificates"}));
    assert_eq!(copy["metadata"].get("ownerReferences"), None);
    for mind in [&mut mind, &mut Mind::default()] {
        pass_over(&ctx, mind).await;
        let requests = server.requests();
        assert!(!requests.contains(&APPLY.to_owned()), "{requests:?}");
    }
    assert_eq!(warnings(&server), "");
}

#[tokio::test]
async fn without_the_bundle_everything_else_is_made_and_a_condition_says_so() {
    // G-64
    let server = Server::default();
    let ctx = context(&server);
    pass_over(&ctx, &mut Mind::default()).await;
    let requests = server.requests();
    assert!(requests.contains(&"create deployments/m-kserve".to_owned()), "{requests:?}");
    assert!(!requests.contains(&APPLY.to_owned()), "{requests:?}");
    assert!(warnings(&server).contains("kserve/company-ca has no key cabundle.crt"), "{}", warnings(&server));
}

#[tokio::test]
async fn a_copy_that_is_refused_is_tried_again_and_a_condition_says_so() {
    let server = Server::default();
    let ctx = context(&server);
    server.put(SOURCE, config_map("company-ca", json!({"cabundle.crt": "certificates"})));
    // Known to be missing, so that only the write is refused.
    ctx.stores.asked.put(&Key::CaBundle(Ref::new("ns", "global-ca-bundle")), Answer::Absent);
    server.refuse("global-ca-bundle", 403);
    let mut mind = Mind::default();
    let next = pass(&ctx, &Ref::new("ns", "m"), &mut mind).await.unwrap();
    assert_eq!(next.outcome(), Outcome::Retry);
    let expected = "the CA bundle kserve/company-ca could not be copied to ns/global-ca-bundle";
    assert_eq!(warnings(&server).matches(expected).count(), 1, "{}", warnings(&server));
}
