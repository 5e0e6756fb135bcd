//! The certificates of a service: issued, judged, kept.
//!
//! With TLS on, a service has a CA of its own in a Secret that no pod mounts, and a leaf signed by it in the one that
//! pods mount. What peers trust is `ca.crt` beside the leaf: the CA and, for as long as a leaf of theirs may be in
//! use, those before it. A new CA is trusted for [`OVERLAP`] before it signs, so that no renewal, of the leaf or of
//! the CA, meets a peer that does not know the signer. With TLS off the pair is its own CA.
//!
//! Everything follows from the certificates themselves: annotations are written, not read (L-4).

pub mod cert;
mod due;
mod fill;
#[cfg(test)]
mod handshake;
pub mod issue;
mod judge;
#[cfg(test)]
pub mod tests;

use std::time::Duration;

use jiff::Timestamp;

pub use due::{due, first_end};
pub use fill::{Job, bytes};
pub use issue::Authority;

const DAY: u64 = 24 * 60 * 60;
/// Of a pair that is its own CA; as in the peer.
const SELF_SIGNED_LIFE: Duration = Duration::from_secs(12 * 365 * DAY);
/// Of a CA.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * DAY);
/// Of what a CA signs.
const LEAF_LIFE: Duration = Duration::from_secs(365 * DAY);
/// How long a CA is trusted before it signs: kubelets need a minute or two to bring `ca.crt` to the pods, and this
/// leaves a day to restart what reads it only once.
const OVERLAP: Duration = Duration::from_secs(DAY);

/// Why a certificate could not be issued. No message says more of a Secret than its name.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// The generator refused a name or has no randomness.
    #[error("the certificate could not be issued")]
    Issue(#[from] rcgen::Error),
    /// There is no CA to sign with.
    #[error("the Secret {0} with the CA that signs the certificate does not exist yet")]
    NoAuthority(String),
    /// Somebody else's key signs nothing of ours.
    #[error(
        "the CA in Secret {0} signs nothing, since the Secret is not controlled by this service; delete it"
    )]
    ForeignAuthority(String),
    /// The CA is damaged.
    #[error("the CA in Secret {0} cannot sign: {1}; delete the Secret, and a new CA is made")]
    BrokenAuthority(String, &'static str),
}

/// What is to be done about a Secret's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// It serves, until then.
    Keep(Timestamp),
    /// It serves, and this is the `ca.crt` that belongs beside it.
    Publish(String),
    /// A new one has to be issued.
    Reissue(&'static str),
}
