//! From the merged, rendered spec to a [`crate::valid::ValidService`], or findings with their field paths.

pub(crate) mod accelerator;
pub mod account;
pub(crate) mod cache;
pub(crate) mod credentials;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod flags;
pub mod identity;
pub(crate) mod parallelism;
pub(crate) mod pod;
pub(crate) mod problem;
pub(crate) mod rollout;
pub mod routing;
pub(crate) mod s3;
pub(crate) mod scope;
pub mod storage;
pub mod workload;

use serde_json::Value;

use crate::decide::Inputs;
use crate::valid::Identity;

/// What every part of the validation reads.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Inputs of the pass.
    pub inputs: &'a Inputs<'a>,
    /// Who the service is.
    pub id: &'a Identity,
    /// The whole merged and rendered spec.
    pub spec: &'a Value,
    /// The config that the value at a path came from; none when it is the service's own.
    pub origin: &'a dyn Fn(&str) -> Option<String>,
}
