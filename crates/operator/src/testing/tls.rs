//! Whole passes over the Secrets of a service with TLS.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::object::{Certificate, Object};
use llmisvc_core::status::RefusalReason;
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Server;
use super::passes::{child, context, enacted, m, sealed};
use crate::context::Context;
use crate::memo::Mind;
use crate::reconcile::Enacted;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;
use crate::tls::tests::{CA, CERTS, leaf, new_ca, new_leaf, self_signed};

const DAY: Duration = Duration::from_hours(24);

struct World {
    server: Server,
    ctx: Arc<Context>,
    mind: Mind,
}

impl World {
    fn new() -> Self {
        let server = Server::default();
        let ctx = context(&server);
        Self { server, ctx, mind: Mind::default() }
    }

    async fn pass(&mut self, desired: &[Object]) -> (Enacted, Vec<String>) {
        let enacted = enacted(&self.ctx, desired, &mut self.mind).await;
        (enacted, self.server.requests())
    }

    fn secret(&self, name: &str) -> Value {
        self.server.get(&path(name)).unwrap()
    }

    /// Somebody else writes a Secret, and the watch shows it.
    fn shows(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut secret = self.secret(name);
        change(&mut secret);
        let written = self.server.put(&path(name), secret);
        self.ctx.stores.put(Watched::Child(Kind::Secret), Raw::new(written));
    }

    async fn deleted(&self, name: &str) {
        let (served, uid) = (Kind::Secret.served(), self.secret(name)["metadata"]["uid"].take());
        let place = crate::wire::Place { served: &served, namespace: "ns", name };
        let secret = Raw::new(self.secret(name));
        self.ctx.wire.delete(place, uid.as_str().unwrap()).await.unwrap();
        self.ctx.stores.remove(Watched::Child(Kind::Secret), &secret);
        self.server.requests();
    }
}

fn path(name: &str) -> String {
    format!("/api/v1/namespaces/ns/secrets/{name}")
}

fn secret(name: &str, certificate: Certificate) -> Object {
    let mut object = child(Kind::Secret, name, 1);
    object.tls = Some(certificate);
    object
}

fn off() -> Vec<Object> {
    sealed([secret(CERTS, self_signed())])
}

fn on() -> Vec<Object> {
    sealed([secret(CA, Certificate::Authority), secret(CERTS, leaf())])
}

fn relabelled() -> Vec<Object> {
    let [ca, mut certs] = [secret(CA, Certificate::Authority), secret(CERTS, leaf())];
    certs.body["metadata"]["labels"]["x"] = json!("y");
    sealed([ca, certs])
}

#[tokio::test]
async fn the_authority_is_made_first_and_then_nothing_is_sent() {
    // L-1, G-1
    let mut world = World::new();
    let (first, requests) = world.pass(&on()).await;
    assert_eq!(
        requests,
        [format!("create secrets/{CA}"), format!("get secrets/{CA}"), format!("create secrets/{CERTS}")]
    );
    assert!(first.applied.refused.is_empty() && !first.applied.retry);
    assert!(!world.secret(CERTS).to_string().contains(world.secret(CA)["data"]["tls.key"].as_str().unwrap()));
    let (second, requests) = world.pass(&on()).await;
    assert!(requests.is_empty(), "{requests:?}");
    let [first, second] = [first, second].map(|enacted| enacted.timer.unwrap());
    assert!(first > 243 * DAY && first <= 244 * DAY, "{first:?}");
    assert!(first.abs_diff(second) < Duration::from_mins(1));
}

#[tokio::test]
async fn switching_tls_on_publishes_the_authority_and_comes_back_a_day_later() {
    // L-2, L-3
    let mut world = World::new();
    world.pass(&off()).await;
    let before = world.secret(CERTS);
    let (switched, requests) = world.pass(&on()).await;
    assert_eq!(requests[0], format!("create secrets/{CA}"));
    assert_eq!(*requests.last().unwrap(), format!("apply secrets/{CERTS}"));
    let after = world.secret(CERTS);
    assert_eq!(after["data"]["tls.crt"], before["data"]["tls.crt"]);
    assert_ne!(after["data"]["ca.crt"], before["data"]["ca.crt"]);
    let timer = switched.timer.unwrap();
    assert!(timer <= DAY && timer > DAY / 2, "{timer:?}");
    assert!(world.pass(&on()).await.1.is_empty());
}

