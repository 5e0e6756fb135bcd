//! InferencePool (`reference/router.md §8.1`), always of the v1 group.

use llmisvc_kinds::Kind;
use serde_json::json;

use crate::labels::{self, Component};
use crate::names;
use crate::object::Object;
use crate::valid::{Scheduler, ValidService};

/// The pool of model servers that the picker chooses from.
pub fn pool(svc: &ValidService, scheduler: &Scheduler) -> Object {
    let labels = labels::base(&svc.id.name, Component::Scheduler);
    let name = names::inference_pool(&svc.id.name);
    Object::new(Kind::InferencePool, &svc.id.namespace, &name, labels, json!({"spec": scheduler.pool}))
}
