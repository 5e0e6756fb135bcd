//! Probes and metrics over HTTP.

pub mod guard;
pub mod health;
pub mod metrics;
pub mod tls;
