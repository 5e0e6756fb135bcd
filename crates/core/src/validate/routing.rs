//! Validates router, scheduler, pool and route.

/// Everything between the gateway and the pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    /// Managed endpoint picker.
    pub scheduler: Option<Scheduler>,
    /// Managed or referenced route.
    pub route: Option<Route>,
}

/// Managed endpoint picker and pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduler {}

/// Route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {}
