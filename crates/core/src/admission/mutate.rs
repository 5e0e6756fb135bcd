//! The defaults of the peer's mutating webhook, for clients that read them from the object (`reference/api.md §5.4`,
//! D1–D3). Served behind a flag: ours are computed in every pass and stored nowhere.
//!
//! D4–D6, which look for local model caches, are not among them (edge 17).

use serde_json::{Value, json};

use super::{Request, Site, Subject};
use crate::labels::ROUTING_GROUP as GROUP_LABEL;
use crate::tree;
use llmisvc_api::v1alpha2::POD_SPECS;

/// JSON patches that set what is absent, and nothing else (edge 15). Applied once, they are none the next time.
pub fn mutate(request: &Request<'_>, _site: &Site) -> Vec<Value> {
    let Some(object) = request.object.filter(|_| request.subject == Subject::Service) else {
        return Vec::new();
    };
    if !tree::text(object, &["metadata", "deletionTimestamp"]).is_empty() {
        return Vec::new();
    }
    let patches = model_name(request, object).into_iter().chain(group_label(object));
    patches.chain(containers(object)).collect()
}

fn set(path: &str, value: &Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

/// D1. A name that the API server is yet to make is not known (edge 16).
fn model_name(request: &Request<'_>, object: &Value) -> Option<Value> {
    let spec = object.get("spec").filter(|spec| spec.is_object())?;
    if request.name.is_empty() || !tree::text(spec, &["model", "name"]).is_empty() {
        return None;
    }
    Some(match spec.get("model") {
        Some(Value::Object(_)) => set("/spec/model/name", &json!(request.name)),
        _ => set("/spec/model", &json!({"name": request.name})),
    })
}

/// D2. The label of a group that a config gives is the business of the pass, which knows the merged spec (edge 19).
fn group_label(object: &Value) -> Option<Value> {
    let group = tree::text(object, &["spec", "router", "route", "group"]);
    let labels = tree::get(object, &["metadata", "labels"]).filter(|labels| labels.is_object());
    let label = labels.and_then(|labels| labels.get(GROUP_LABEL)).and_then(Value::as_str);
    let path = format!("/metadata/labels/{}", GROUP_LABEL.replace('/', "~1"));
    match (group, label) {
        ("", None) => None,
        ("", Some(_)) => Some(json!({"op": "remove", "path": path})),
        (group, Some(label)) if group == label => None,
        (group, _) if labels.is_some() => Some(set(&path, &json!(group))),
        (group, _) => Some(set("/metadata/labels", &json!({GROUP_LABEL: group}))),
    }
}

/// D3. Typed clients write null for a list that they do not set; an absent one stays absent.
fn containers(object: &Value) -> impl Iterator<Item = Value> {
    POD_SPECS.iter().filter_map(|place| {
        let pod = object.get("spec").and_then(|spec| tree::get(spec, place))?;
        let is_null = pod.get("containers").is_some_and(Value::is_null);
        is_null.then(|| set(&format!("/spec/{}/containers", place.join("/")), &json!([])))
    })
}
