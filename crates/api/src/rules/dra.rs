//! Annotations of managed DRA (DR).

use std::collections::BTreeMap;

use super::metadata::{is_label, is_subdomain};
use super::{Found, Rule};

/// DeviceClass of the claim; turns managed DRA on.
pub const DEVICE_CLASS: &str = "serving.kserve.io/exp-dra-device-class";
/// Devices per pod, 1 when absent or blank.
pub const DEVICE_COUNT: &str = "serving.kserve.io/exp-dra-device-count";
/// CEL selectors, one per line.
pub const CEL_SELECTOR: &str = "serving.kserve.io/exp-dra-cel-selector";
/// Container that gets the claim.
pub const CONTAINER_NAME: &str = "serving.kserve.io/exp-dra-container-name";

pub(super) fn check(annotations: &BTreeMap<String, String>, found: &mut Found) {
    let get = |key: &str| annotations.get(key).map(|value| value.trim());
    match get(DEVICE_CLASS) {
        None => {
            let others = [DEVICE_COUNT, CEL_SELECTOR, CONTAINER_NAME];
            let given: Vec<&str> = others.into_iter().filter(|key| annotations.contains_key(*key)).collect();
            let message = format!("is required to enable managed DRA, which {} asks for", given.join(", "));
            found.add_if(!given.is_empty(), Rule::DR1, at(DEVICE_CLASS), message);
        }
        Some("") => {
            found.add(Rule::DR2, at(DEVICE_CLASS), "device class must not be empty: name a DeviceClass");
        }
        Some(class) => {
            let message = format!("device class must be a DNS subdomain, not \"{class}\"");
            found.add_if(!is_subdomain(class), Rule::DR3, at(DEVICE_CLASS), message);
        }
    }
    if let Some(problem) = get(DEVICE_COUNT).and_then(broken_count) {
        found.add(Rule::DR4, at(DEVICE_COUNT), problem);
    }
    let no_line = get(CEL_SELECTOR).is_some_and(str::is_empty);
    let message =
        "must have at least one non-empty CEL expression: write one per line, or remove the annotation";
    found.add_if(no_line, Rule::DR5, at(CEL_SELECTOR), message);
    match get(CONTAINER_NAME) {
        Some("") => {
            let message = "container name must not be empty: name a container, or remove the annotation";
            found.add(Rule::DR6, at(CONTAINER_NAME), message);
        }
        Some(name) => {
            let message = format!("container name must be a DNS label, not \"{name}\"");
            found.add_if(!is_label(name) || name.len() > 63, Rule::DR7, at(CONTAINER_NAME), message);
        }
        None => {}
    }
}

fn broken_count(count: &str) -> Option<String> {
    match count.parse::<i64>() {
        _ if count.is_empty() => None,
        Ok(n) if n >= 1 => None,
        Ok(n) => Some(format!("device count must be >= 1, not {n}")),
        Err(error) => Some(format!("device count must be an integer >= 1, not \"{count}\": {error}")),
    }
}

fn at(key: &str) -> String {
    format!("metadata.annotations[{key}]")
}
