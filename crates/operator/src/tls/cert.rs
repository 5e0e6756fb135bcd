//! Certificates as they stand in a Secret.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use llmisvc_core::object::TlsRequest;
use llmisvc_core::tree;
use pem::Pem;
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

const TAG: &str = "CERTIFICATE";

/// A certificate that parses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cert {
    der: Vec<u8>,
    /// Start of its validity.
    pub from: Timestamp,
    /// End of its validity.
    pub to: Timestamp,
}

impl Cert {
    /// From DER; none if it is no certificate.
    pub fn parse(der: Vec<u8>) -> Option<Self> {
        let validity = X509Certificate::from_der(&der).ok()?.1.validity().clone();
        let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let (from, to) = (Timestamp::from_second(from).ok()?, Timestamp::from_second(to).ok()?);
        Some(Self { der, from, to })
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// A short name for it: the start of its SHA-256.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.der);
        digest.iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    fn ask(&self, question: impl FnOnce(&X509Certificate<'_>) -> bool) -> bool {
        X509Certificate::from_der(&self.der).is_ok_and(|(_, certificate)| question(&certificate))
    }

    /// Whether `issuer` has signed it. The peer's are RSA, which can be checked as well; what cannot is none of ours.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        self.ask(|own| {
            issuer.ask(|issuer| {
                own.issuer().as_raw() == issuer.subject().as_raw()
                    && own.verify_signature(Some(issuer.public_key())).is_ok()
            })
        })
    }

    /// Whether it may sign others.
    pub fn is_authority(&self) -> bool {
        self.ask(|own| own.tbs_certificate.is_ca())
    }

    /// Whether this is the key to it.
    pub fn belongs_to(&self, key: &KeyPair) -> bool {
        self.ask(|own| own.public_key().raw == key.subject_public_key_info())
    }

    /// Whether it carries all names and addresses; it may carry more.
    pub fn covers(&self, request: &TlsRequest) -> bool {
        self.ask(|own| {
            let extension = own.subject_alternative_name().ok().flatten();
            let names = extension.map(|e| e.value.general_names.as_slice()).unwrap_or_default();
            let dns: BTreeSet<&str> = names.iter().filter_map(dns_name).collect();
            let ips: BTreeSet<IpAddr> = names.iter().filter_map(ip_name).collect();
            request.dns.iter().all(|name| dns.contains(name.as_str()))
                && request.ips.iter().all(|ip| ips.contains(ip))
        })
    }

    /// When it is time for the next one: two thirds of its life are over.
    pub fn two_thirds(&self) -> Timestamp {
        let (from, to) = (self.from.as_second(), self.to.as_second());
        Timestamp::from_second(from + to.saturating_sub(from) / 3 * 2).unwrap_or(self.to)
    }
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

/// Later by so much; the end of time where that is beyond it.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The certificates of a PEM text, in their order; what is no certificate is left out.
pub fn bundle(pem: &[u8]) -> Vec<Cert> {
    let blocks = pem::parse_many(pem).unwrap_or_default().into_iter();
    blocks.filter(|b| b.tag() == TAG).filter_map(|b| Cert::parse(b.into_contents())).collect()
}

/// The PEM text of certificates.
pub fn text(certificates: &[Cert]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    let block = |certificate: &Cert| pem::encode_config(&Pem::new(TAG, certificate.der.as_slice()), config);
    certificates.iter().map(block).collect()
}

/// A value of a Secret's data.
pub fn data(secret: &Value, key: &str) -> Option<Vec<u8>> {
    let value = tree::get(secret, &["data", key])?;
    serde_json::from_value::<ByteString>(value.clone()).ok().map(|bytes| bytes.0)
}

/// The certificate of a Secret with a key, or what is wrong with it. The key is not looked at: the store hides it.
pub fn served(secret: &Value) -> Result<Cert, &'static str> {
    if tree::get(secret, &["data", "tls.key"]).is_none() {
        return Err("there is no key");
    }
    let pem = data(secret, "tls.crt").ok_or("there is no certificate")?;
    let block = pem::parse(pem).map_err(|_| "the certificate is not PEM")?;
    Cert::parse(block.into_contents()).ok_or("the certificate is not X.509")
}

/// The key of a Secret as the API server shows it, or what is wrong with it.
pub fn key(secret: &Value, certificate: &Cert) -> Result<KeyPair, &'static str> {
    let pem = data(secret, "tls.key").and_then(|bytes| String::from_utf8(bytes).ok());
    let key = pem.and_then(|pem| KeyPair::from_pem(&pem).ok()).ok_or("the key is not PKCS #8")?;
    certificate.belongs_to(&key).then_some(key).ok_or("the key is not that of the certificate")
}
