//! Whether the certificate in a Secret serves.

use jiff::Timestamp;
use llmisvc_core::object::TlsRequest;
use serde_json::Value;

use super::cert::{self, Cert, later};
use super::{LEAF_LIFE, OVERLAP, Verdict};

/// So many former CAs are trusted at most: one that is deleted again and again must not outgrow a Secret.
const FORMER: usize = 8;

/// Judges a CA.
pub fn authority(secret: &Value, now: Timestamp) -> Verdict {
    match cert::served(secret) {
        Err(why) => Verdict::Reissue(why),
        Ok(certificate) if !certificate.is_authority() => Verdict::Reissue("it is no CA"),
        Ok(certificate) => until(certificate.two_thirds(), now),
    }
}

/// Judges the pair that pods serve with. Without `ca` any signer in its own `ca.crt` will do, itself too.
pub fn pair(secret: &Value, request: &TlsRequest, ca: Option<&Cert>, now: Timestamp) -> Verdict {
    let certificate = match cert::served(secret) {
        Ok(certificate) => certificate,
        Err(why) => return Verdict::Reissue(why),
    };
    if !certificate.covers(request) {
        return Verdict::Reissue("a name is missing");
    }
    let trusted = trusted(secret, ca, now);
    if !trusted.iter().any(|signer| certificate.is_signed_by(signer)) {
        return Verdict::Reissue("no CA in ca.crt has signed it");
    }
    match until(renewal(&certificate, ca), now) {
        Verdict::Keep(_) if trusted != published(secret) => Verdict::Publish(cert::text(&trusted)),
        Verdict::Keep(at) => Verdict::Keep(forgetting(&trusted, ca).map_or(at, |forget| forget.min(at))),
        other => other,
    }
}

/// When the next one is due. One that the CA has not signed waits until peers trust the CA, unless it ends before.
fn renewal(certificate: &Cert, ca: Option<&Cert>) -> Timestamp {
    match ca {
        Some(ca) if !certificate.is_signed_by(ca) => {
            let last = certificate.to.checked_sub(OVERLAP).unwrap_or(Timestamp::MIN);
            later(ca.from, OVERLAP).min(last)
        }
        _ => certificate.two_thirds(),
    }
}

fn until(at: Timestamp, now: Timestamp) -> Verdict {
    if at <= now { Verdict::Reissue("it is time for a new one") } else { Verdict::Keep(at) }
}

/// What `ca.crt` says, in its order.
fn published(secret: &Value) -> Vec<Cert> {
    cert::data(secret, "ca.crt").map(|pem| cert::bundle(&pem)).unwrap_or_default()
}

/// What belongs into `ca.crt`: the CA, then those that were trusted before it and still may be needed.
pub fn trusted(secret: &Value, ca: Option<&Cert>, now: Timestamp) -> Vec<Cert> {
    let published = published(secret);
    let own = cert::served(secret).ok().filter(|own| !published.contains(own) && own.is_signed_by(own));
    let before = published.into_iter().chain(own);
    let needed = |former: &Cert| ca.is_none_or(|ca| forgotten(former, ca) > now);
    let mut trusted: Vec<Cert> = ca.into_iter().cloned().collect();
    for former in before.filter(needed) {
        if !trusted.contains(&former) && trusted.len() <= FORMER {
            trusted.push(former);
        }
    }
    trusted
}

/// When a former CA is trusted no longer: it has ended, or all that it can have signed has. Its successor has been
/// signing since [`OVERLAP`] after its own start.
fn forgotten(former: &Cert, ca: &Cert) -> Timestamp {
    former.to.min(later(ca.from, OVERLAP + LEAF_LIFE))
}

fn forgetting(trusted: &[Cert], ca: Option<&Cert>) -> Option<Timestamp> {
    let ca = ca?;
    trusted.iter().filter(|former| *former != ca).map(|former| forgotten(former, ca)).min()
}
