//! The certificate of a service: issued, judged, kept.
//!
//! One self-signed ECDSA P-256 certificate per service, which is also its own `ca.crt`: a CA key beside it would
//! lie in a Secret that pods mount, and could then sign for any name. Clients trust `ca.crt`, so a new
//! certificate is a change for them too; it is issued only when a name is missing or two thirds of its life are
//! over.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use llmisvc_core::object::TlsRequest;
use llmisvc_core::tree;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, parse_x509_pem};

const DAY: u64 = 24 * 60 * 60;
/// As in the peer: twelve years.
const LIFE: Duration = Duration::from_secs(12 * 365 * DAY);

/// Why a certificate could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The generator refused a name or has no randomness.
    #[error("the certificate could not be issued")]
    Issue(#[from] rcgen::Error),
    /// A time outside of what a certificate can say.
    #[error("the certificate's end cannot be computed")]
    Time(#[from] jiff::Error),
}

/// What is to be done about a Secret's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It serves, until then.
    Keep(Timestamp),
    /// A new one has to be issued.
    Reissue(&'static str),
}

/// Judges the certificate in a Secret.
pub fn judge(secret: &Value, request: &TlsRequest, expirations: &[String], now: Timestamp) -> Verdict {
    if tree::get(secret, &["data", "tls.key"]).is_none() {
        return Verdict::Reissue("there is no key");
    }
    let Some(pem) = data(secret, "tls.crt") else { return Verdict::Reissue("there is no certificate") };
    let Some(der) = der(&pem) else { return Verdict::Reissue("the certificate is not PEM") };
    let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
        return Verdict::Reissue("the certificate is not X.509");
    };
    if !covers(&certificate, request) {
        return Verdict::Reissue("a name is missing");
    }
    if data(secret, "ca.crt").is_some_and(|ca| !signed_by(&certificate, &ca)) {
        return Verdict::Reissue("ca.crt is not its issuer");
    }
    let until = two_thirds(&certificate).min(annotated(secret, expirations).unwrap_or(Timestamp::MAX));
    if until <= now { Verdict::Reissue("two thirds of its life are over") } else { Verdict::Keep(until) }
}

fn data(secret: &Value, key: &str) -> Option<Vec<u8>> {
    let value = tree::get(secret, &["data", key])?;
    serde_json::from_value::<ByteString>(value.clone()).ok().map(|bytes| bytes.0)
}

fn der(pem: &[u8]) -> Option<Vec<u8>> {
    parse_x509_pem(pem).ok().map(|(_, pem)| pem.contents)
}

fn signed_by(certificate: &X509Certificate<'_>, ca: &[u8]) -> bool {
    let Some(ca) = der(ca) else { return false };
    let Ok((_, ca)) = X509Certificate::from_der(&ca) else { return false };
    // The peer's certificates are RSA, which verifies as well; a key type that cannot be checked is none of ours.
    certificate.verify_signature(Some(ca.public_key())).is_ok()
}

fn covers(certificate: &X509Certificate<'_>, request: &TlsRequest) -> bool {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.map(|e| e.value.general_names.as_slice()).unwrap_or_default();
    let dns: BTreeSet<&str> = names.iter().filter_map(dns_name).collect();
    let ips: BTreeSet<IpAddr> = names.iter().filter_map(ip_name).collect();
    request.dns.iter().all(|name| dns.contains(name.as_str()))
        && request.ips.iter().all(|ip| ips.contains(ip))
}

fn dns_name<'a>(name: &'a GeneralName<'_>) -> Option<&'a str> {
    match name {
        GeneralName::DNSName(dns) => Some(dns),
        _ => None,
    }
}

fn ip_name(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    let v4 = <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from))
}

