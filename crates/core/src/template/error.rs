//! Why a leaf does not render.

use thiserror::Error;

/// A leaf that does not render; each variant names the field, the engine's message and the config.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// The text is no template: bad syntax, an unknown function, an undeclared variable.
    #[error("{0}: template does not parse: {1}", at.path, at.tail())]
    Parse {
        /// Where.
        at: Place,
    },
    /// A field of something that is not set.
    #[error("{0}: template does not render: {1}; guard it with `if`", at.path, at.tail())]
    Nil {
        /// Where.
        at: Place,
    },
    /// A field that the type does not have.
    #[error("{0}: template does not render: {1}", at.path, at.tail())]
    UnknownField {
        /// Where.
        at: Place,
    },
    /// A key that the map does not have.
    #[error("{0}: template does not render: {1}; `index` reads a key that may be missing", at.path, at.tail())]
    MissingKey {
        /// Where.
        at: Place,
    },
    /// Anything else: wrong argument, index out of range, values that can't be compared.
    #[error("{0}: template does not render: {1}", at.path, at.tail())]
    Other {
        /// Where.
        at: Place,
    },
}

/// Where it failed, and what the engine said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Field path, such as `spec.template.containers[main].args[2]`.
    pub path: String,
    /// The engine's message.
    pub message: String,
    /// Display name of the config that the leaf came from; none when it is the service's own.
    pub config: Option<String>,
}

impl Place {
    fn tail(&self) -> String {
        match &self.config {
            Some(config) => format!("{} (from config {config})", self.message),
            None => self.message.clone(),
        }
    }
}

impl TemplateError {
    /// The error for an engine's failure at a place.
    pub(super) fn new(failure: Failure, path: &str, config: Option<String>) -> Self {
        let at = Place { path: path.to_owned(), message: failure.message, config };
        match failure.class {
            Class::Parse => Self::Parse { at },
            Class::Nil => Self::Nil { at },
            Class::Field => Self::UnknownField { at },
            Class::Key => Self::MissingKey { at },
            Class::Other => Self::Other { at },
        }
    }

    /// Where it failed, and what the engine said.
    pub fn place(&self) -> &Place {
        match self {
            Self::Parse { at }
            | Self::Nil { at }
            | Self::UnknownField { at }
            | Self::MissingKey { at }
            | Self::Other { at } => at,
        }
    }
}

/// What went wrong, before it is known where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub class: Class,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Parse,
    Nil,
    Field,
    Key,
    Other,
}

const NIL: &str = "nil pointer evaluating";
const FIELD: &str = "can't evaluate field";

impl Failure {
    pub fn parse(message: impl Into<String>) -> Self {
        Self { class: Class::Parse, message: message.into() }
    }

    /// A failure while executing; messages keep Go's wording, so the class can be told from it.
    pub fn exec(error: &gotmpl::TemplateError) -> Self {
        let text = error.to_string();
        let message = text.strip_prefix("execution error: ").unwrap_or(&text).to_owned();
        let class = match error {
            gotmpl::TemplateError::MissingKey { .. } => Class::Key,
            _ if message.starts_with(NIL) => Class::Nil,
            _ if message.starts_with(FIELD) => Class::Field,
            _ => Class::Other,
        };
        Self { class, message }
    }
}

/// Go's message for a field of a nil pointer.
pub(super) fn nil_pointer(go_type: &str, field: &str) -> gotmpl::TemplateError {
    gotmpl::TemplateError::Exec(format!("{NIL} {go_type}.{field}"))
}

/// Go's message for a field that a type does not have.
pub(super) fn no_field(go_type: &str, field: &str) -> gotmpl::TemplateError {
    gotmpl::TemplateError::Exec(format!("{FIELD} {field} in type {go_type}"))
}
