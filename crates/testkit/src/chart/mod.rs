//! The charts in `charts/`, through the real Helm.

pub mod generate;
