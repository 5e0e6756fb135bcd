//! What to send so that the live children become the desired ones: as little as possible.
//!
//! Each child carries the hash of its desired form (`llmisvc.io/applied`). Nothing is sent when the hash is
//! equal and every desired field is live; another hash applies, and so does a field that was edited by hand.

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_kinds::Kind;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::handover::Held;
use crate::labels::{APPLIED, PART_OF, PART_OF_VALUE};
use crate::object::{Live, LiveObject, Object};
use crate::{names, tree};

mod changes;
mod covers;
mod differences;
pub use changes::{changed_fields, changes};
pub use covers::covers;
pub use differences::differences;

/// One request to send.
#[derive(Debug, PartialEq)]
pub enum Action<'a> {
    /// POST, as our field manager.
    Create(&'a Object),
    /// Server-side apply. `turn`: our entry in the managed fields is still an `Update` from the POST and has to
    /// become an `Apply` first, else the apply could not remove what the POST has set.
    Apply {
        /// The desired object.
        object: &'a Object,
        /// Whether the entry has to be turned first.
        turn: bool,
        /// What is there now.
        live: &'a LiveObject,
    },
    /// The live child can't become the desired one: it goes with all that depends on it, and once it is gone, which
    /// the watch shows, the desired one is created.
    Recreate {
        /// The desired object.
        object: &'a Object,
        /// What is there now, or on its way out.
        live: &'a LiveObject,
    },
    /// Something that is not ours has this name: it is left alone and reported.
    Taken {
        /// The desired object.
        object: &'a Object,
        /// What is there now.
        live: &'a LiveObject,
    },
}

impl<'a> Action<'a> {
    /// The desired object that it is about.
    pub const fn object(&self) -> &'a Object {
        match self {
            Self::Create(object)
            | Self::Apply { object, .. }
            | Self::Recreate { object, .. }
            | Self::Taken { object, .. } => object,
        }
    }
}

/// Requests in the order to send them.
#[derive(Debug, Default, PartialEq)]
pub struct Plan<'a> {
    /// Creates and applies, in apply order.
    pub actions: Vec<Action<'a>>,
    /// Children that are ours and no longer wanted. To be deleted only after all actions went through.
    pub prune: Vec<(Kind, String, &'a LiveObject)>,
}

impl Plan<'_> {
    /// Takes out what has to wait.
    pub fn leave(&mut self, held: &Held) {
        self.actions.retain(|action| !held.has(action.object().kind, &action.object().name));
        self.prune.retain(|(kind, name, _)| !held.has(*kind, name));
    }
}

/// Compares desired with live. `service_uid` decides what is ours; objects without an owner reference
/// (cluster-scoped ones) are ours when they carry our labels, which is how they came to be in `live`.
pub fn plan<'a>(desired: &'a [Object], live: &'a Live, service_uid: &str) -> Plan<'a> {
    let wanted: BTreeSet<(Kind, &str)> = desired.iter().map(|o| (o.kind, o.name.as_str())).collect();
    let prune = live
        .iter()
        .filter(|((kind, name), child)| {
            !wanted.contains(&(*kind, name.as_str())) && ours(*kind, child, service_uid)
        })
        .filter(|(_, child)| !child.deleting)
        .map(|((kind, name), child)| (*kind, name.clone(), child))
        .collect();
    let actions = desired.iter().filter_map(|o| action(o, live, service_uid)).collect();
    Plan { actions, prune }
}

fn action<'a>(object: &'a Object, live: &'a Live, service_uid: &str) -> Option<Action<'a>> {
    let Some(child) = live.get(&(object.kind, object.name.clone())) else {
        return Some(Action::Create(object));
    };
    if !ours(object.kind, child, service_uid) {
        return Some(Action::Taken { object, live: child });
    }
    if !can_become(&child.body, object) {
        return Some(Action::Recreate { object, live: child });
    }
    (!settled(object, child)).then_some(Action::Apply { object, turn: child.created_by_post, live: child })
}

/// False where the API refuses the change for ever. LeaderWorkerSets can neither get, lose nor resize sub-groups;
/// validation keeps those that there are while the size of the group allows it.
fn can_become(live: &Value, object: &Object) -> bool {
    let path = ["spec", "leaderWorkerTemplate", "subGroupPolicy", "subGroupSize"];
    let size = |body: &Value| tree::get(body, &path).and_then(Value::as_i64);
    object.kind != Kind::LeaderWorkerSet || size(live) == size(&object.body)
}

/// Whether a live child may be changed or deleted for this service.
pub fn ours(kind: Kind, child: &LiveObject, service_uid: &str) -> bool {
    if kind.served().namespaced {
        child.controller.as_deref() == Some(service_uid)
    } else {
        tree::text(&child.body, &["metadata", "labels", PART_OF]) == PART_OF_VALUE
    }
}

fn settled(object: &Object, child: &LiveObject) -> bool {
    let applied = tree::text(&child.body, &["metadata", "annotations", APPLIED]);
    applied == tree::text(&object.body, &["metadata", "annotations", APPLIED])
        && covers(&child.body, &object.body)
}

/// Writes the hash of each object into its `llmisvc.io/applied` annotation.
pub fn seal(objects: &mut [Object]) {
    for object in objects {
        let hash = fingerprint(object);
        let metadata = tree::entry(&mut object.body, "metadata");
        tree::object(metadata, "annotations").insert(APPLIED.to_owned(), Value::String(hash));
    }
}

