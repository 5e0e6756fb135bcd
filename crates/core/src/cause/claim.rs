//! PersistentVolumeClaims that pods wait for.

use serde_json::Value;

use super::text::{after_colon, clean};
use crate::tree;

/// What is known about a claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim<'a> {
    /// The claim.
    Found(&'a Value),
    /// There is none.
    Absent,
    /// Nobody can tell.
    Unknown,
}

impl Claim<'_> {
    /// Why a pod waits for it, and what to do; none when it does not, or nobody can tell.
    pub(super) fn pending(self, path: &str) -> Option<String> {
        let claim = match self {
            Self::Found(claim) => claim,
            Self::Absent => {
                return Some(format!("PersistentVolumeClaim {path}, which does not exist; create it"));
            }
            Self::Unknown => return None,
        };
        let class = match tree::text(claim, &["spec", "storageClassName"]) {
            "" => "no storage class".to_owned(),
            class => format!("storage class {class}"),
        };
        match tree::text(claim, &["status", "phase"]) {
            "Bound" => None,
            "Lost" => Some(format!(
                "PersistentVolumeClaim {path}, which lost its volume {}; restore the volume or make the claim anew",
                tree::text(claim, &["spec", "volumeName"])
            )),
            _ => Some(format!(
                "PersistentVolumeClaim {path}, which is Pending ({class}){}; see kubectl describe pvc: the class and \
                 its provisioner have to exist, or a volume that fits",
                after_colon(&told(claim))
            )),
        }
    }
}

/// Messages of its conditions, such as that of a volume that can't be modified.
fn told(claim: &Value) -> String {
    let conditions = tree::list(claim, &["status", "conditions"]).iter();
    let messages: Vec<String> = conditions.map(|c| clean(tree::text(c, &["message"]))).collect();
    messages.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ")
}
