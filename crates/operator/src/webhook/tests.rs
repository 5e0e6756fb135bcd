//! The keeper against an API server in memory: what it sends, in which order, and what it makes of the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use llmisvc_core::facts::Cluster;
use serde_json::json;

use super::keeper::KeepError;
use super::keys::tests::request;
use super::known::{Change, Known, Shown};
use super::manifests::{Address, manifests};
use super::targets::Target;
use super::*;
use crate::context::{Core, Options};
use crate::stores::Stores;
use crate::testing::Server;
use crate::tls::cert::{self, Cert};

const PACE: Pace = Pace { settle: Duration::from_secs(30), patience: Duration::from_mins(10) };
const SECRET: &str = "/api/v1/namespaces/kserve/secrets/llmisvc-webhook-server-cert";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const CRD: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/llminferenceservices.serving.kserve.io";

fn own(leaf: Duration) -> Source {
    Source::Own { request: request(), lives: Lives { leaf }, pace: PACE }
}

fn keeper(server: &Server, name: &str) -> Keeper {
    let options = Options { system_namespace: "kserve".to_owned(), identity: name.to_owned() };
    let core = Core { decide: llmisvc_core::decide, status: llmisvc_core::status::status };
    let ctx = Context::new(server.wire(), Stores::new(Cluster::default()), core, options);
    let source = own(Duration::from_hours(24));
    Keeper { ctx, serving: Arc::default(), source, replica: replica(name) }
}

/// A server with the usual configurations and one CRD with a conversion webhook.
fn installed() -> Server {
    let server = Server::default();
    let address = Address { namespace: "kserve", url: None };
    for object in manifests(address).into_iter().flat_map(|(_, objects)| objects) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        if object["kind"] == "ValidatingWebhookConfiguration" {
            server.put(&format!("{ADMISSION}/validatingwebhookconfigurations/{name}"), object);
        }
    }
    let client = json!({"service": {"name": manifests::SERVICE, "namespace": "kserve"}});
    let conversion = json!({"strategy": "Webhook", "webhook": {"clientConfig": client}});
    server.put(CRD, json!({"metadata": {}, "spec": {"conversion": conversion}}));
    server
}

fn path(caller: &targets::Caller) -> String {
    match caller.served.group {
        "apiextensions.k8s.io" => {
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", caller.name)
        }
        _ => format!("{ADMISSION}/{}/{}", caller.served.plural, caller.name),
    }
}

/// What the watches of a replica would have shown by now.
fn look(server: &Server, known: &mut Known) {
    known.absorb(Change::Secret(server.get(SECRET)));
    for (index, caller) in CALLERS.iter().enumerate() {
        let target = server.get(&path(caller)).map(|object| Target::read(&object, "kserve"));
        known.absorb(Change::Caller(index, target));
    }
}

async fn settled(server: &Server, keeper: &Keeper, known: &mut Known) -> Result<(), KeepError> {
    look(server, known);
    keeper.settle(known).await.map(drop)
}

/// What the CRD's caller trusts.
fn trusted(server: &Server) -> Vec<Cert> {
    let bundle = server.get(CRD).unwrap()["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"].take();
    serde_json::from_value::<ByteString>(bundle).map(|pem| cert::bundle(&pem.0)).unwrap_or_default()
}

fn leaf(server: &Server) -> Cert {
    cert::served(&server.get(SECRET).unwrap()).unwrap()
}

