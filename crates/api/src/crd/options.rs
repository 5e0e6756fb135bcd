//! What differs between installations.

/// Choices of whoever installs the CRDs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Who converts between the versions.
    pub conversion: Conversion,
    /// How much the schema says about pods.
    pub pods: Pods,
}

/// Who converts between the versions (`reference/api.md §1.3`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// The operator's webhook Service in this namespace.
    Service {
        /// Namespace of the Service.
        namespace: String,
    },
    /// The operator's webhooks below this URL, outside the cluster.
    Url(String),
    /// Nobody. Then only the stored version is served: strategy `None` with two would lose what one of them lacks.
    Off,
}

impl Default for Conversion {
    fn default() -> Self {
        Self::Service { namespace: "kserve".to_owned() }
    }
}

/// How much the schema says about pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pods {
    /// The keys of their lists; anything else is let through. Small enough for a plain `kubectl apply`.
    #[default]
    Open,
    /// Every field, with descriptions, for `kubectl explain`.
    Full,
}
