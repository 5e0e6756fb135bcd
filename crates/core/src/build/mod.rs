//! From a validated service to its objects. Nothing here can fail.

pub mod pool;
pub mod route;
pub mod routing;
pub mod scheduler;
pub mod scheduler_config;
pub mod scheduler_rbac;
