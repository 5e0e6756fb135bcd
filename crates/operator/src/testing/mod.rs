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

pub use server::Server;
