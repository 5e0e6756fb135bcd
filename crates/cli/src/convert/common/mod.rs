//! What the conversions of whole Kubernetes objects share: trees that tell what nobody took, command lines, pods.

pub mod args;
pub mod command;
pub mod container;
pub mod hub;
pub mod metadata;
pub mod overlays;
pub mod parallelism;
pub mod pod;
pub mod service;
pub mod source;
pub mod triggers;
