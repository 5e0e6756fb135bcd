//! One-of structures: setting one member replaces the others (edge C-4).

use std::collections::BTreeMap;

use crate::node::Node;

/// Members that exclude each other wherever they stand together. A group applies where the lower layer holds
/// one member and the upper layer sets another.
const GROUPS: &[&[&str]] = &[
    // Probe and lifecycle handlers.
    &["exec", "httpGet", "tcpSocket", "grpc", "sleep"],
    // Environment variables and where their values come from.
    &["value", "valueFrom"],
    &["configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef"],
    // KV cache tiers.
    &["emptyDir", "pvc"],
    // Scheduler configuration and pool; own and managed routes.
    &["inline", "ref"],
    &["ref", "spec"],
    &["refs", "spec"],
    // Autoscaling, and a fixed count against any autoscaling.
    &["hpa", "keda"],
    &["keda", "wva"],
    &["replicas", "scaling"],
    // Volume sources.
    VOLUME_SOURCES,
];

const VOLUME_SOURCES: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
];

/// Takes out of `base` the members that a member set in `over` replaces.
pub fn give_way(base: &mut BTreeMap<String, Node>, over: &BTreeMap<String, Node>) {
    for group in GROUPS {
        let set = group.iter().copied().filter(|m| over.get(*m).is_some_and(is_set)).collect::<Vec<_>>();
        if let [winner] = set.as_slice() {
            base.retain(|member, _| member == winner || !group.contains(&member.as_str()));
        }
    }
}

/// An empty list or string, and null, choose no member.
fn is_set(node: &Node) -> bool {
    match node {
        Node::Leaf(value, _) => !value.is_null() && value.as_str() != Some(""),
        Node::List(items, _) => !items.is_empty(),
        Node::Map(..) => true,
    }
}
