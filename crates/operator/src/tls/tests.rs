use std::sync::Arc;

use llmisvc_core::object::{Certificate, Live, LiveObject, Object, TlsRequest};
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::cert::{Cert, bundle, data, served};
use super::*;

pub const CA: &str = "m-kserve-ca";
pub const CERTS: &str = "m-kserve-self-signed-certs";
const EXPIRATION: &str = "certificates.kserve.io/expiration";

pub fn request() -> TlsRequest {
    let ips = vec![[127, 0, 0, 1].into()];
    TlsRequest { dns: vec!["localhost".to_owned(), "m-kserve-workload-svc.ns.svc".to_owned()], ips }
}

pub fn self_signed() -> Certificate {
    Certificate::SelfSigned(request())
}

pub fn leaf() -> Certificate {
    Certificate::Leaf { request: request(), authority: CA.to_owned() }
}

pub fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn start() -> Timestamp {
    at("2026-01-01T00:00:00Z")
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * DAY)
}

/// A Secret as `build` wants it.
pub fn wanted(name: &str, certificate: Certificate) -> Object {
    let owner = json!([{"kind": "LLMInferenceService", "name": "m", "uid": "owner", "controller": true}]);
    let body = json!({"metadata": {"name": name, "namespace": "ns", "ownerReferences": owner}});
    Object { kind: Kind::Secret, name: name.to_owned(), body, tls: Some(certificate) }
}

/// The Secret as a pass at that time writes it over `live`.
pub fn written(
    name: &str,
    certificate: &Certificate,
    ca: Option<&Value>,
    live: Option<&Value>,
    now: Timestamp,
) -> Result<Value, TlsError> {
    let object = wanted(name, certificate.clone());
    let signer = certificate.authority();
    let authority = signer.map(|name| Authority::read(ca, name, "owner", now)).transpose();
    Job { object: &object, certificate, authority, expirations: &[EXPIRATION.to_owned()], now }.filled(live)
}

pub fn new_ca(now: Timestamp) -> Value {
    written(CA, &Certificate::Authority, None, None, now).unwrap()
}

pub fn new_leaf(ca: &Value, now: Timestamp) -> Value {
    written(CERTS, &leaf(), Some(ca), None, now).unwrap()
}

fn renewed_leaf(ca: &Value, live: &Value, now: Timestamp) -> Value {
    written(CERTS, &leaf(), Some(ca), Some(live), now).unwrap()
}

fn own(secret: &Value) -> Cert {
    served(secret).unwrap()
}

fn trust(secret: &Value) -> Vec<Cert> {
    bundle(&data(secret, "ca.crt").unwrap())
}

/// As the store holds it.
pub fn stored(secret: &Value) -> LiveObject {
    let mut body = secret.clone();
    body["data"]["tls.key"] = json!("");
    let controller = secret["metadata"]["ownerReferences"][0]["uid"].as_str().map(str::to_owned);
    let (uid, resource_version) = ("child".to_owned(), "1".to_owned());
    LiveObject {
        uid,
        resource_version,
        controller,
        created_by_post: false,
        deleting: false,
        body: Arc::new(body),
    }
}

fn live(secrets: &[(&str, &Value)]) -> Live {
    secrets.iter().map(|(name, secret)| ((Kind::Secret, (*name).to_owned()), stored(secret))).collect()
}

/// The names that are due, and when the next will be.
fn due_at(live: &Live, desired: &[Object], now: Timestamp) -> (Vec<String>, Option<Timestamp>) {
    let (due, next) = due(live, desired, "owner", now);
    (due.into_iter().map(|(object, _)| object.name.clone()).collect(), next)
}

fn with_tls() -> [Object; 2] {
    [wanted(CA, Certificate::Authority), wanted(CERTS, leaf())]
}

#[test]
fn a_pair_without_tls_is_its_own_authority_for_twelve_years() {
    let secret = written(CERTS, &self_signed(), None, None, start()).unwrap();
    assert_eq!(trust(&secret), [own(&secret)]);
    assert_eq!((own(&secret).from, own(&secret).to), (start(), start() + SELF_SIGNED_LIFE));
    let renewal = at("2033-12-30T00:00:00Z");
    assert_eq!(judge::pair(&secret, &request(), None, start()), Verdict::Keep(renewal));
    assert_eq!(secret["metadata"]["annotations"][EXPIRATION], "2033-12-30T00:00:00Z");
}