#[tokio::test]
async fn switching_tls_off_removes_the_authority_and_keeps_the_pair() {
    let mut world = World::new();
    world.pass(&on()).await;
    let before = world.secret(CERTS);
    let (_, requests) = world.pass(&off()).await;
    assert_eq!(*requests.last().unwrap(), format!("delete secrets/{CA}"));
    assert_eq!(world.secret(CERTS)["data"], before["data"]);
    assert!(world.pass(&off()).await.1.is_empty());
    world.pass(&on()).await;
    assert_eq!(world.secret(CERTS)["data"]["tls.crt"], before["data"]["tls.crt"]);
    assert!(world.pass(&on()).await.1.is_empty());
}

#[tokio::test]
async fn a_deleted_authority_is_made_anew_and_published_beside_the_old() {
    let mut world = World::new();
    world.pass(&on()).await;
    let (old_ca, old) = (world.secret(CA), world.secret(CERTS));
    world.deleted(CA).await;
    world.pass(&on()).await;
    let new = world.secret(CERTS);
    assert_ne!(world.secret(CA)["data"], old_ca["data"]);
    assert_eq!(new["data"]["tls.crt"], old["data"]["tls.crt"]);
    let lines = |secret: &Value| secret["data"]["ca.crt"].as_str().unwrap().len();
    assert!(lines(&new) > lines(&old) + 500, "both");
    assert!(world.pass(&on()).await.1.is_empty());
}

#[tokio::test]
async fn a_pair_that_is_due_is_renewed_by_the_timers_pass_and_once() {
    // L-3
    let mut world = World::new();
    world.pass(&on()).await;
    let then = Timestamp::now() - 300 * DAY;
    let ca = new_ca(then);
    let old = new_leaf(&ca, then);
    world.shows(CA, |secret| secret["data"] = ca["data"].clone());
    world.shows(CERTS, |secret| secret["data"] = old["data"].clone());
    let (renewed, requests) = world.pass(&on()).await;
    assert_eq!(*requests.last().unwrap(), format!("apply secrets/{CERTS}"));
    let new = world.secret(CERTS);
    assert_ne!(new["data"]["tls.crt"], old["data"]["tls.crt"]);
    assert_eq!((&new["data"]["ca.crt"], &world.secret(CA)["data"]), (&old["data"]["ca.crt"], &ca["data"]));
    assert!(renewed.timer.unwrap() > 240 * DAY, "the next one is timed at once");
    assert!(world.pass(&on()).await.1.is_empty());
}

#[tokio::test]
async fn other_labels_change_neither_the_pair_nor_the_date() {
    // L-4
    let mut world = World::new();
    world.pass(&on()).await;
    let before = world.secret(CERTS);
    world.pass(&relabelled()).await;
    let after = world.secret(CERTS);
    assert_eq!(after["metadata"]["labels"]["x"], "y");
    let key = "certificates.kserve.io/expiration";
    assert_eq!(after["metadata"]["annotations"][key], before["metadata"]["annotations"][key]);
    assert_eq!(after["data"], before["data"]);
}

