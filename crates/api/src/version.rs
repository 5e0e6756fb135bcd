//! The versions of both kinds (`reference/api.md §1.1`).

use crate::v1alpha2::GROUP;

/// A version that the CRDs serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Served.
    V1alpha1,
    /// Served and stored.
    V1alpha2,
}

impl Version {
    /// Every version, the oldest first.
    pub const ALL: [Self; 2] = [Self::V1alpha1, Self::V1alpha2];

    /// The one that objects are stored as, and that everything of ours reads.
    pub const STORED: Self = Self::V1alpha2;

    /// `v1alpha1`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1alpha1 => "v1alpha1",
            Self::V1alpha2 => "v1alpha2",
        }
    }

    /// `serving.kserve.io/v1alpha1`.
    pub fn api_version(self) -> String {
        format!("{GROUP}/{}", self.as_str())
    }

    /// The version that an object's `apiVersion` names, if it is one of ours.
    pub fn of(api_version: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.api_version() == api_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written() {
        for version in Version::ALL {
            assert_eq!(Version::of(&version.api_version()), Some(version));
        }
        assert_eq!(Version::of("serving.kserve.io/v1beta1"), None);
        assert_eq!(Version::of("v1alpha2"), None);
    }
}
