//! `llmisvc`: the operator's core without a cluster.

pub mod input;
pub mod offline;
pub mod render;
pub mod schema;
pub mod validate;
