//! Scheduler, pool and route.

use crate::object::Object;
use crate::valid::ValidService;

/// All objects of the router.
pub fn objects(_svc: &ValidService) -> Vec<Object> {
    Vec::new()
}
