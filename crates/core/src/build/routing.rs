//! Everything between the gateway and the pods, in apply order.

use crate::build::{availability, extras, ingress, pool, route, scheduler, scheduler_rbac, tokenizer};
use crate::object::Object;
use crate::pools::objectives;
use crate::valid::ValidService;

/// Scheduler with its identity and Service, pool, and route; nothing when the service is stopped.
pub fn objects(svc: &ValidService) -> Vec<Object> {
    if svc.stopped {
        return Vec::new();
    }
    let mut objects = Vec::new();
    if let Some(managed) = &svc.routing.scheduler {
        objects.extend(scheduler_rbac::objects(svc, managed));
        objects.push(scheduler::service(svc, managed));
        objects.extend(pool::pools(svc, managed));
        objects.extend(availability::budget(svc, managed));
        objects.push(scheduler::deployment(svc, managed));
    }
    objects.extend(objectives::objects(svc));
    objects.extend(svc.routing.tokenizer.iter().flat_map(|tokenizer| tokenizer::objects(svc, tokenizer)));
    objects.extend(extras::objects(svc));
    objects.extend(svc.routing.ingress.iter().map(|managed| ingress::ingress(svc, managed)));
    let mut routes: Vec<Object> =
        svc.routing.route.iter().flat_map(|managed| route::routes(svc, managed)).collect();
    for route in &mut routes {
        pool::mark(svc, route);
    }
    objects.extend(routes);
    objects
}

#[cfg(test)]
pub(crate) mod tests;
