//! Installing presets.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Server, context};
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

const CONFIGS: &str = "/apis/serving.kserve.io/v1alpha2/namespaces/kserve/llminferenceserviceconfigs";

fn preset(name: &str) -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceServiceConfig",
        "metadata": {"name": name},
        "spec": {"template": {"containers": [{"name": "main"}]}},
    })
}

async fn install(server: &Server) -> Vec<String> {
    crate::presets::install(&context(server), vec![preset("a"), preset("b")]).await;
    server.requests()
}

/// A service that is looked at too early is told that its presets are missing, and is not ready then.
#[tokio::test(start_paused = true)]
async fn services_wait_until_the_watch_has_shown_the_presets() {
    let server = Server::default();
    let ctx = context(&server);
    let standing = tokio::spawn(crate::presets::stand(Arc::clone(&ctx), vec![preset("a"), preset("b")]));
    for name in ["a", "b"] {
        assert!(!standing.is_finished());
        let path = format!("{CONFIGS}/{name}");
        while server.get(&path).is_none() {
            tokio::task::yield_now().await;
        }
        ctx.stores.put(Watched::Configs, Raw::new(server.get(&path).unwrap()));
    }
    let begin = Instant::now();
    standing.await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn services_do_not_wait_for_ever_and_presets_are_tried_on() {
    let server = Server::default();
    server.refuse("a", 403);
    let ctx = context(&server);
    crate::presets::stand(Arc::clone(&ctx), vec![preset("a")]).await;
    server.relent("a");
    while server.get(&format!("{CONFIGS}/a")).is_none() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn missing_presets_are_installed_once() {
    let server = Server::default();
    assert_eq!(install(&server).await.iter().filter(|r| r.starts_with("apply")).count(), 2);
    let again = install(&server).await;
    assert_eq!(again, ["get llminferenceserviceconfigs/a", "get llminferenceserviceconfigs/b"]);
}

#[tokio::test]
async fn a_preset_of_ours_that_was_edited_is_restored() {
    let server = Server::default();
    install(&server).await;
    let path = format!("{CONFIGS}/a");
    let mut edited = server.get(&path).unwrap();
    edited["spec"]["template"]["containers"][0]["name"] = json!("by hand");
    server.put(&path, edited);
    assert!(install(&server).await.contains(&"apply llminferenceserviceconfigs/a".to_owned()));
}

#[tokio::test]
async fn an_object_of_another_owner_is_never_written() {
    let server = Server::default();
    let theirs = json!({"metadata": {"name": "a", "uid": "theirs"}, "spec": {}});
    server.put(&format!("{CONFIGS}/a"), theirs);
    assert!(!install(&server).await.contains(&"apply llminferenceserviceconfigs/a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn presets_wait_for_their_namespace() {
    let server = Server::default();
    server.refuse("a", 404);
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { install(&server).await }
    });
    while server.get(&format!("{CONFIGS}/b")).is_none() {
        tokio::task::yield_now().await;
    }
    server.relent("a");
    waiting.await.unwrap();
    assert!(server.get(&format!("{CONFIGS}/a")).is_some());
}
