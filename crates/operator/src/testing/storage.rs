//! Objects of an older stored version, and the CRD that says so.

use serde_json::{Value, json};

use super::Server;
use super::passes::context;
use crate::resources::CONFIG;
use crate::storage::{StorageError, migrate};

const CRD: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/llminferenceserviceconfigs.serving.kserve.io";
const LIST: &str = "/apis/serving.kserve.io/v1alpha2/llminferenceserviceconfigs";

fn crd(storage: &str, stored: &Value) -> Value {
    let version = |name: &str| json!({"name": name, "storage": name == storage});
    json!({
        "metadata": {"name": "llminferenceserviceconfigs.serving.kserve.io"},
        "spec": {"versions": [version("v1alpha1"), version("v1alpha2")]},
        "status": {"storedVersions": stored},
    })
}

/// A server with two configs in one namespace.
fn server(stored: &Value) -> Server {
    let server = Server::default();
    server.put(CRD, crd("v1alpha2", stored));
    let item = |name: &str| {
        let path =
            format!("/apis/serving.kserve.io/v1alpha2/namespaces/ns/llminferenceserviceconfigs/{name}");
        server.put(&path, json!({"metadata": {"name": name, "namespace": "ns"}}))
    };
    let items = [item("a"), item("b")];
    server.put(LIST, json!({"items": items, "metadata": {}}));
    server
}

fn stored(server: &Server) -> Value {
    server.get(CRD).unwrap()["status"]["storedVersions"].take()
}

const READ: &str = "get customresourcedefinitions/llminferenceserviceconfigs.serving.kserve.io";

#[tokio::test]
async fn every_object_is_stored_anew_and_then_the_crd_says_so() {
    let server = server(&json!(["v1alpha1", "v1alpha2"]));
    let ctx = context(&server);
    migrate(&ctx, &CONFIG).await.unwrap();
    assert_eq!(stored(&server), json!(["v1alpha2"]));
    assert_eq!(
        server.requests(),
        [
            READ,
            "get llminferenceserviceconfigs",
            "merge llminferenceserviceconfigs/a",
            "merge llminferenceserviceconfigs/b",
            "patch customresourcedefinitions/llminferenceserviceconfigs.serving.kserve.io/status",
        ]
    );
    migrate(&ctx, &CONFIG).await.unwrap();
    assert_eq!(server.requests(), [READ]);
    let text = ctx.metrics.text(0, 0).unwrap();
    let counter = r#"llmisvc_stored_anew_total{kind="LLMInferenceServiceConfig",result="done"} 2"#;
    assert!(text.contains(counter), "{text}");
}

#[tokio::test]
async fn an_object_that_is_refused_keeps_the_version_and_is_named() {
    // G-57
    let server = server(&json!(["v1alpha1"]));
    let ctx = context(&server);
    server.refuse("a", 422);
    let error = migrate(&ctx, &CONFIG).await.unwrap_err();
    assert!(matches!(error, StorageError::Refused { count: 1, .. }));
    let message = "1 of LLMInferenceServiceConfig cannot be stored anew; the first is ns/a: spec.a: refused by the test";
    assert!(error.to_string().starts_with(message), "{error}");
    assert!(server.request_set().contains("merge llminferenceserviceconfigs/b"), "it stops no other");
    assert_eq!(stored(&server), json!(["v1alpha1"]));

    server.refuse("a", 503);
    assert!(matches!(migrate(&ctx, &CONFIG).await, Err(StorageError::Wire(_))));
    server.relent("a");
    migrate(&ctx, &CONFIG).await.unwrap();
    assert_eq!(stored(&server), json!(["v1alpha2"]));
}

#[tokio::test]
async fn what_was_changed_or_deleted_in_between_is_done_already() {
    let server = server(&json!(["v1alpha1"]));
    let ctx = context(&server);
    server.refuse("a", 409);
    server.refuse("b", 404);
    migrate(&ctx, &CONFIG).await.unwrap();
    assert_eq!(stored(&server), json!(["v1alpha2"]));
}

#[tokio::test]
async fn where_another_version_is_stored_or_no_crd_is_there_nothing_is_done() {
    let server = Server::default();
    let ctx = context(&server);
    migrate(&ctx, &CONFIG).await.unwrap();
    server.put(CRD, crd("v1alpha1", &json!(["v1alpha1"])));
    migrate(&ctx, &CONFIG).await.unwrap();
    assert_eq!(server.requests(), [READ, READ]);
}
