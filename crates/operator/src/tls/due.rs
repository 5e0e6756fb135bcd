//! Certificates that have to be looked after although nothing else about their Secret changed.

use jiff::Timestamp;
use llmisvc_core::object::{Certificate, Live, LiveObject, Object};
use llmisvc_core::plan::ours;
use llmisvc_kinds::Kind;

use super::cert::{self, Cert};
use super::{Verdict, judge};

/// The Secrets that are due, and when the next one will be. Judged by what the store holds, which is no keys.
pub fn due<'a>(
    live: &'a Live,
    desired: &'a [Object],
    uid: &str,
    now: Timestamp,
) -> (Vec<(&'a Object, &'a LiveObject)>, Option<Timestamp>) {
    let (mut due, mut next) = (Vec::new(), None);
    for object in desired {
        // What is not ours is reported by the plan (L-7).
        let child = live.get(&(object.kind, object.name.clone())).filter(|c| ours(object.kind, c, uid));
        let (Some(certificate), Some(child)) = (&object.tls, child) else { continue };
        match verdict(live, certificate, child, uid, now) {
            Ok(Verdict::Keep(until)) => next = Some(next.map_or(until, |n: Timestamp| n.min(until))),
            _ => due.push((object, child)),
        }
    }
    (due, next)
}

/// When the first of the service's own certificates ends.
pub fn first_end(live: &Live, desired: &[Object], uid: &str) -> Option<Timestamp> {
    let secrets = desired.iter().filter(|object| object.tls.is_some());
    let held = secrets.filter_map(|object| live.get(&(object.kind, object.name.clone())));
    let ours = held.filter(|child| ours(Kind::Secret, child, uid));
    ours.filter_map(|child| cert::served(&child.body).ok()).map(|cert| cert.to).min()
}

/// The CA is made or replaced by this very pass, and what follows for its leaf is seen then.
struct InTheMaking;

fn verdict(
    live: &Live,
    certificate: &Certificate,
    child: &LiveObject,
    uid: &str,
    now: Timestamp,
) -> Result<Verdict, InTheMaking> {
    match certificate {
        Certificate::Authority => Ok(judge::authority(&child.body, now)),
        Certificate::SelfSigned(request) => Ok(judge::pair(&child.body, request, None, now)),
        Certificate::Leaf { request, authority } => {
            let ca = signer(live, authority, uid, now)?;
            Ok(judge::pair(&child.body, request, ca.as_ref(), now))
        }
    }
}

/// The CA; none where somebody else holds its name.
fn signer(live: &Live, name: &str, uid: &str, now: Timestamp) -> Result<Option<Cert>, InTheMaking> {
    let child = live.get(&(Kind::Secret, name.to_owned())).ok_or(InTheMaking)?;
    if !ours(Kind::Secret, child, uid) {
        return Ok(None);
    }
    match judge::authority(&child.body, now) {
        Verdict::Keep(_) => Ok(cert::served(&child.body).ok()),
        Verdict::Publish(_) | Verdict::Reissue(_) => Err(InTheMaking),
    }
}
