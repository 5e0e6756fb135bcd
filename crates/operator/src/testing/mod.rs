//! A small API server in memory, and the tests of whole passes against it.

mod ca_bundle;
mod causes;
mod configs;
mod events;
mod guard;
mod lease;
pub mod passes;
mod pools;
mod presets;
mod reference;
mod scalers;
mod server;
mod status_only;
mod storage;
mod takeover;
mod tls;
mod traffic;
mod whole;

use std::sync::Arc;

use llmisvc_core::facts::Cluster;

use crate::context::{Context, Core, Options};
use crate::stores::Stores;

pub use server::Server;

/// An operator of this core that has seen nothing yet.
fn context_of(core: Core, server: &Server) -> Arc<Context> {
    let options = Options { system_namespace: "kserve".to_owned(), identity: "test".to_owned() };
    Context::new(server.wire(), Stores::new(Cluster::default()), core, options)
}

/// The same with the real core.
fn context(server: &Server) -> Arc<Context> {
    context_of(Core { decide: llmisvc_core::decide, status: llmisvc_core::status::status }, server)
}
