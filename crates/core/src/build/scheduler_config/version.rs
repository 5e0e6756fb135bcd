//! The version of an endpoint picker (`reference/router.md §10.6`).

use crate::labels::Labels;

/// Annotation of the picker's pods with its version.
pub const VERSION: &str = "app.kubernetes.io/version";

/// Major and minor version; what a release candidate has, it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// Of a picker with these annotations; 0.0 when they do not say, and nothing is known about it then.
    pub fn of(annotations: &Labels) -> Self {
        annotations.get(VERSION).and_then(|text| Self::parse(text)).unwrap_or_default()
    }

    /// `0.10.0`, `v0.10` and `0.10.0-rc.1` are 0.10.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let core = text.split(['-', '+']).next()?;
        let numbers: Vec<u32> = core.split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        match numbers[..] {
            [major, minor] | [major, minor, _] => Some(Self(major, minor)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("0.10.0", Some(Version(0, 10)))]
    #[case::with_v("v0.9.1", Some(Version(0, 9)))]
    #[case::short("0.10", Some(Version(0, 10)))]
    #[case::candidate("0.10.0-rc.1", Some(Version(0, 10)))]
    #[case::build("1.2.3+abc", Some(Version(1, 2)))]
    #[case::word("main", None)]
    #[case::one_number("1", None)]
    #[case::four_numbers("1.2.3.4", None)]
    #[case::empty("", None)]
    fn versions_are_read(#[case] text: &str, #[case] expected: Option<Version>) {
        assert_eq!(Version::parse(text), expected);
        assert_eq!(
            Version::of(&Labels::from([(VERSION.to_owned(), text.to_owned())])),
            expected.unwrap_or_default()
        );
    }

    #[test]
    fn a_picker_without_the_annotation_is_of_no_version() {
        assert_eq!(Version::of(&Labels::new()), Version(0, 0));
        assert!(Version(0, 9) < Version(0, 10));
    }
}