/// The first 16 hex digits of SHA-256 over the desired object and the names its certificate must carry.
fn fingerprint(object: &Object) -> String {
    let mut hasher = Sha256::new();
    hasher.update(object.body.to_string());
    if let Some(certificate) = &object.tls {
        hasher.update(certificate.fingerprint());
    }
    let mut digits = names::hex(&hasher.finalize());
    digits.truncate(16);
    digits
}

/// Live children that hold a name which the service wants and that are not ours, by kind and name.
pub fn taken(plan: &Plan<'_>) -> BTreeMap<(Kind, String), String> {
    let held = plan.actions.iter().filter_map(|a| match a {
        Action::Taken { object, live } => Some(((object.kind, object.name.clone()), live.uid.clone())),
        _ => None,
    });
    held.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::labels::{Component, base};

    fn service(selector: &str) -> Object {
        let rest = json!({"spec": {"selector": {"app": selector}}});
        let mut set = [Object::new(Kind::Service, "ns", "m-svc", base("m", Component::Workload), rest)];
        seal(&mut set);
        let [object] = set;
        object
    }

    fn live(object: &Object, controller: &str) -> LiveObject {
        LiveObject {
            uid: "child".to_owned(),
            resource_version: "1".to_owned(),
            controller: Some(controller.to_owned()),
            created_by_post: true,
            deleting: false,
            body: Arc::new(object.body.clone()),
        }
    }

    fn one(child: LiveObject) -> Live {
        Live::from([((Kind::Service, "m-svc".to_owned()), child)])
    }

    #[test]
    fn a_missing_child_is_created() {
        let desired = [service("a")];
        assert_eq!(plan(&desired, &Live::new(), "u").actions, [Action::Create(&desired[0])]);
    }

    #[test]
    fn a_settled_child_costs_nothing() {
        let desired = [service("a")];
        assert_eq!(plan(&desired, &one(live(&desired[0], "u")), "u"), Plan::default());
    }

    #[test]
    fn a_new_desired_form_and_a_hand_edit_are_applied() {
        // G-18
        let desired = [service("b")];
        let older = one(live(&service("a"), "u"));
        assert!(matches!(plan(&desired, &older, "u").actions[..], [Action::Apply { turn: true, .. }]));
        let mut edited = live(&desired[0], "u");
        Arc::make_mut(&mut edited.body)["spec"]["selector"]["app"] = json!("by hand");
        assert!(matches!(plan(&desired, &one(edited), "u").actions[..], [Action::Apply { .. }]));
    }

    #[test]
    fn what_others_put_on_a_child_is_no_difference() {
        // G-21, G-19
        for kind in [Kind::HorizontalPodAutoscaler, Kind::ScaledObject, Kind::HTTPRoute] {
            let rest = json!({"spec": {"maxReplicaCount": 3}});
            let mut desired = [Object::new(kind, "ns", "m", base("m", Component::Workload), rest)];
            seal(&mut desired);
            let mut there = live(&desired[0], "u");
            let metadata = tree::entry(Arc::make_mut(&mut there.body), "metadata");
            metadata["annotations"]["autoscaling.keda.sh/paused-replicas"] = json!("2");
            metadata["labels"]["scaledobject.keda.sh/name"] = json!("m");
            metadata["finalizers"] = json!(["finalizer.keda.sh"]);
            let there = Live::from([((kind, "m".to_owned()), there)]);
            assert_eq!(plan(&desired, &there, "u"), Plan::default(), "{kind}");
        }
    }

    fn group(sub_group: &Value) -> Object {
        let policy = json!({"subGroupPolicy": sub_group});
        let rest = json!({"spec": {"leaderWorkerTemplate": policy}});
        let labels = base("m", Component::PrefillWorker);
        let mut set = [Object::new(Kind::LeaderWorkerSet, "ns", "m-svc", labels, rest)];
        seal(&mut set);
        let [object] = set;
        object
    }

    #[test]
    fn a_group_whose_sub_groups_change_goes_before_it_comes_anew() {
        let four = || group(&json!({"subGroupSize": 4}));
        for (before, after) in [
            (group(&json!({"subGroupSize": 2})), four()),
            (group(&Value::Null), four()),
            (four(), group(&Value::Null)),
        ] {
            let desired = [after];
            let mut child = live(&before, "u");
            for deleting in [false, true] {
                child.deleting = deleting;
                let there = Live::from([((Kind::LeaderWorkerSet, "m-svc".to_owned()), child.clone())]);
                let found = plan(&desired, &there, "u");
                assert!(matches!(found.actions[..], [Action::Recreate { .. }]), "{found:?}");
            }
        }
        let (desired, same) = ([four()], live(&four(), "u"));
        let there = Live::from([((Kind::LeaderWorkerSet, "m-svc".to_owned()), same)]);
        assert_eq!(plan(&desired, &there, "u"), Plan::default());
    }

    #[test]
    fn what_another_controls_is_neither_applied_nor_pruned() {
        // W-5, G-13
        let desired = [service("a")];
        let theirs = one(live(&desired[0], "someone else"));
        let found = plan(&desired, &theirs, "u");
        assert!(matches!(found.actions[..], [Action::Taken { .. }]));
        assert_eq!(taken(&found).len(), 1);
        assert!(plan(&[], &theirs, "u").prune.is_empty());
    }

    #[test]
    fn an_unwanted_child_of_ours_is_pruned_once() {
        let child = live(&service("a"), "u");
        assert_eq!(plan(&[], &one(child.clone()), "u").prune.len(), 1);
        let going = one(LiveObject { deleting: true, ..child });
        assert!(plan(&[], &going, "u").prune.is_empty());
    }
}
