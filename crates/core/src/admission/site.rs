//! What admission knows besides the request.

/// Where the operator is, and how it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Namespace of the operator and its presets.
    pub system_namespace: String,
    /// Prefix of the presets that this release installs.
    pub config_prefix: String,
    /// Whether presets in the system namespace are kept from deletion.
    pub prevent_config_deletion: bool,
}

/// Who deletes what is in a namespace that goes: nothing may hold that up (edge 30).
pub fn is_namespace_deletion(user: &str) -> bool {
    ["system:serviceaccount:kube-system:namespace-controller", "system:kube-controller-manager"]
        .contains(&user)
}
