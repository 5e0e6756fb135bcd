//! `ModelNameCollision`: advisory, while another service of the namespace publishes the same model name.

use llmisvc_api::conditions::reason;
use serde_json::Value;

use super::condition::Judgement;
use super::view::View;
use crate::facts::{Key, Ref};

/// Nothing is blocked: which of the routes a gateway prefers is its own business, and that is what is said.
pub(super) fn judge(view: &View<'_>) -> Option<Judgement> {
    let routed = view.valid.is_some_and(|service| service.routing.route.is_some());
    if view.stopped || !routed {
        return None;
    }
    let names = view.input.seen.get(&Key::Namesakes(Ref::new(view.namespace, view.name))).found()?;
    let names: Vec<&str> = names.as_array()?.iter().filter_map(Value::as_str).collect();
    let message = format!(
        "a model of this service has the same name as one of {}: requests that say only the model's name may reach \
         either; set another spec.model.name, or the same spec.router.route.group on all of them",
        names.join(", ")
    );
    Some(Judgement { reason: reason::MODEL_NAME_COLLISION.to_owned(), message, ..Judgement::yes() })
}
