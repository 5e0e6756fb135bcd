//! Of which generation the status of a LeaderWorkerSet is. Its controller does not say, so that a status from before a
//! change of the pods looks like one from after it.

use llmisvc_core::tree;
use serde_json::{Value, json};

const OBSERVED: &str = "observedGeneration";

/// Writes `status.observedGeneration` where the status is known to be older than the spec: the pods of an available
/// set have changed, and the status is word for word as before. The controller writes one as soon as it sees such a
/// change.
pub fn note_observed(known: Option<&Value>, new: &mut Value) {
    let Some(known) = known.filter(|known| is_same_object(known, new)) else { return };
    if tree::get(new, &["status", OBSERVED]).is_some() || !is_available(new) || !same_status(known, new) {
        return;
    }
    let pods = |of: &Value| tree::get(of, &["spec", "leaderWorkerTemplate"]).cloned();
    let noted = tree::get(known, &["status", OBSERVED]).cloned();
    let changed = || (pods(known) != pods(new)).then(|| generation(known));
    if let Some(observed) = noted.or_else(changed) {
        *tree::entry(tree::entry(new, "status"), OBSERVED) = observed;
    }
}

fn is_same_object(known: &Value, new: &Value) -> bool {
    let uid = ["metadata", "uid"];
    tree::text(known, &uid) == tree::text(new, &uid)
}

/// A set that was not available has to become so, which its status then says.
fn is_available(set: &Value) -> bool {
    let conditions = tree::list(set, &["status", "conditions"]);
    let holds = |c: &Value| tree::text(c, &["type"]) == "Available" && tree::text(c, &["status"]) == "True";
    let wanted = tree::get(set, &["spec", "replicas"]).and_then(Value::as_i64);
    conditions.iter().any(holds) && wanted != Some(0)
}

fn same_status(known: &Value, new: &Value) -> bool {
    let of = |set: &Value| {
        let mut status = set.get("status").cloned().unwrap_or_default();
        if let Some(map) = status.as_object_mut() {
            map.remove(OBSERVED);
        }
        status
    };
    of(known) == of(new)
}

fn generation(set: &Value) -> Value {
    tree::get(set, &["metadata", "generation"]).cloned().unwrap_or_else(|| json!(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(generation: i64, image: &str, replicas: i64, since: &str) -> Value {
        json!({
            "metadata": {"uid": "u", "generation": generation},
            "spec": {"replicas": replicas, "leaderWorkerTemplate": {"image": image}},
            "status": {"conditions": [{"type": "Available", "status": "True", "lastTransitionTime": since}]},
        })
    }

    /// What is noted when these are seen one after the other.
    fn noted(seen: &[Value]) -> Option<i64> {
        let mut known: Option<Value> = None;
        for new in seen {
            let mut new = new.clone();
            note_observed(known.as_ref(), &mut new);
            known = Some(new);
        }
        tree::get(&known?, &["status", OBSERVED]).and_then(Value::as_i64)
    }

    #[test]
    // W-8
    fn a_status_from_before_a_change_of_the_pods_is_of_the_older_generation() {
        let (old, new) = (set(1, "a", 2, "t1"), set(2, "b", 2, "t1"));
        assert_eq!(noted(&[old.clone(), new.clone()]), Some(1));
        let relabelled = set(2, "b", 2, "t1");
        assert_eq!(noted(&[old.clone(), new.clone(), relabelled]), Some(1), "still the same status");
        assert_eq!(noted(&[old.clone(), new.clone(), set(3, "c", 2, "t1")]), Some(1));
        assert_eq!(noted(&[old, new, set(2, "b", 2, "t2")]), None, "available anew");
    }

    #[test]
    fn a_status_that_the_controller_need_not_write_is_not_waited_for() {
        let old = set(1, "a", 2, "t1");
        assert_eq!(noted(&[old.clone(), set(2, "a", 1, "t1")]), None, "only the count of groups has changed");
        assert_eq!(noted(&[set(1, "a", 0, "t1"), set(2, "b", 0, "t1")]), None, "there is no group");
        assert_eq!(noted(&[old.clone(), set(2, "b", 2, "t2")]), None, "seen late, with its status");
        let mut other = set(1, "b", 2, "t1");
        other["metadata"]["uid"] = json!("v");
        assert_eq!(noted(&[old.clone(), other]), None, "another object");
        let mut progressing = set(2, "b", 2, "t1");
        progressing["status"]["conditions"][0]["status"] = json!("False");
        assert_eq!(noted(&[old.clone(), progressing]), None);
        let mut says = set(2, "b", 2, "t1");
        says["status"][OBSERVED] = json!(2);
        assert_eq!(noted(&[old, says]), Some(2), "a controller that says it itself");
    }
}
