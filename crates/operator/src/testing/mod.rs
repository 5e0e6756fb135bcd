//! A small API server in memory, and the tests of whole passes against it.

mod ca_bundle;
mod configs;
mod guard;
mod lease;
mod passes;
mod presets;
mod scalers;
mod server;
mod storage;
mod takeover;
mod tls;
mod whole;

pub use server::Server;
