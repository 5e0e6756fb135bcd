//! The scheduler configuration in a ConfigMap (`reference/workloads.md §3.8`, row 8).

use llmisvc_api::conditions::reason;
use serde_json::Value;

use crate::facts::{Answer, Key, Ref};
use crate::pass::{Fault, Finding, Inputs};
use crate::tree;

const PATH: &str = "spec.router.scheduler.config";
/// What lets a name be looked up in the system namespace, too.
const SHARED: &str = "config-scheduler-";

/// The text of the ConfigMap key, looked up beside the service and, for names with the peer's magic prefix, in
/// the system namespace. None when the reference is optional and nothing is there.
pub(crate) fn text(inputs: &Inputs<'_>, config: &Value) -> Result<Option<String>, Fault> {
    let name = tree::text(config, &["ref", "name"]);
    let key = Some(tree::text(config, &["ref", "key"])).filter(|k| !k.is_empty()).unwrap_or("epp");
    let optional = tree::get(config, &["ref", "optional"]).and_then(Value::as_bool).unwrap_or(false);
    let mut namespaces = vec![tree::text(inputs.service, &["metadata", "namespace"])];
    if name.starts_with(SHARED) {
        namespaces.push(&inputs.cluster.system_namespace);
    }
    for namespace in &namespaces {
        match inputs.seen.get(&Key::ConfigMap(Ref::new(namespace, name))) {
            Answer::Found(map) => match tree::get(map, &["data", key]).and_then(Value::as_str) {
                Some(text) => return Ok(Some(text.to_owned())),
                None if optional => return Ok(None),
                None => return Err(missing_key(namespace, name, key)),
            },
            Answer::Unreadable(message) => return Err(unreadable(namespace, name, message)),
            Answer::Absent => {}
        }
    }
    if optional { Ok(None) } else { Err(missing_map(&namespaces, name)) }
}

fn missing_key(namespace: &str, name: &str, key: &str) -> Fault {
    fault(
        format!("{PATH}.ref.key"),
        &format!(
            "ConfigMap {namespace}/{name} doesn't have key {key:?} in data; add it, or name another key"
        ),
    )
}

fn missing_map(namespaces: &[&str], name: &str) -> Fault {
    fault(
        format!("{PATH}.ref.name"),
        &format!("ConfigMap {name:?} not found in namespaces {namespaces:?}; create it"),
    )
}

fn unreadable(namespace: &str, name: &str, message: &str) -> Fault {
    let message = format!(
        "ConfigMap {namespace}/{name} cannot be read: {message}; the service is left as it is until it can"
    );
    Fault {
        reason: reason::VALIDATION_UNAVAILABLE,
        findings: vec![Finding::new(format!("{PATH}.ref"), message)],
    }
}

fn fault(path: String, message: &str) -> Fault {
    Fault { reason: reason::COMBINE_BASE_ERROR, findings: vec![Finding::new(path, message)] }
}