#[tokio::test]
async fn a_bundle_that_was_removed_comes_back_with_the_same_pair() {
    // L-4
    let mut world = World::new();
    world.pass(&on()).await;
    let before = world.secret(CERTS);
    world.shows(CERTS, |secret| drop(secret["data"].as_object_mut().unwrap().remove("ca.crt")));
    world.pass(&on()).await;
    assert_eq!(world.secret(CERTS)["data"], before["data"]);
    assert!(world.pass(&on()).await.1.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_not_issued_anew() {
    // L-7
    for unreadable in [CA, CERTS] {
        let mut world = World::new();
        world.pass(&on()).await;
        let before = [CA, CERTS].map(|name| world.secret(name));
        world.server.refuse(unreadable, 503);
        let (failed, requests) = world.pass(&relabelled()).await;
        assert!(failed.applied.retry && requests.iter().all(|r| r.starts_with("get ")), "{requests:?}");
        assert_eq!([CA, CERTS].map(|name| world.secret(name)), before);
        world.server.relent(unreadable);
        world.pass(&relabelled()).await;
        assert_eq!(world.secret(CERTS)["data"], before[1]["data"]);
    }
}

#[tokio::test]
async fn a_pair_of_another_is_reported_and_left_alone() {
    // L-7
    let mut world = World::new();
    let theirs = json!({"metadata": {"name": CERTS, "namespace": "ns"}, "data": {"tls.crt": "eA=="}});
    let theirs = world.server.put(&path(CERTS), theirs);
    world.pass(&off()).await;
    let (second, requests) = world.pass(&off()).await;
    assert_eq!(second.applied.refused[0].reason, RefusalReason::Taken);
    assert!(requests.is_empty() && !second.applied.retry, "{requests:?}");
    assert_eq!(world.secret(CERTS), theirs);
}

#[tokio::test]
async fn the_authority_of_another_is_reported_and_signs_nothing() {
    // L-7
    let mut world = World::new();
    let mut theirs = new_ca(Timestamp::now());
    theirs["metadata"]["ownerReferences"] = json!([]);
    let theirs = world.server.put(&path(CA), theirs);
    world.pass(&on()).await;
    let (second, _) = world.pass(&on()).await;
    let refused: Vec<_> = second.applied.refused.iter().map(|r| (r.name.as_str(), r.reason)).collect();
    assert_eq!(refused, [(CA, RefusalReason::Taken), (CERTS, RefusalReason::Other)]);
    assert!(second.applied.refused[1].message.contains("not controlled by this service"));
    assert!(!second.applied.retry && second.timer.is_some());
    assert_eq!((world.secret(CA), world.server.get(&path(CERTS))), (theirs, None));
}

#[tokio::test]
async fn without_an_authority_the_rest_goes_on_and_the_status_says_so() {
    let mut world = World::new();
    let desired = sealed([secret(CERTS, leaf()), child(Kind::Deployment, "m-kserve", 1)]);
    let (failed, requests) = world.pass(&desired).await;
    assert_eq!(requests, [format!("get secrets/{CA}"), "create deployments/m-kserve".to_owned()]);
    let refused = &failed.applied.refused[0];
    assert_eq!((refused.name.as_str(), refused.reason), (CERTS, RefusalReason::Other));
    assert!(refused.message.contains("does not exist yet"), "{}", refused.message);
    assert!(!failed.applied.retry && failed.timer.is_some());
}

#[tokio::test]
async fn a_stopped_service_costs_no_key() {
    // L-5
    let mut world = World::new();
    world.pass(&on()).await;
    let (_, requests) = world.pass(&[]).await;
    assert_eq!(requests, [format!("delete secrets/{CERTS}"), format!("delete secrets/{CA}")]);
    assert!(world.ctx.stores.live(&m()).is_empty());
    assert!(world.pass(&[]).await.1.is_empty());
}

#[tokio::test]
async fn no_message_shows_a_key() {
    let mut world = World::new();
    world.pass(&on()).await;
    let keys = [CA, CERTS].map(|name| world.secret(name)["data"]["tls.key"].as_str().unwrap().to_owned());
    world.server.refuse(CERTS, 422);
    let (failed, _) = world.pass(&relabelled()).await;
    let live = format!("{:?}", world.ctx.stores.live(&m()));
    for shown in [format!("{:?}", failed.applied), live] {
        assert!(!shown.contains("PRIVATE") && keys.iter().all(|key| !shown.contains(key)), "{shown}");
    }
}