#[test]
fn a_leaf_lives_a_year_and_its_authority_ten_and_both_are_renewed_at_two_thirds() {
    // L-3
    let ca = new_ca(start());
    let leaf = new_leaf(&ca, start());
    assert_eq!((own(&ca).to, own(&leaf).to), (start() + AUTHORITY_LIFE, start() + LEAF_LIFE));
    assert!(own(&ca).is_authority() && !own(&leaf).is_authority());
    assert!(own(&leaf).is_signed_by(&own(&ca)) && trust(&leaf) == [own(&ca)]);
    let live = live(&[(CA, &ca), (CERTS, &leaf)]);
    let renewal = own(&leaf).two_thirds();
    assert_eq!(due_at(&live, &with_tls(), start()), (Vec::new(), Some(renewal)));
    let before = renewal - Duration::from_secs(1);
    assert_eq!(due_at(&live, &with_tls(), before), (Vec::new(), Some(renewal)));
    assert_eq!(due_at(&live, &with_tls(), renewal), (vec![CERTS.to_owned()], Some(own(&ca).two_thirds())));
    let next = renewed_leaf(&ca, &leaf, renewal);
    assert_ne!(next["data"]["tls.key"], leaf["data"]["tls.key"], "a new key each time");
    assert_eq!(next["data"]["ca.crt"], leaf["data"]["ca.crt"], "what peers trust stays");
}

#[test]
fn the_authority_stays_when_a_name_comes_and_a_name_that_goes_changes_nothing() {
    // L-1, L-2
    let (ca, mut fewer, mut more) = (new_ca(start()), request(), request());
    let leaf = new_leaf(&ca, start());
    fewer.dns.pop();
    more.dns.push("m-epp-service.ns.svc".to_owned());
    let judged = |request: &TlsRequest| judge::pair(&leaf, request, Some(&own(&ca)), start());
    assert!(matches!(judged(&fewer), Verdict::Keep(_)));
    assert_eq!(judged(&more), Verdict::Reissue("a name is missing"));
    more = request();
    more.ips.push([10, 0, 0, 1].into());
    assert_eq!(judged(&more), Verdict::Reissue("a name is missing"));
    let wanted = Certificate::Leaf { request: more, authority: CA.to_owned() };
    let next = written(CERTS, &wanted, Some(&ca), Some(&leaf), start()).unwrap();
    assert!(own(&next).is_signed_by(&own(&ca)));
    assert_eq!(next["data"]["ca.crt"], leaf["data"]["ca.crt"]);
}

#[test]
fn what_the_annotation_says_does_not_count() {
    // L-4
    let ca = new_ca(start());
    let mut leaf = new_leaf(&ca, start());
    let renewal = own(&leaf).two_thirds();
    for text in ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "never"] {
        leaf["metadata"]["annotations"][EXPIRATION] = json!(text);
        assert_eq!(judge::pair(&leaf, &request(), Some(&own(&ca)), start()), Verdict::Keep(renewal));
        let later = start() + days(30);
        let again = renewed_leaf(&ca, &leaf, later);
        assert_eq!(again["metadata"]["annotations"][EXPIRATION], renewal.to_string(), "not refreshed");
        assert_eq!(again["data"], leaf["data"]);
    }
}

#[test]
fn a_missing_or_damaged_bundle_is_healed_with_the_same_pair() {
    // L-4
    let ca = new_ca(start());
    let leaf_secret = new_leaf(&ca, start());
    let own_ca = written(CERTS, &self_signed(), None, None, start()).unwrap();
    for (good, certificate) in [(&leaf_secret, leaf()), (&own_ca, self_signed())] {
        for damage in [None, Some(""), Some("eA=="), Some("%")] {
            let mut live = good.clone();
            match damage {
                None => drop(live["data"].as_object_mut().unwrap().remove("ca.crt")),
                Some(text) => live["data"]["ca.crt"] = json!(text),
            }
            assert_eq!(written(CERTS, &certificate, Some(&ca), Some(&live), start()).unwrap(), *good);
            let desired = [wanted(CA, Certificate::Authority), wanted(CERTS, certificate.clone())];
            let seen = super::tests::live(&[(CA, &ca), (CERTS, &live)]);
            assert_eq!(due_at(&seen, &desired, start()).0, [CERTS]);
        }
    }
}

