//! `llmisvc`: the operator's core without a cluster.

pub mod adopt;
pub mod convert;
pub mod effective;
pub mod input;
pub mod moves;
pub mod offline;
pub mod render;
pub mod schema;
pub mod validate;
