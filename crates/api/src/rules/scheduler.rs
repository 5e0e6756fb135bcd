//! Scheduler (S).

use serde_json::Value;

use super::{Found, Rule};
use crate::v1alpha2::{Scheduler, SchedulerConfig};

const CONFIG: &str = "spec.router.scheduler.config";

pub(super) fn check(scheduler: &Scheduler, found: &mut Found) {
    if let Some(replicas) = scheduler.replicas.filter(|r| *r <= 0) {
        let message = format!("scheduler replicas must be greater than zero, not {replicas}");
        found.add(Rule::S1, "spec.router.scheduler.replicas", message);
    }
    if let Some(config) = &scheduler.config {
        check_config(config, found);
    }
}

fn check_config(config: &SchedulerConfig, found: &mut Found) {
    let (inline, reference) = (config.inline.as_ref(), config.reference.as_ref());
    let neither = "either inline or ref is required: give one, or remove config";
    found.add_if(inline.is_none() && reference.is_none(), Rule::S2, CONFIG, neither);
    let both = "both inline and ref are set: remove one of them";
    found.add_if(inline.is_some() && reference.is_some(), Rule::S3, CONFIG, both);
    if inline.is_some_and(is_blank) {
        let message = "inline configuration is invalid: it is empty; give an EndpointPickerConfig document";
        found.add(Rule::S4, format!("{CONFIG}.inline"), message);
    }
    if reference.is_some_and(|r| r.name.as_deref().unwrap_or_default().is_empty()) {
        let message = "name is empty: name the ConfigMap that holds the scheduler configuration";
        found.add(Rule::S5, format!("{CONFIG}.ref.name"), message);
    }
}

/// A text is the document as a ConfigMap holds it.
fn is_blank(inline: &Value) -> bool {
    match inline {
        Value::Object(document) => document.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        _ => true,
    }
}
