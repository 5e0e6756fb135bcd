//! The operator: watches, gathers, applies, prunes, reports. Everything decided is decided in `llmisvc-core`.

mod apply;
mod context;
mod finalize;
mod gather;
mod memo;
mod metrics;
mod prune;
mod queue;
mod reconcile;
mod report;
mod resources;
mod stores;
mod stub;
mod tls;
mod wire;

fn main() {}
