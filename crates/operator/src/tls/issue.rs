//! New key pairs: ECDSA P-256, a new key each time.

use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::object::TlsRequest;
use llmisvc_core::tree;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use serde_json::Value;

use super::cert::{self, Cert, later};
use super::{SELF_SIGNED_LIFE, TlsError};

/// From and to when a certificate is valid.
pub type Validity = (Timestamp, Timestamp);

/// A new key and its certificate, as PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: String,
}

/// A CA that can sign. Its key is never shown, also not by `Debug`.
pub struct Authority {
    /// Its certificate.
    pub certificate: Cert,
    key: KeyPair,
}

impl Authority {
    /// From its parts; none where the key is another's.
    pub fn new(certificate: Cert, key: KeyPair) -> Option<Self> {
        (certificate.is_authority() && certificate.belongs_to(&key)).then_some(Self { certificate, key })
    }

    /// From its Secret as the API server shows it. A Secret that the service `uid` does not control is not used
    /// (L-7).
    pub fn read(secret: Option<&Value>, name: &str, uid: &str, now: Timestamp) -> Result<Self, TlsError> {
        let secret = secret.ok_or_else(|| TlsError::NoAuthority(name.to_owned()))?;
        if !is_controlled(secret, uid) {
            return Err(TlsError::ForeignAuthority(name.to_owned()));
        }
        let broken = |why| TlsError::BrokenAuthority(name.to_owned(), why);
        let certificate = cert::served(secret).map_err(broken)?;
        let key = cert::key(secret, &certificate).map_err(broken)?;
        match (certificate.is_authority(), certificate.to > now) {
            (true, true) => Ok(Self { certificate, key }),
            (false, _) => Err(broken("it is no CA")),
            (_, false) => Err(broken("it has expired")),
        }
    }
}

fn is_controlled(secret: &Value, uid: &str) -> bool {
    let owners = tree::list(secret, &["metadata", "ownerReferences"]);
    owners
        .iter()
        .any(|o| tree::text(o, &["uid"]) == uid && tree::get(o, &["controller"]) == Some(&true.into()))
}

/// A pair whose certificate is its own CA.
pub fn self_signed(request: &TlsRequest, now: Timestamp) -> Result<Pair, TlsError> {
    let key = KeyPair::generate()?;
    let params = server(request, "Kserve Self Signed", (now, later(now, SELF_SIGNED_LIFE)))?;
    Ok(Pair { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

/// A CA, which can sign servers but no other CA. `name` tells it from those of other services.
pub fn authority(name: &str, validity: Validity) -> Result<Pair, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = within(validity);
    params.distinguished_name.push(DnType::OrganizationName, "llmisvc");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(Pair { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

/// A pair that the CA vouches for, and no longer than for itself.
pub fn leaf(request: &TlsRequest, authority: &Authority, validity: Validity) -> Result<Pair, TlsError> {
    let key = KeyPair::generate()?;
    let (from, to) = validity;
    let mut params = server(request, "llmisvc", (from, to.min(authority.certificate.to)))?;
    params.use_authority_key_identifier_extension = true;
    let issuer = Issuer::from_ca_cert_der(&authority.certificate.der().into(), &authority.key)?;
    Ok(Pair { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
}

fn server(
    request: &TlsRequest,
    organization: &str,
    validity: Validity,
) -> Result<CertificateParams, TlsError> {
    let mut params = within(validity);
    params.subject_alt_names = CertificateParams::new(request.dns.clone())?.subject_alt_names;
    params.subject_alt_names.extend(request.ips.iter().copied().map(SanType::IpAddress));
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    Ok(params)
}

/// Nothing but a validity, counted from a date that the generator makes, so that its time crate need not be named.
fn within((from, to): Validity) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |time: Timestamp| epoch + Duration::from_secs(time.as_second().max(0).unsigned_abs());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    (params.not_before, params.not_after) = (at(from), at(to));
    params
}
