use std::collections::BTreeSet;

use super::*;

/// The request of a server in `kserve`.
pub fn request() -> TlsRequest {
    let dns = ["llmisvc-webhook-server-service.kserve.svc", "localhost"].map(str::to_owned);
    TlsRequest { dns: dns.into(), ips: vec!["127.0.0.1".parse().unwrap()] }
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// A maker of certificates that live a year.
pub fn maker(request: &TlsRequest, now: Timestamp) -> Maker<'_> {
    Maker { request, lives: Lives { leaf: Duration::from_hours(365 * 24) }, now }
}

fn begun() -> Value {
    maker(&request(), start()).begin(empty("kserve")).unwrap()
}

fn keys_of(secret: &Value) -> BTreeSet<&str> {
    secret["data"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_new_secret_has_an_authority_that_signed_its_leaf() {
    let secret = begun();
    assert_eq!(keys_of(&secret), BTreeSet::from(["ca.crt", "ca.key", "tls.crt", "tls.key"]));
    assert_eq!(secret["type"], "kubernetes.io/tls");
    let keys = read(&secret, &request());
    let leaf = keys.leaf.as_ref().unwrap();
    assert_eq!((keys.authorities.len(), &leaf.signer), (1, &keys.authorities[0].id));
    assert_eq!(leaf.to, start() + Duration::from_hours(365 * 24));
    assert_eq!(keys.authorities[0].to, start() + Duration::from_hours(10 * 365 * 24));
    let eight_months = start() + Duration::from_hours(8 * 30 * 24);
    assert!(leaf.renewal > eight_months && leaf.renewal < eight_months + Duration::from_hours(7 * 24));
}

#[test]
fn a_rotation_keeps_what_is_served_until_the_new_authority_signs() {
    let (request, first) = (request(), begun());
    let (before, maker) = (read(&first, &request), maker(&request, start()));
    let introduced = maker.introduce(first.clone()).unwrap();
    let keys = read(&introduced, &request);
    assert_eq!((keys.authorities.len(), &keys.leaf), (2, &before.leaf));
    assert_eq!(keys.authorities[1], before.authorities[0]);
    let signed = maker.sign(introduced).unwrap();
    let keys = read(&signed, &request);
    assert_eq!(keys.leaf.unwrap().signer, keys.authorities[0].id);
    let forgotten = forget(signed.clone());
    assert_eq!(read(&forgotten, &request).authorities, keys.authorities[..1]);
    assert_eq!(forgotten["data"]["tls.crt"], signed["data"]["tls.crt"]);
}

#[test]
fn a_damaged_secret_has_no_leaf_or_no_authority() {
    let (request, good) = (request(), begun());
    for key in ["ca.crt", "ca.key"] {
        for value in [Value::Null, json!("bm9uc2Vuc2U="), good["data"]["tls.key"].clone()] {
            let mut bad = good.clone();
            bad["data"][key] = value;
            assert_eq!(read(&bad, &request).authorities, [], "{key}");
        }
    }
    for key in ["tls.crt", "tls.key"] {
        let mut bad = good.clone();
        bad["data"][key] = begun()["data"][key].clone();
        assert_eq!(read(&bad, &request).leaf, None, "{key} of another");
    }
    let more = TlsRequest { dns: vec!["hooks.example.com".to_owned()], ips: Vec::new() };
    assert_eq!(read(&good, &more).leaf, None, "a name is missing");
}

#[test]
fn beginning_anew_keeps_trusting_what_replicas_may_serve() {
    let (request, mut old) = (request(), begun());
    old["data"].as_object_mut().unwrap().remove("ca.key");
    let anew = maker(&request, start()).begin(old.clone()).unwrap();
    assert_eq!(bundle(&anew)[1..], bundle(&old));
    assert_eq!(read(&anew, &request).authorities.len(), 2);
}

#[test]
fn replicas_say_once_what_they_serve_and_a_step_asks_them_again() {
    let (request, mut secret) = (request(), begun());
    secret["metadata"]["annotations"] = json!({"mine": "stays", ROTATE: "now"});
    let said = announced(&secret, "a", "1").unwrap();
    assert_eq!(announced(&said, "a", "1"), None);
    let said = announced(&said, "b", "2").unwrap();
    let keys = read(&said, &request);
    assert_eq!((keys.serving, keys.asked), (vec!["1".to_owned(), "2".to_owned()], true));
    let introduced = maker(&request, start()).introduce(said.clone()).unwrap();
    assert_eq!(introduced["metadata"]["annotations"], json!({"mine": "stays"}));
    let leaf = read(&said, &request).leaf.unwrap().id;
    let forgotten = forget(announced(&said, "c", &leaf).unwrap());
    assert_eq!(read(&forgotten, &request).serving, [leaf]);
}

#[test]
fn entries_of_replicas_do_not_pile_up() {
    let mut secret = begun();
    for replica in 0..100 {
        secret = announced(&secret, &replica.to_string(), "1").unwrap();
        assert!(read(&secret, &request()).serving.len() <= REPLICAS);
    }
}

#[test]
fn a_secret_of_cert_manager_is_only_read() {
    let mut secret = begun();
    assert!(!is_given(&secret));
    secret["metadata"]["annotations"] = json!({CERT_MANAGER: "llmisvc-serving-cert"});
    assert!(is_given(&secret));
}
