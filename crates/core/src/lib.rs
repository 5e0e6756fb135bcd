//! Everything the operator decides, without a client, a clock or an environment.
//!
//! ```text
//! resolve → merge → render → complete → validate → build → plan → status
//! ```
//!
//! [`decide()`] runs the steps up to `build`; whatever it has to know about the cluster it asks for as
//! [`facts::Key`]s, so that the operator answers from its watches and the CLI from files.

pub mod accelerator;
pub mod admission;
pub mod adopt;
pub mod build;
pub mod ca_bundle;
pub mod cause;
pub mod config;
pub mod decide;
pub mod deprecated;
pub mod explain;
pub mod facts;
pub mod fit;
pub mod gateway_class;
pub mod handover;
pub mod images;
pub mod labels;
pub mod merge;
pub mod names;
pub mod namesakes;
pub mod node;
pub mod object;
pub mod pass;
pub mod plan;
pub mod pods;
pub mod pools;
pub mod presets;
pub mod quantity;
pub mod resolve;
pub mod revision;
pub mod rollout;
pub mod rotation;
pub mod scalers;
pub mod settings;
pub mod shape;
pub mod status;
pub mod template;
pub mod traffic;
pub mod tree;
pub mod valid;
pub mod validate;
pub mod workloads;

pub use decide::{Decision, Step, decide};
pub use pass::{Fault, Inputs};