#[test]
fn each_part_that_is_missing_or_wrong_is_named() {
    let ca = new_ca(start());
    let good = new_leaf(&ca, start());
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut secret = good.clone();
        change(&mut secret["data"]);
        judge::pair(&secret, &request(), Some(&own(&ca)), start())
    };
    let without = |key: &str| broken(&|data| drop(data.as_object_mut().unwrap().remove(key)));
    let not_x509 = pem::encode(&pem::Pem::new("CERTIFICATE", "x"));
    let not_x509 = json!(k8s_openapi::ByteString(not_x509.into_bytes()));
    let stranger = new_leaf(&new_ca(start()), start());
    for (verdict, why) in [
        (without("tls.key"), "there is no key"),
        (without("tls.crt"), "there is no certificate"),
        (broken(&|data| data["tls.crt"] = json!("eA==")), "the certificate is not PEM"),
        (broken(&|data| data["tls.crt"] = not_x509.clone()), "the certificate is not X.509"),
        (
            broken(&|data| data["tls.crt"] = stranger["data"]["tls.crt"].clone()),
            "no CA in ca.crt has signed it",
        ),
    ] {
        assert_eq!(verdict, Verdict::Reissue(why));
    }
    assert_eq!(judge::authority(&good, start()), Verdict::Reissue("it is no CA"));
    assert_eq!(judge::authority(&json!({}), start()), Verdict::Reissue("there is no key"));
}

#[test]
fn a_key_that_is_not_the_certificates_is_replaced() {
    let ca = new_ca(start());
    let good = new_leaf(&ca, start());
    for key in [new_leaf(&ca, start())["data"]["tls.key"].clone(), json!(""), json!("eA==")] {
        let mut live = good.clone();
        live["data"]["tls.key"] = key;
        let healed = renewed_leaf(&ca, &live, start());
        assert_ne!(healed["data"]["tls.crt"], good["data"]["tls.crt"]);
        assert_eq!(renewed_leaf(&ca, &healed, start()), healed, "and that is the end of it");
    }
}

#[test]
fn a_new_authority_is_published_first_and_signs_a_day_later() {
    // L-2
    let (first, second) = (new_ca(start()), new_ca(start() + days(10)));
    let old = new_leaf(&first, start());
    let now = start() + days(10);
    let waiting = renewed_leaf(&second, &old, now);
    assert_eq!(waiting["data"]["tls.crt"], old["data"]["tls.crt"]);
    assert_eq!(trust(&waiting), [own(&second), own(&first)]);
    assert_eq!(renewed_leaf(&second, &waiting, now), waiting, "published once");
    let live = live(&[(CA, &second), (CERTS, &waiting)]);
    assert_eq!(due_at(&live, &with_tls(), now), (Vec::new(), Some(now + OVERLAP)));
    let signed = renewed_leaf(&second, &waiting, now + OVERLAP);
    assert!(own(&signed).is_signed_by(&own(&second)));
    assert_eq!(trust(&signed), [own(&second), own(&first)], "old leaves are still in use");
}

#[test]
fn a_former_authority_is_forgotten_when_nothing_it_signed_is_valid() {
    let (first, now) = (new_ca(start()), start() + days(10));
    let second = new_ca(now);
    let signed = renewed_leaf(&second, &new_leaf(&first, start()), now);
    let forget = now + OVERLAP + LEAF_LIFE;
    let before = renewed_leaf(&second, &signed, forget - days(1));
    assert_eq!(trust(&before), [own(&second), own(&first)]);
    let seen = live(&[(CA, &second), (CERTS, &before)]);
    assert_eq!(due_at(&seen, &with_tls(), forget - days(1)), (Vec::new(), Some(forget)));
    assert_eq!(due_at(&seen, &with_tls(), forget).0, [CERTS]);
    let after = renewed_leaf(&second, &before, forget);
    assert_eq!((trust(&after), &after["data"]["tls.crt"]), (vec![own(&second)], &before["data"]["tls.crt"]));
}

