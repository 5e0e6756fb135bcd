//! Which configs apply to a service, and in which order.

/// A config that was merged, as `status.appliedConfigs` lists it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AppliedConfig {
    /// Resolved (pinned) name.
    pub name: String,
    /// Namespace where it was found.
    pub namespace: String,
    /// Why it was merged.
    pub source: Source,
}

/// Why a config was merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Source {
    /// Chosen by the operator.
    Preset,
    /// Named in `spec.baseRefs`.
    UserRef,
}

impl std::fmt::Display for AppliedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
