//! Whose fields are whose: what a former controller has set becomes ours, so that a later apply can remove it.
//!
//! A controller that writes whole objects leaves an `Update` entry in the managed fields. It is known by what nobody
//! else sets: the owner reference to the service, or the role of a ClusterRoleBinding. Entries of all others, of
//! kubectl and of autoscalers say, stay as they are.

use serde_json::{Map, Value, json};

use crate::labels::APPLIED;
use crate::tree;

/// Our field manager.
pub const MANAGER: &str = "llmisvc-operator";

/// Field managers of former controllers. They count only where our hash is missing: many controllers have the first
/// name, and none of them removes annotations of others.
const FORMER: [&str; 4] =
    ["manager", "llmisvc-controller", "llmisvc-controller-manager", "kserve-controller-manager"];

/// Whether a former controller's entry is among the managed fields of a child.
pub fn has_former(child: &Value) -> bool {
    entries(child).iter().any(|entry| is_former(child, entry))
}

fn entries(child: &Value) -> &[Value] {
    tree::list(child, &["metadata", "managedFields"])
}

fn is_former(child: &Value, entry: &Value) -> bool {
    let text = |key| tree::text(entry, &[key]);
    text("operation") == "Update"
        && text("subresource").is_empty()
        && text("manager") != MANAGER
        && (made(child, entry) || FORMER.contains(&text("manager")) && !is_applied(child))
}

fn is_applied(child: &Value) -> bool {
    !tree::text(child, &["metadata", "annotations", APPLIED]).is_empty()
}

/// Whoever wrote this entry has made the child.
fn made(child: &Value, entry: &Value) -> bool {
    let owners = tree::list(child, &["metadata", "ownerReferences"]);
    if owners.is_empty() {
        return tree::get(entry, &["fieldsV1", "f:roleRef"]).is_some();
    }
    let mut controllers = owners.iter().filter(|owner| owner.get("controller") == Some(&json!(true)));
    controllers.any(|owner| {
        let key = format!("k:{{\"uid\":\"{}\"}}", tree::text(owner, &["uid"]));
        tree::get(entry, &["fieldsV1", "f:metadata", "f:ownerReferences", &key]).is_some()
    })
}

/// The managed fields with all that a former controller has set in the our `Apply` entry; none when no former
/// controller is among them. With `scaled` the count of replicas is left to whoever changes it: an apply without it
/// would otherwise reset it.
pub fn taken_over(child: &Value, scaled: bool) -> Option<Vec<Value>> {
    if !has_former(child) {
        return None;
    }
    let is_ours = |entry: &Value| {
        tree::text(entry, &["manager"]) == MANAGER && tree::text(entry, &["subresource"]).is_empty()
    };
    let (taken, mut others): (Vec<&Value>, Vec<&Value>) =
        entries(child).iter().partition(|entry| is_ours(entry) || is_former(child, entry));
    let mut fields = json!({});
    for entry in &taken {
        unite(&mut fields, entry.get("fieldsV1").unwrap_or(&Value::Null));
    }
    if scaled && let Some(spec) = fields.get_mut("f:spec").and_then(Value::as_object_mut) {
        spec.remove("f:replicas");
    }
    let time = taken.iter().map(|entry| tree::text(entry, &["time"])).max().unwrap_or_default();
    let entry = json!({
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": tree::text(child, &["apiVersion"]),
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    });
    others.push(&entry);
    Some(others.into_iter().cloned().collect())
}

/// Sets of fields are trees of names; an empty one is a leaf.
fn unite(into: &mut Value, from: &Value) {
    let Some(from) = from.as_object() else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    for (name, below) in from {
        unite(tree::entry(into, name), below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": "2026-01-01T00:00:00Z",
               "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn owner() -> Value {
        json!({"f:metadata": {"f:ownerReferences": {".": {}, "k:{\"uid\":\"u\"}": {}}}, "f:spec": {"f:replicas": {}, "f:a": {}}})
    }

    fn child(entries: &Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
            "name": "m-kserve", "managedFields": entries,
            "ownerReferences": [{"uid": "u", "controller": true}],
        }})
    }

    #[test]
    fn what_the_maker_has_set_becomes_ours_and_nothing_else_does() {
        let kubectl = entry("kubectl-edit", "Update", &json!({"f:spec": {"f:b": {}}}));
        let mut status = entry("manager", "Update", &json!({"f:status": {}}));
        status["subresource"] = json!("status");
        let scaler = entry("kube-controller-manager", "Update", &json!({"f:spec": {"f:replicas": {}}}));
        let theirs = entry("whatever-the-binary-is-called", "Update", &owner());
        let live = child(&json!([kubectl, theirs, status, scaler]));
        let expected = [kubectl, status, scaler, entry(MANAGER, "Apply", &owner())];
        let mut taken = taken_over(&live, false).unwrap();
        assert_eq!(taken, expected);
        let mut kept = owner();
        kept["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        taken[3]["fieldsV1"] = kept;
        assert_eq!(taken_over(&live, true).unwrap(), taken);
    }

    #[test]
    fn several_entries_become_one() {
        // Another version of the former controller, and ours from before a rollback.
        let all = json!([
            entry(MANAGER, "Apply", &json!({"f:spec": {"f:c": {"f:d": {}}}})),
            entry("manager", "Update", &json!({"f:spec": {"f:c": {"f:e": {}}}})),
            entry("older", "Update", &owner()),
        ]);
        let mut fields = owner();
        fields["f:spec"]["f:c"] = json!({"f:d": {}, "f:e": {}});
        assert_eq!(taken_over(&child(&all), false).unwrap(), [entry(MANAGER, "Apply", &fields)]);
    }

    #[test]
    fn a_controller_with_a_common_name_keeps_its_fields_on_what_is_ours() {
        let mut live = child(&json!([
            entry(MANAGER, "Apply", &owner()),
            entry("manager", "Update", &json!({"f:metadata": {"f:labels": {"f:theirs": {}}}})),
        ]));
        assert!(has_former(&live), "it replaced the whole object");
        live["metadata"]["annotations"] = json!({"llmisvc.io/applied": "0"});
        assert_eq!(taken_over(&live, false), None);
    }

    #[test]
    fn a_cluster_role_binding_has_no_owner_and_is_known_by_its_role() {
        let mut live = child(&json!([entry("x", "Update", &json!({"f:roleRef": {}, "f:subjects": {}}))]));
        live["metadata"].as_object_mut().unwrap().remove("ownerReferences");
        assert!(has_former(&live));
        live["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:subjects": {}});
        assert!(!has_former(&live));
    }

    #[test]
    fn what_is_ours_and_what_was_made_by_others_is_left_alone() {
        for live in [
            child(&json!([entry(MANAGER, "Update", &owner())])),
            child(&json!([entry("helm", "Apply", &owner())])),
            child(&json!([entry("kubectl-create", "Update", &json!({"f:spec": {}}))])),
            child(&json!([])),
        ] {
            assert_eq!(taken_over(&live, false), None);
        }
    }
}
