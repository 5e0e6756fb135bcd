//! Which rule is of which class.

use super::Rule;

/// Class of a problem, as clients see it (`reference/api.md §5.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `FieldValueInvalid`.
    Invalid,
    /// `FieldValueRequired`.
    Required,
    /// `FieldValueForbidden`.
    Forbidden,
    /// `FieldValueNotSupported`.
    NotSupported,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Invalid, Self::Required, Self::Forbidden, Self::NotSupported];

    /// `reason` of a cause.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Required => "FieldValueRequired",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotSupported => "FieldValueNotSupported",
        }
    }

    /// How it reads in a message.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid value",
            Self::Required => "Required value",
            Self::Forbidden => "Forbidden",
            Self::NotSupported => "Unsupported value",
        }
    }

    /// Whether a message shows the value.
    pub const fn shows_value(self) -> bool {
        matches!(self, Self::Invalid | Self::NotSupported)
    }
}

impl Rule {
    /// The class of its problems (`reference/api.md §5.6–5.8`). Those of immutability and of duplicate adapters stay
    /// as clients know them (edge 23).
    #[rustfmt::skip] // by section
    pub const fn class(self) -> Class {
        match self {
            Self::T2 | Self::T3
            | Self::SC4 | Self::SC5 | Self::SC7 | Self::SC10
            | Self::L4
            | Self::KV1 | Self::KV2 | Self::KV3 | Self::KV5 | Self::KV7
            | Self::RO5 | Self::DR1 => Class::Required,
            Self::SC6 | Self::SC12 | Self::CG1 | Self::CG3 | Self::CG6 => Class::Forbidden,
            Self::I1 | Self::I2 => Class::NotSupported,
            _ => Class::Invalid,
        }
    }

    /// Whether it is of the reference; the others are ours, and let pass what a stored object has already.
    pub fn is_of_reference(self) -> bool {
        self < Self::PF1
    }

    /// Whether it only warns.
    pub fn is_warning(self) -> bool {
        (Self::W1..=Self::W5).contains(&self) || self >= Self::N1
    }
}