#[test]
fn a_leaf_that_ends_before_its_new_signer_is_known_everywhere_does_not_wait() {
    let end = start() + LEAF_LIFE;
    let second = new_ca(end - days(1));
    let signed = renewed_leaf(&second, &new_leaf(&new_ca(start()), start()), end - days(1));
    assert!(own(&signed).is_signed_by(&own(&second)));
}

#[test]
fn a_leaf_ends_with_its_authority() {
    let ca = new_ca(start());
    let late = start() + AUTHORITY_LIFE - days(3);
    assert_eq!(own(&new_leaf(&ca, late)).to, own(&ca).to);
}

#[test]
fn an_authority_that_is_deleted_every_day_does_not_fill_the_secret() {
    let mut secret = new_leaf(&new_ca(start()), start());
    for day in 1..40 {
        let now = start() + days(day);
        secret = renewed_leaf(&new_ca(now), &secret, now);
    }
    assert_eq!(trust(&secret).len(), 9);
}

#[test]
fn switching_tls_on_and_off_keeps_what_pods_serve_with_and_ends() {
    let old = written(CERTS, &self_signed(), None, None, start()).unwrap();
    let ca = new_ca(start() + days(1));
    let on = renewed_leaf(&ca, &old, start() + days(1));
    assert_eq!(on["data"]["tls.crt"], old["data"]["tls.crt"], "known to everybody");
    assert_eq!(trust(&on), [own(&ca), own(&old)]);
    let signed = renewed_leaf(&ca, &on, start() + days(2));
    assert!(own(&signed).is_signed_by(&own(&ca)));
    let off = written(CERTS, &self_signed(), None, Some(&signed), start() + days(3)).unwrap();
    assert_eq!(off["data"], signed["data"]);
    let desired = [wanted(CERTS, self_signed())];
    let renewal = own(&signed).two_thirds();
    assert_eq!(due_at(&live(&[(CERTS, &off)]), &desired, start() + days(3)), (Vec::new(), Some(renewal)));
    let last = written(CERTS, &self_signed(), None, Some(&off), renewal).unwrap();
    assert_eq!(trust(&last), [own(&last)], "its own CA again");
    let again = new_ca(start() + days(4));
    assert_eq!(renewed_leaf(&again, &off, start() + days(4))["data"]["tls.crt"], signed["data"]["tls.crt"]);
}

#[test]
fn a_leaf_whose_authority_comes_with_this_pass_is_due_with_it() {
    let first = new_ca(start());
    let leaf = new_leaf(&first, start());
    let both = vec![CA.to_owned(), CERTS.to_owned()];
    assert_eq!(due_at(&live(&[(CERTS, &leaf)]), &with_tls(), start()).0, [CERTS]);
    let renewal = own(&first).two_thirds();
    assert_eq!(due_at(&live(&[(CA, &first), (CERTS, &leaf)]), &with_tls(), renewal).0, both);
}

#[test]
fn a_secret_of_another_is_never_due_and_its_key_signs_nothing() {
    // L-7
    let (mut theirs, ours) = (new_ca(start()), new_ca(start()));
    let leaf_secret = new_leaf(&ours, start());
    theirs["metadata"]["ownerReferences"][0]["uid"] = json!("someone else");
    let late = start() + AUTHORITY_LIFE;
    assert_eq!(due_at(&live(&[(CA, &theirs)]), &with_tls(), late), (Vec::new(), None));
    let refused = written(CERTS, &leaf(), Some(&theirs), None, start()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the CA in Secret m-kserve-ca signs nothing, since the Secret is not controlled by this service; delete it"
    );
    let kept = written(CERTS, &leaf(), Some(&theirs), Some(&leaf_secret), start()).unwrap();
    assert_eq!(kept, leaf_secret, "what serves goes on serving");
    let seen = live(&[(CA, &theirs), (CERTS, &leaf_secret)]);
    assert_eq!(due_at(&seen, &with_tls(), start()), (Vec::new(), Some(own(&leaf_secret).two_thirds())));
    theirs["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    assert!(matches!(
        written(CERTS, &leaf(), Some(&theirs), None, start()),
        Err(TlsError::ForeignAuthority(_))
    ));
}

