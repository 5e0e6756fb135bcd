//! Validates the decode and prefill workloads and where their weights come from.

/// How the weights get into a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Download {
    /// Nothing is attached (`storageInitializer.enabled: false`).
    None,
}
