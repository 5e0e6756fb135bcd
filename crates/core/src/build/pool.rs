//! InferencePools (`reference/router.md §8.1`, `§8.2`), and the marks of the route to them.

use llmisvc_api::conversion::older_pool;
use serde_json::json;

use crate::labels::{self, Component};
use crate::names;
use crate::object::Object;
use crate::pools::{Group, MIGRATED, REFUSED};
use crate::tree;
use crate::valid::{Scheduler, ValidService};

/// The pools of model servers that the picker chooses from: the same one in each group that is in use.
pub fn pools(svc: &ValidService, scheduler: &Scheduler) -> Vec<Object> {
    svc.routing.pools.made.iter().map(|group| pool(svc, scheduler, *group)).collect()
}

fn pool(svc: &ValidService, scheduler: &Scheduler, group: Group) -> Object {
    let labels = labels::base(&svc.id.name, Component::Scheduler);
    let name = names::inference_pool(&svc.id.name);
    let spec = match group {
        Group::V1 => scheduler.pool.clone(),
        Group::Older => older_pool(scheduler.pool.clone()),
    };
    Object::new(group.kind(), &svc.id.namespace, &name, labels, json!({"spec": spec}))
}

/// Notes on the route what must be known of its past.
pub fn mark(svc: &ValidService, route: &mut Object) {
    let pools = &svc.routing.pools;
    let refused: Vec<&str> = pools.refused.iter().map(|group| group.version()).collect();
    let marks = [(MIGRATED, pools.migrated.then(|| "v1".to_owned())), (REFUSED, Some(refused.join(",")))];
    for (key, value) in marks {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let metadata = tree::entry(&mut route.body, "metadata");
            tree::object(metadata, "annotations").insert(key.to_owned(), json!(value));
        }
    }
}
