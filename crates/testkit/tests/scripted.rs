//! The scripted API server fails on wrong, missing and extra requests.
#![cfg(feature = "scripted")]

use anyhow::Result;
use kube::api::{Api, DynamicObject, GroupVersionKind, ObjectMeta, PostParams};
use kube::core::ApiResource;
use kube::{Client, ResourceExt as _};
use llmisvc_testkit::scripted::{Expect, Silence, scripted};
use serde_json::json;

fn services(client: Client) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Service"));
    Api::namespaced_with(client, "ns", &resource)
}

fn service(name: &str) -> DynamicObject {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    DynamicObject { types: None, metadata, data: json!({}) }
}

const PATH: &str = "/api/v1/namespaces/ns/services";

#[tokio::test]
async fn requests_in_order_are_answered() -> Result<()> {
    let (client, script) = scripted([
        Expect::get("/api/v1/namespaces/ns/services/a").missing(),
        Expect::post(PATH).body("/metadata/name", "a").query("fieldManager=me"),
    ]);
    let api = services(client);
    assert!(api.get_opt("a").await?.is_none());
    let manager = PostParams { field_manager: Some("me".to_owned()), ..PostParams::default() };
    assert_eq!(api.create(&manager, &service("a")).await?.name_any(), "a");
    script.finished().await
}

#[tokio::test]
async fn a_request_that_never_comes_is_told() {
    let (_client, script) = scripted([Expect::get(PATH)]);
    let error = script.finished().await.expect_err("nothing came");
    assert_eq!(error.to_string(), format!("never came: GET {PATH}"));
}

#[tokio::test]
async fn an_extra_request_is_told() {
    let (client, script) = scripted([Expect::get("/api/v1/namespaces/ns/services/a").missing()]);
    let api = services(client);
    assert!(api.get_opt("a").await.is_ok());
    assert!(api.get_opt("a").await.is_err());
    let error = script.finished().await.expect_err("one came too many");
    assert_eq!(error.to_string(), format!("unexpected GET {PATH}/a"));
}

#[tokio::test]
async fn a_wrong_path_and_a_wrong_body_are_told() {
    let (client, script) = scripted([Expect::get(PATH), Expect::post(PATH).body("/metadata/name", "a")]);
    let api = services(client);
    assert!(api.get_opt("b").await.is_err());
    assert!(api.create(&PostParams::default(), &service("b")).await.is_err());
    let error = script.finished().await.expect_err("both are wrong").to_string();
    assert!(error.contains(&format!("expected GET {PATH}, got GET {PATH}/b")), "{error}");
    assert!(error.contains("expected \"a\" at \"/metadata/name\""), "{error}");
}

#[tokio::test]
async fn silence_is_broken_by_any_request() -> Result<()> {
    let (_client, silence) = Silence::new();
    silence.kept().await?;
    let (client, silence) = Silence::new();
    assert!(services(client).get_opt("a").await.is_err());
    assert!(silence.kept().await.is_err());
    Ok(())
}
