//! The pair that the webhook server serves with, exchanged while it runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};

use crate::tls::cert::Cert;

/// Why a pair cannot be served. No message shows any of it.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// No certificate in the text.
    #[error("tls.crt holds no certificate in PEM")]
    Certificate,
    /// No key in the text.
    #[error("tls.key holds no private key in PEM")]
    Key,
    /// They do not belong together, or the library does not know their kind.
    #[error("tls.crt and tls.key cannot be used together")]
    Unusable(#[from] rustls::Error),
}

/// A pair that can be served.
#[derive(Clone)]
pub struct Pair {
    key: Arc<CertifiedKey>,
    /// Fingerprint of its certificate.
    pub id: String,
    /// When it ends.
    pub to: Timestamp,
}

impl Pair {
    /// From PEM; what follows the first certificate is its chain.
    pub fn read(chain: &[u8], key: &[u8]) -> Result<Self, PairError> {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| PairError::Certificate)?;
        let first = certificates.first().and_then(|first| Cert::parse(first.to_vec()));
        let first = first.ok_or(PairError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PairError::Key)?;
        let key = CertifiedKey::from_der(certificates, key, &ring::default_provider())?;
        Ok(Self { key: Arc::new(key), id: first.fingerprint(), to: first.to })
    }
}

/// The pair in use, if there is one yet; without one no handshake succeeds.
#[derive(Default)]
pub struct Serving {
    pair: RwLock<Option<Pair>>,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("leaf", &self.id()).finish()
    }
}

impl Serving {
    /// Serves with this pair from the next handshake on.
    pub fn put(&self, pair: Pair) {
        *self.pair.write().unwrap_or_else(PoisonError::into_inner) = Some(pair);
    }

    fn get(&self) -> Option<Pair> {
        self.pair.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fingerprint of what is served.
    pub fn id(&self) -> Option<String> {
        self.get().map(|pair| pair.id)
    }

    /// Whether anything is served.
    pub fn is_ready(&self) -> bool {
        self.get().is_some()
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get().map(|pair| pair.key)
    }
}

/// TLS with whatever is served at the time of the handshake.
pub fn config(serving: Arc<Serving>) -> Result<ServerConfig, rustls::Error> {
    let versions = [&version::TLS13, &version::TLS12];
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&versions)?;
    Ok(builder.with_no_client_auth().with_cert_resolver(serving))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::cert::data;
    use crate::webhook::keys::tests::{maker, request};
    use crate::webhook::keys::{empty, read};

    #[test]
    fn a_pair_is_served_under_the_fingerprint_that_the_secret_has() {
        let request = request();
        let secret = maker(&request, Timestamp::now()).begin(empty("kserve")).unwrap();
        let [chain, key] = ["tls.crt", "tls.key"].map(|key| data(&secret, key).unwrap());
        let serving = Serving::default();
        assert!(!serving.is_ready());
        serving.put(Pair::read(&chain, &key).unwrap());
        assert_eq!(serving.id(), read(&secret, &request).leaf.map(|leaf| leaf.id));
        assert!(!format!("{serving:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_cannot_be_served_is_said_without_showing_it() {
        let request = request();
        let secret = |now| maker(&request, now).begin(empty("kserve")).unwrap();
        let (one, two) = (secret(Timestamp::now()), secret(Timestamp::now()));
        let [chain, key] = ["tls.crt", "tls.key"].map(|key| data(&one, key).unwrap());
        let other = data(&two, "tls.key").unwrap();
        let said = |chain: &[u8], key: &[u8]| Pair::read(chain, key).err().unwrap().to_string();
        assert_eq!(said(b"none", &key), "tls.crt holds no certificate in PEM");
        assert_eq!(said(&chain, b"none"), "tls.key holds no private key in PEM");
        assert_eq!(said(&chain, &other), "tls.crt and tls.key cannot be used together");
    }
}
