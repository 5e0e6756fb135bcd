//! `llmisvc`: the operator's core without a cluster.

pub mod effective;
pub mod input;
pub mod offline;
pub mod render;
