//! What the tests stand on: a local control plane, a fresh world per test, a golden runner and a scripted API
//! server. A dev-dependency only.

pub mod account;
pub mod admission;
pub mod chart;
pub mod cluster;
pub mod demo;
pub mod documents;
pub mod golden;
pub mod matrix;
pub mod net;
pub mod operator;
pub mod paths;
pub mod picker;
#[cfg(feature = "scripted")]
pub mod scripted;
pub mod tree;
pub mod world;

pub use cluster::Cluster;
pub use operator::Operator;
pub use world::World;
