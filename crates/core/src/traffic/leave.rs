//! A member that goes, and the routes of the others that still lead to it (`reference/router.md §12.7`).

use llmisvc_api::conditions::{kind, reason};
use serde_json::{Value, json};

use super::Backend;
use crate::labels::ROUTING_GROUP;
use crate::status::condition::{Judgement, Judgements, conditions_of, follow};
use crate::tree;

/// Whether a route of a group leads to one of these backends.
pub fn leads_to(route: &Value, backends: &[Backend]) -> bool {
    if tree::text(route, &["metadata", "labels", ROUTING_GROUP]).is_empty() {
        return false;
    }
    let rules = tree::list(route, &["spec", "rules"]).iter();
    let mut refs = rules.flat_map(|rule| tree::list(rule, &["backendRefs"])).map(Backend::named);
    refs.any(|named| backends.iter().any(|backend| backend.is(&named)))
}

/// The status of a service that waits for the routes of others before it goes.
pub fn pending(service: &Value, waits_for: &[String], now: &str) -> Value {
    let old = conditions_of(service);
    let message = format!("waiting for the routes of {} to no longer lead here", waits_for.join(", "));
    let pending = follow(
        &old,
        Judgements::from([(kind::GROUP_READY, Judgement::no(reason::FINALIZATION_PENDING, message))]),
        now,
    );
    let about_group = |kind: &str| matches!(kind, kind::GROUP_READY | kind::GROUP_DEGRADED);
    let mut conditions: Vec<_> = old.into_iter().filter(|c| !about_group(&c.kind)).chain(pending).collect();
    conditions.sort_by(|a, b| a.kind.cmp(&b.kind));
    let mut status = service.get("status").cloned().unwrap_or_default();
    *tree::entry(&mut status, "conditions") = json!(conditions);
    status
}