fn two_thirds(certificate: &X509Certificate<'_>) -> Timestamp {
    let (from, to) =
        (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let at = from.saturating_add(to.saturating_sub(from) / 3 * 2);
    Timestamp::from_second(at).unwrap_or(Timestamp::MAX)
}

/// The first expiry annotation that is there decides; one that does not parse says nothing.
fn annotated(secret: &Value, keys: &[String]) -> Option<Timestamp> {
    let present = |key: &String| tree::get(secret, &["metadata", "annotations", key])?.as_str();
    keys.iter().find_map(present)?.parse().ok()
}

/// The desired Secret with a new certificate in it.
pub fn issued(
    body: &Value,
    request: &TlsRequest,
    expirations: &[String],
    now: Timestamp,
) -> Result<Value, TlsError> {
    let key = KeyPair::generate()?;
    let certificate = params(request, now)?.self_signed(&key)?.pem();
    let bytes = |text: String| json!(ByteString(text.into_bytes()));
    let mut body = body.clone();
    let data = tree::object(&mut body, "data");
    data.insert("ca.crt".to_owned(), bytes(certificate.clone()));
    data.insert("tls.crt".to_owned(), bytes(certificate));
    data.insert("tls.key".to_owned(), bytes(key.serialize_pem()));
    if let Some(annotation) = expirations.first() {
        let expiry = Timestamp::from_second(now.as_second())?.checked_add(LIFE / 3 * 2)?;
        annotate(&mut body, annotation, &expiry.to_string());
    }
    Ok(body)
}

fn annotate(body: &mut Value, key: &str, value: &str) {
    let metadata = tree::entry(body, "metadata");
    tree::object(metadata, "annotations").insert(key.to_owned(), value.into());
}

/// The desired Secret with the data and the expiry of the live one: an apply without them would remove them.
pub fn kept(body: &Value, live: &Value, expirations: &[String]) -> Value {
    let mut body = body.clone();
    let data = live.get("data").cloned().unwrap_or_default();
    *tree::entry(&mut body, "data") = data;
    for key in expirations {
        if let Some(value) = tree::get(live, &["metadata", "annotations", key]).and_then(Value::as_str) {
            annotate(&mut body, key, value);
        }
    }
    body
}

fn params(request: &TlsRequest, now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(request.dns.clone())?;
    params.subject_alt_names.extend(request.ips.iter().copied().map(SanType::IpAddress));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Kserve Self Signed");
    // Counted from a date that the generator makes, so that its time crate need not be named.
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(now.as_second().max(0).unsigned_abs());
    params.not_after = params.not_before + LIFE;
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> TlsRequest {
        TlsRequest {
            dns: vec!["localhost".to_owned(), "m.ns.svc".to_owned()],
            ips: vec![IpAddr::from([127, 0, 0, 1])],
        }
    }

    fn keys() -> Vec<String> {
        vec!["certificates.kserve.io/expiration".to_owned()]
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn secret() -> Value {
        issued(&json!({"metadata": {"name": "s"}}), &request(), &keys(), now()).unwrap()
    }

    #[test]
    fn a_fresh_certificate_is_kept_for_two_thirds_of_its_life() {
        let expiry = "2033-12-30T00:00:00Z";
        let secret = secret();
        assert_eq!(secret["metadata"]["annotations"]["certificates.kserve.io/expiration"], expiry);
        assert_eq!(judge(&secret, &request(), &keys(), now()), Verdict::Keep(expiry.parse().unwrap()));
        let late = expiry.parse().unwrap();
        assert!(matches!(judge(&secret, &request(), &keys(), late), Verdict::Reissue(_)));
    }

    #[test]
    fn a_name_less_is_kept_and_a_name_more_is_issued() {
        let secret = secret();
        let mut fewer = request();
        fewer.dns.pop();
        assert!(matches!(judge(&secret, &fewer, &keys(), now()), Verdict::Keep(_)));
        let mut more = request();
        more.ips.push(IpAddr::from([10, 0, 0, 1]));
        assert_eq!(judge(&secret, &more, &keys(), now()), Verdict::Reissue("a name is missing"));
    }

    #[test]
    fn each_part_that_is_missing_or_wrong_is_named() {
        let broken = |change: fn(&mut Value)| {
            let mut secret = secret();
            change(&mut secret);
            judge(&secret, &request(), &keys(), now())
        };
        let without = |key: &'static str| match key {
            "tls.key" => broken(|s| drop(s["data"].as_object_mut().unwrap().remove("tls.key"))),
            _ => broken(|s| drop(s["data"].as_object_mut().unwrap().remove("tls.crt"))),
        };
        assert_eq!(without("tls.key"), Verdict::Reissue("there is no key"));
        assert_eq!(without("tls.crt"), Verdict::Reissue("there is no certificate"));
        assert_eq!(
            broken(|s| s["data"]["tls.crt"] = json!("eA==")),
            Verdict::Reissue("the certificate is not PEM")
        );
        let other = |s: &mut Value| s["data"]["ca.crt"] = secret()["data"]["ca.crt"].clone();
        assert_eq!(broken(other), Verdict::Reissue("ca.crt is not its issuer"));
        let past = |s: &mut Value| {
            s["metadata"]["annotations"]["certificates.kserve.io/expiration"] = json!("2020-01-01T00:00:00Z");
        };
        assert!(matches!(broken(past), Verdict::Reissue(_)));
    }

    #[test]
    fn an_apply_keeps_the_live_key_pair() {
        let live = secret();
        let desired = json!({"metadata": {"name": "s", "labels": {"a": "b"}}});
        let body = kept(&desired, &live, &keys());
        assert_eq!(body["data"], live["data"]);
        assert_eq!(body["metadata"]["annotations"], live["metadata"]["annotations"]);
        assert_eq!(body["metadata"]["labels"], json!({"a": "b"}));
    }
}
