//! From the merged, rendered spec to a [`crate::valid::ValidService`], or findings with their field paths.

pub mod routing;
pub mod workload;