#[test]
fn an_authority_that_cannot_sign_is_named_with_what_to_do() {
    let refused = |ca: Option<&Value>, now| written(CERTS, &leaf(), ca, None, now).unwrap_err().to_string();
    assert_eq!(
        refused(None, start()),
        "the Secret m-kserve-ca with the CA that signs the certificate does not exist yet"
    );
    let good = new_ca(start());
    let message = |why: &str| {
        format!("the CA in Secret m-kserve-ca cannot sign: {why}; delete the Secret, and a new CA is made")
    };
    assert_eq!(refused(Some(&good), start() + AUTHORITY_LIFE), message("it has expired"));
    let mut broken = good.clone();
    broken["data"]["tls.key"] = new_ca(start())["data"]["tls.key"].clone();
    assert_eq!(refused(Some(&broken), start()), message("the key is not that of the certificate"));
    broken["data"].as_object_mut().unwrap().remove("tls.key");
    assert_eq!(refused(Some(&broken), start()), message("there is no key"));
    let mut no_ca = new_leaf(&good, start());
    no_ca["metadata"]["name"] = json!(CA);
    assert_eq!(refused(Some(&no_ca), start()), message("it is no CA"));
}

#[test]
fn a_name_that_no_certificate_can_hold_and_a_missing_request_are_errors() {
    let request = TlsRequest { dns: vec!["ü".to_owned()], ips: Vec::new() };
    let refused = written(CERTS, &Certificate::SelfSigned(request), None, None, start()).unwrap_err();
    assert!(matches!(refused, TlsError::Issue(_)), "{refused}");
    let object = wanted(CERTS, leaf());
    let certificate = leaf();
    let job = Job {
        object: &object,
        certificate: &certificate,
        authority: Ok(None),
        expirations: &[],
        now: start(),
    };
    assert!(matches!(job.filled(None), Err(TlsError::NoAuthority(name)) if name == CA));
}

#[test]
fn an_apply_keeps_the_live_pair_and_takes_the_new_labels() {
    // L-4
    let ca = new_ca(start());
    let live = new_leaf(&ca, start());
    let (mut object, certificate) = (wanted(CERTS, leaf()), leaf());
    object.body["metadata"]["labels"] = json!({"a": "b"});
    let authority = Authority::read(Some(&ca), CA, "owner", start()).map(Some);
    let job = Job { object: &object, certificate: &certificate, authority, expirations: &[], now: start() };
    let mut expected = object.body.clone();
    expected["data"] = live["data"].clone();
    assert_eq!(job.filled(Some(&live)).unwrap(), expected);
}

/// The pair of a former controller, made by its documentation: RSA, signed by itself though it is no CA.
fn former() -> Value {
    let bytes = |text: &str| json!(k8s_openapi::ByteString(text.as_bytes().to_vec()));
    let (certificate, key) = (include_str!("former/tls.crt"), include_str!("former/tls.key"));
    let data = json!({"tls.crt": bytes(certificate), "ca.crt": bytes(certificate), "tls.key": bytes(key)});
    json!({"metadata": {"name": CERTS, "namespace": "ns"}, "type": "kubernetes.io/tls", "data": data})
}

#[test]
fn the_pair_of_a_former_controller_is_kept_while_it_serves() {
    let now = at("2027-06-01T00:00:00Z");
    let plain = written(CERTS, &self_signed(), None, Some(&former()), now).unwrap();
    assert_eq!(plain["data"], former()["data"]);
    let ca = new_ca(now);
    let trusted = renewed_leaf(&ca, &former(), now);
    assert_eq!(
        (&trusted["data"]["tls.crt"], &trusted["data"]["tls.key"]),
        (&plain["data"]["tls.crt"], &plain["data"]["tls.key"])
    );
    assert_eq!(trust(&trusted), [own(&ca), own(&former())]);
}