#[tokio::test]
async fn the_first_replica_makes_the_secret_and_tells_callers_and_then_nothing_is_sent() {
    let (server, mut known) = (installed(), Known::default());
    let keeper = keeper(&server, "a");
    settled(&server, &keeper, &mut known).await.unwrap();
    let expected = [
        "create secrets/llmisvc-webhook-server-cert",
        "replace secrets/llmisvc-webhook-server-cert",
        "get secrets/llmisvc-webhook-server-cert",
        "patch validatingwebhookconfigurations/llminferenceservice.serving.kserve.io",
        "patch validatingwebhookconfigurations/llminferenceserviceconfig.serving.kserve.io",
        "patch customresourcedefinitions/llminferenceservices.serving.kserve.io",
    ];
    assert_eq!(server.requests(), expected);
    assert_eq!(keeper.serving.id(), Some(leaf(&server).fingerprint()));
    assert!(leaf(&server).is_signed_by(&trusted(&server)[0]));
    settled(&server, &keeper, &mut known).await.unwrap();
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn a_replica_that_is_late_takes_what_another_has_made() {
    let server = installed();
    let (a, b) = (keeper(&server, "a"), keeper(&server, "b"));
    let (mut of_a, mut of_b) = (Known::default(), Known::default());
    look(&server, &mut of_b);
    settled(&server, &a, &mut of_a).await.unwrap();
    let made = leaf(&server);
    b.settle(&mut of_b).await.unwrap();
    assert_eq!((leaf(&server), b.serving.id()), (made, a.serving.id()));
}

#[tokio::test]
async fn a_bundle_that_was_taken_away_or_changed_meanwhile_comes_back() {
    let (server, mut known) = (installed(), Known::default());
    let keeper = keeper(&server, "a");
    settled(&server, &keeper, &mut known).await.unwrap();
    let (before, mut bare) = (trusted(&server), server.get(CRD).unwrap());
    bare["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"] = json!("");
    server.put(CRD, bare.clone());
    look(&server, &mut known);
    // Written once more before the patch arrives.
    server.put(CRD, bare);
    server.requests();
    keeper.settle(&mut known).await.unwrap();
    let crd = "customresourcedefinitions/llminferenceservices.serving.kserve.io";
    let sent =
        ["get secrets/llmisvc-webhook-server-cert".to_owned(), format!("patch {crd}"), format!("get {crd}")];
    assert_eq!(server.requests()[..3], sent);
    assert_eq!(trusted(&server), before);
}

#[tokio::test]
async fn a_watch_that_lags_does_not_take_a_newer_bundle_back() {
    let server = installed();
    let (a, b) = (keeper(&server, "a"), keeper(&server, "b"));
    let (mut of_a, mut of_b) = (Known::default(), Known::default());
    settled(&server, &a, &mut of_a).await.unwrap();
    settled(&server, &b, &mut of_b).await.unwrap();
    ask(&server);
    settled(&server, &a, &mut of_a).await.unwrap();
    let newer = trusted(&server);
    assert_eq!(newer.len(), 2);
    // B has heard of the callers, not of the Secret.
    let Shown::There(old) = of_b.secret.clone() else { panic!("B has seen it") };
    look(&server, &mut of_b);
    of_b.absorb(Change::Secret(Some(old)));
    b.settle(&mut of_b).await.unwrap();
    assert_eq!(trusted(&server), newer);
}

fn ask(server: &Server) {
    let mut secret = server.get(SECRET).unwrap();
    secret["metadata"]["annotations"][keys::ROTATE] = json!("now");
    server.put(SECRET, secret);
}

/// Two replicas and two rotations: at every moment, what each of them serves is trusted.
#[tokio::test(start_paused = true)]
async fn a_rotation_goes_step_by_step_and_every_step_is_trusted() {
    let server = installed();
    let replicas = [keeper(&server, "a"), keeper(&server, "b")];
    let mut known = [Known::default(), Known::default()];
    let first = {
        settled(&server, &replicas[0], &mut known[0]).await.unwrap();
        leaf(&server)
    };
    let (mut leaves, mut authorities) = (BTreeMap::from([(first.fingerprint(), first)]), vec![1]);
    for _ in 0..2 {
        ask(&server);
        for _ in 0..20 {
            for (replica, known) in replicas.iter().zip(&mut known) {
                settled(&server, replica, known).await.unwrap();
                leaves.insert(leaf(&server).fingerprint(), leaf(&server));
                let trusted = trusted(&server);
                for id in replicas.iter().filter_map(|it| it.serving.id()) {
                    assert!(trusted.iter().any(|ca| leaves[&id].is_signed_by(ca)), "{id} is not trusted");
                }
                authorities.push(trusted.len());
                tokio::time::advance(PACE.settle / 2).await;
            }
        }
    }
    authorities.dedup();
    assert_eq!((leaves.len(), authorities), (3, vec![1, 2, 1, 2, 1]));
    let annotations = server.get(SECRET).unwrap()["metadata"]["annotations"].as_object().unwrap().clone();
    assert_eq!(annotations.len(), 2, "one for each replica: {annotations:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_does_not_take_the_new_leaf_is_waited_for_and_not_for_ever() {
    let server = installed();
    let (a, b) = (keeper(&server, "a"), keeper(&server, "b"));
    let (mut of_a, mut of_b) = (Known::default(), Known::default());
    settled(&server, &a, &mut of_a).await.unwrap();
    ask(&server);
    settled(&server, &a, &mut of_a).await.unwrap();
    settled(&server, &b, &mut of_b).await.unwrap();
    for _ in 0..15 {
        settled(&server, &a, &mut of_a).await.unwrap();
        tokio::time::advance(PACE.settle).await;
    }
    assert_ne!(a.serving.id(), b.serving.id());
    assert_eq!(trusted(&server).len(), 2, "B serves the old leaf");
    tokio::time::advance(PACE.patience).await;
    settled(&server, &a, &mut of_a).await.unwrap();
    assert_eq!(trusted(&server).len(), 1, "B is gone");
}

#[tokio::test]
async fn a_secret_of_cert_manager_is_served_and_not_written() {
    let (server, mut known) = (installed(), Known::default());
    let keeper = keeper(&server, "a");
    settled(&server, &keeper, &mut known).await.unwrap();
    let mut given = server.get(SECRET).unwrap();
    given["metadata"]["annotations"] = json!({"cert-manager.io/certificate-name": "x", keys::ROTATE: "now"});
    given["data"].as_object_mut().unwrap().remove("ca.key");
    let given = server.put(SECRET, given);
    server.requests();
    let other = super::tests::keeper(&server, "b");
    settled(&server, &other, &mut Known::default()).await.unwrap();
    assert_eq!((server.get(SECRET), server.requests()), (Some(given), vec![]));
    assert_eq!(other.serving.id(), Some(leaf(&server).fingerprint()));
}

#[tokio::test]
async fn without_its_namespace_the_server_serves_and_tries_again() {
    let (server, mut known) = (Server::default(), Known::default());
    let keeper = keeper(&server, "a");
    server.refuse(keys::SECRET, 404);
    let error = settled(&server, &keeper, &mut known).await.unwrap_err();
    assert!(matches!(error, KeepError::Secret(..)) && keeper.serving.is_ready(), "{error}");
    server.relent(keys::SECRET);
    settled(&server, &keeper, &mut known).await.unwrap();
    assert_eq!(keeper.serving.id(), Some(leaf(&server).fingerprint()));
}

#[tokio::test]
async fn what_fails_is_told_by_name_and_without_a_key() {
    let (server, mut known) = (installed(), Known::default());
    let mut keeper = keeper(&server, "a");
    let text = |error: &KeepError| crate::wire::chain(error);
    server.refuse(keys::SECRET, 403);
    let error = settled(&server, &keeper, &mut known).await.unwrap_err();
    let expected =
        "the Secret llmisvc-webhook-server-cert with the webhooks' certificate in namespace kserve";
    assert!(text(&error).starts_with(expected), "{}", text(&error));
    assert!(!keeper.serving.is_ready(), "nobody could trust it");
    server.relent(keys::SECRET);

    server.refuse("llminferenceservices.serving.kserve.io", 403);
    let error = settled(&server, &keeper, &mut known).await.unwrap_err();
    let expected = "the CA bundle of CustomResourceDefinition llminferenceservices.serving.kserve.io: ";
    assert!(text(&error).starts_with(expected), "{}", text(&error));
    server.relent("llminferenceservices.serving.kserve.io");

    let mut broken = server.get(SECRET).unwrap();
    broken["metadata"]["annotations"] = json!({"cert-manager.io/certificate-name": "x"});
    broken["data"]["tls.crt"] = json!("bm9uZQ==");
    server.put(SECRET, broken);
    let error = settled(&server, &keeper, &mut known).await.unwrap_err();
    assert_eq!(text(&error), "the webhooks' certificate: tls.crt holds no certificate in PEM");

    server.put(SECRET, keys::empty("kserve"));
    keeper.source = own(Duration::ZERO);
    let error = settled(&server, &keeper, &mut known).await.unwrap_err();
    assert!(text(&error).ends_with("in namespace kserve changes again and again"), "{}", text(&error));

    let bad = TlsRequest { dns: vec!["ü".to_owned()], ips: Vec::new() };
    keeper.source = Source::Own { request: bad, lives: Lives { leaf: Duration::from_hours(1) }, pace: PACE };
    let error = settled(&server, &keeper, &mut known).await.unwrap_err();
    assert!(matches!(error, KeepError::Issue(_)), "{}", text(&error));
}

#[test]
fn the_certificate_has_every_name_by_which_it_is_called() {
    let service = "llmisvc-webhook-server-service.models.svc";
    let dns = [service.to_owned(), format!("{service}.corp.example")];
    assert_eq!(names("models", "corp.example", None), TlsRequest { dns: dns.to_vec(), ips: vec![] });
    let by = |url| names("models", "corp.example", Some(url));
    assert_eq!(by("https://hooks.example.com:8443/x").dns[0], "hooks.example.com");
    assert_eq!(by("https://10.0.0.7:8443").ips, ["10.0.0.7".parse::<IpAddr>().unwrap()]);
    assert_eq!(by("https://[::1]:8443").ips, ["::1".parse::<IpAddr>().unwrap()]);
}
