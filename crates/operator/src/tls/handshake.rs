//! Clients that trust `ca.crt`, and servers with the pair beside it: rustls on both sides.

use std::sync::Arc;

use llmisvc_core::object::Certificate;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::cert::{data, served};
use super::tests::{CA, CERTS, leaf, new_ca, new_leaf, self_signed, wanted, written};
use super::*;

const SERVICE: &str = "m-kserve-workload-svc.ns.svc";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(secret: &Value) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&data(secret, "ca.crt").unwrap()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

fn server(secret: &Value) -> TlsAcceptor {
    let chain =
        CertificateDer::pem_slice_iter(&data(secret, "tls.crt").unwrap()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(&data(secret, "tls.key").unwrap()).unwrap();
    let config =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

fn client(secret: &Value) -> TlsConnector {
    let config =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots(secret)).with_no_client_auth()))
}

/// One request and one answer between a client with this `ca.crt` and a server with that pair.
async fn talk(trusting: &Value, serving: &Value, name: &str) -> std::io::Result<String> {
    let (near, far) = tokio::io::duplex(1 << 14);
    let acceptor = server(serving);
    let answer = async move {
        let mut stream = acceptor.accept(far).await?;
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).await?;
        stream.write_all(&asked).await?;
        stream.shutdown().await
    };
    let ask = async {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut stream = client(trusting).connect(name, near).await?;
        stream.write_all(b"ping").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let (answered, heard) = tokio::join!(answer, ask);
    heard.and_then(|heard| answered.map(|()| heard))
}

/// Whether a client with this `ca.crt` accepts that certificate at that time.
fn accepts(trusting: &Value, serving: &Value, now: Timestamp) -> bool {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(trusting)), provider());
    let certificate = CertificateDer::from(served(serving).unwrap().der().to_vec());
    let at = UnixTime::since_unix_epoch(Duration::from_secs(now.as_second().unsigned_abs()));
    let name = ServerName::try_from(SERVICE).unwrap();
    verifier.build().unwrap().verify_server_cert(&certificate, &[], &name, &[], at).is_ok()
}

fn ago(days: u64) -> Timestamp {
    Timestamp::now() - Duration::from_secs(days * DAY)
}

#[tokio::test]
async fn a_client_that_trusts_the_bundle_talks_to_every_name_and_to_no_other() {
    // L-2
    let secret = new_leaf(&new_ca(ago(1)), ago(1));
    for name in [SERVICE, "localhost", "127.0.0.1"] {
        assert_eq!(talk(&secret, &secret, name).await.unwrap(), "ping");
    }
    for name in ["m-kserve-workload-svc.other.svc", "10.0.0.1"] {
        let refused = talk(&secret, &secret, name).await.unwrap_err();
        assert!(refused.to_string().contains("not valid for name"), "{refused}");
    }
    let stranger = new_leaf(&new_ca(ago(1)), ago(1));
    let refused = talk(&stranger, &secret, SERVICE).await.unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn a_pair_that_is_its_own_authority_serves_too() {
    let secret = written(CERTS, &self_signed(), None, None, ago(1)).unwrap();
    assert_eq!(talk(&secret, &secret, SERVICE).await.unwrap(), "ping");
}

#[tokio::test]
async fn over_a_renewal_of_the_leaf_old_and_new_peers_trust_each_other() {
    // L-2, L-3
    let ca = new_ca(ago(300));
    let old = new_leaf(&ca, ago(300));
    let new = written(CERTS, &leaf(), Some(&ca), Some(&old), ago(0)).unwrap();
    assert_ne!(new["data"]["tls.crt"], old["data"]["tls.crt"]);
    for (trusting, serving) in [(&old, &new), (&new, &old), (&new, &new)] {
        assert_eq!(talk(trusting, serving, SERVICE).await.unwrap(), "ping");
    }
}

#[tokio::test]
async fn over_a_renewal_of_the_authority_old_and_new_peers_trust_each_other() {
    // L-2
    let (first, second) = (new_ca(ago(100)), new_ca(ago(2)));
    let old = new_leaf(&first, ago(100));
    let waiting = written(CERTS, &leaf(), Some(&second), Some(&old), ago(2)).unwrap();
    let new = written(CERTS, &leaf(), Some(&second), Some(&waiting), ago(0)).unwrap();
    assert_ne!(new["data"]["tls.crt"], old["data"]["tls.crt"]);
    for (trusting, serving) in
        [(&old, &waiting), (&waiting, &old), (&waiting, &new), (&new, &waiting), (&new, &old)]
    {
        assert_eq!(talk(trusting, serving, SERVICE).await.unwrap(), "ping");
    }
    assert!(talk(&old, &new, SERVICE).await.is_err(), "this is what the day in between is for");
}

#[tokio::test]
async fn over_switching_tls_on_old_and_new_peers_trust_each_other() {
    let old = written(CERTS, &self_signed(), None, None, ago(100)).unwrap();
    let ca = new_ca(ago(2));
    let waiting = written(CERTS, &leaf(), Some(&ca), Some(&old), ago(2)).unwrap();
    let new = written(CERTS, &leaf(), Some(&ca), Some(&waiting), ago(0)).unwrap();
    for (trusting, serving) in [(&old, &waiting), (&waiting, &old), (&waiting, &new), (&new, &waiting)] {
        assert_eq!(talk(trusting, serving, SERVICE).await.unwrap(), "ping");
    }
}

/// Forty years by timer alone: at each write, peers that have read it talk to those that have not.
#[test]
fn in_forty_years_no_write_meets_a_peer_that_does_not_trust_it() {
    // L-2, L-3
    let mut now = ago(0);
    let end = now + Duration::from_secs(40 * 365 * DAY);
    let mut ca = new_ca(now);
    let mut pair = new_leaf(&ca, now);
    let desired = [wanted(CA, Certificate::Authority), wanted(CERTS, leaf())];
    let (mut authorities, mut leaves, mut writes) = (1, 1, 0);
    while now < end {
        let slot = |name: &str| (llmisvc_kinds::Kind::Secret, name.to_owned());
        let live = [(slot(CA), super::tests::stored(&ca)), (slot(CERTS), super::tests::stored(&pair))].into();
        let (due, next) = due(&live, &desired, "owner", now);
        if due.is_empty() {
            now = next.unwrap();
            continue;
        }
        let new_ca = written(CA, &Certificate::Authority, None, Some(&ca), now).unwrap();
        let new = written(CERTS, &leaf(), Some(&new_ca), Some(&pair), now).unwrap();
        assert!((&new_ca, &new) != (&ca, &pair), "a write without a change at {now}");
        for (trusting, serving) in [(&pair, &new), (&new, &pair), (&new, &new)] {
            assert!(accepts(trusting, serving, now), "at {now}");
        }
        authorities += usize::from(new_ca != ca);
        leaves += usize::from(new["data"]["tls.crt"] != pair["data"]["tls.crt"]);
        writes += 1;
        (ca, pair) = (new_ca, new);
    }
    assert_eq!(authorities, 7, "one at the start, then every 80 months");
    assert!(leaves > 55 && writes < leaves + 3 * authorities, "{leaves} leaves, {writes} writes");
}
