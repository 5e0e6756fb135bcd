//! LeaderWorkerSets of model servers on several nodes (`reference/workloads.md §8.3, §8.4`).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::{propagation, workload};
use crate::object::Object;
use crate::tree;
use crate::valid::{Group, Position, ValidService, Workload};

/// The LeaderWorkerSet of a workload.
pub fn leader_worker_set(svc: &ValidService, of: &Workload, group: &Group) -> Object {
    let labels = propagation::labels(&svc.id, of, Position::Worker);
    let rest = json!({"spec": spec(svc, of, group)});
    let name = of.name(&svc.id.name);
    let mut object = Object::new(Kind::LeaderWorkerSet, &svc.id.namespace, &name, labels, rest);
    workload::annotate(&mut object.body, &propagation::annotations(&svc.id, Position::Worker));
    object
}

fn spec(svc: &ValidService, of: &Workload, group: &Group) -> Value {
    let mut pods = json!({
        "size": group.size,
        // A group is one process in several pods: it can't go on without one of them.
        "restartPolicy": "RecreateGroupOnPodRestart",
        "workerTemplate": workload::template(svc, of, &group.worker),
    });
    if let Some(leader) = &group.leader {
        *tree::entry(&mut pods, "leaderTemplate") = workload::template(svc, of, leader);
    }
    if let Some(size) = group.sub_group {
        *tree::entry(&mut pods, "subGroupPolicy") = json!({"subGroupSize": size});
    }
    let mut spec = json!({
        "startupPolicy": "LeaderCreated",
        "rolloutStrategy": rollout(&of.rollout),
        "leaderWorkerTemplate": pods,
    });
    if let Some(replicas) = of.replicas {
        *tree::entry(&mut spec, "replicas") = json!(replicas);
    }
    spec
}

/// A member that the user leaves out gets the default of LeaderWorkerSets: one group at a time, none beside.
fn rollout(given: &Value) -> Value {
    let mut strategy = json!({"type": "RollingUpdate"});
    if given.is_object() {
        let member = |key: &str, default: i64| given.get(key).cloned().unwrap_or_else(|| json!(default));
        let rolling =
            json!({"maxUnavailable": member("maxUnavailable", 1), "maxSurge": member("maxSurge", 0)});
        *tree::entry(&mut strategy, "rollingUpdateConfiguration") = rolling;
    }
    strategy
}
