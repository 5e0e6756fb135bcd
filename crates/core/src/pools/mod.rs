//! InferencePools in both of their API groups: which one the route leads to, which ones are made
//! (`reference/router.md §8`).
//!
//! [`choice`] is the decision, as a function of what is known. [`answers`] reads that from the live route and pools,
//! [`decide`] puts both together for a service.

pub mod answers;
pub mod choice;
pub mod decide;
pub mod objectives;
#[cfg(test)]
mod tests;
mod witness;

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;

use crate::facts::{Key, Ref};

pub use self::witness::{strands, witness};

/// Annotation of the route: it has led to a pool of the older group before. The value is `v1`, as KServe's controller
/// writes it.
pub const MIGRATED: &str = "serving.kserve.io/inference-pool-migrated";
/// Annotation of the route: the versions of pools that most of its gateways said not to know, separated by commas.
pub const REFUSED: &str = "llmisvc.io/refused-pool-versions";

/// API group of an InferencePool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// `inference.networking.k8s.io/v1`.
    #[default]
    V1,
    /// `inference.networking.x-k8s.io/v1alpha2`.
    Older,
}

impl Group {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::Older];

    /// The kind of its pools.
    pub const fn kind(self) -> Kind {
        match self {
            Self::V1 => Kind::InferencePool,
            Self::Older => Kind::OlderInferencePool,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.kind().served().group
    }

    /// Its version.
    pub const fn version(self) -> &'static str {
        self.kind().served().version
    }

    /// The question about a pool that is not ours.
    pub const fn key(self, at: Ref) -> Key {
        match self {
            Self::V1 => Key::InferencePool(at),
            Self::Older => Key::OlderInferencePool(at),
        }
    }

    /// The group with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }
}

/// The InferencePools of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// Group that the route leads to.
    pub group: Group,
    /// Group in which the routing sidecar and the endpoint picker look their pool up.
    pub readers: Group,
    /// Groups in which we make a pool.
    pub made: BTreeSet<Group>,
    /// The route has led to the older group before.
    pub migrated: bool,
    /// Groups that most Gateways of the route said not to know.
    pub refused: BTreeSet<Group>,
}

/// What requests for a service are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// API group; empty for a Service.
    pub group: &'static str,
    /// `InferencePool` or `Service`.
    pub kind: &'static str,
    /// Its name, in the namespace of the service.
    pub name: String,
    /// Port that a route gives.
    pub port: i64,
}

/// Port of pools and workload Services in routes.
pub const PORT: i64 = 8000;
