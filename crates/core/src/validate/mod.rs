//! From the merged, rendered spec to a [`crate::valid::ValidService`], or findings with their field paths.

pub mod routing;
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
