//! Autoscalers that stand beside the chart (`reference/llm-d.md §1.8`): a ScaledObject is `scaling.keda` in a service.

use llmisvc_core::tree;
use llmisvc_core::validate::scaling::KEDA_SETTINGS;
use serde_json::{Value, json};

use super::Draft;
use super::role::Role;
use crate::convert::keys::{Keys, put};

/// Fields of a ScaledObject that `scaling.keda` has too.
pub fn keda() -> impl Iterator<Item = &'static str> {
    ["triggers"].into_iter().chain(KEDA_SETTINGS)
}

/// Objects beside the service, and the autoscalers among them in it.
pub fn convert(keys: &mut Keys, draft: &mut Draft) {
    for object in keys.list("extraObjects") {
        match (tree::text(&object, &["kind"]), target(&object)) {
            ("ScaledObject", Some(role)) => scaled(&object, role, draft),
            ("HorizontalPodAutoscaler", Some(_)) => {
                let path = format!("extraObjects[{}]", tree::text(&object, &["metadata", "name"]));
                draft.lose(path, "services are scaled by KEDA or WVA; write spec.scaling in its place");
            }
            _ => draft.beside.push(object),
        }
    }
}

/// The role whose workload it scales; the chart ends its names so.
fn target(object: &Value) -> Option<Role> {
    let name = tree::text(object, &["spec", "scaleTargetRef", "name"]);
    [Role::Decode, Role::Prefill].into_iter().find(|role| name.ends_with(&format!("-{}", role.key())))
}

fn scaled(object: &Value, role: Role, draft: &mut Draft) {
    let name = tree::text(object, &["metadata", "name"]);
    let mut keys =
        Keys::new(object.get("spec").cloned().unwrap_or_default(), format!("extraObjects[{name}].spec"));
    keys.take("scaleTargetRef");
    let mut scaling = json!({"maxReplicas": keys.number("maxReplicaCount").unwrap_or(100)});
    let fewest = keys.take("minReplicaCount").and_then(|count| count.as_i64());
    put(&mut scaling, &["minReplicas"], json!(fewest.map(|count| count.max(1))));
    for field in keda() {
        put(&mut scaling, &["keda", field], keys.take(field).unwrap_or_default());
    }
    // KEDA goes down to nothing by an idle count of its own.
    if fewest.is_none_or(|count| count == 0) && tree::get(&scaling, &["keda", "idleReplicaCount"]).is_none() {
        put(&mut scaling, &["keda", "idleReplicaCount"], json!(0));
    }
    draft.lost.extend(keys.lost(|_| "scaling.keda has no such field".to_owned()));
    draft.put(&role.path("scaling"), scaling);
}
