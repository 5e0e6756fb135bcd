//! Why a leaf does not render.

use thiserror::Error;

use crate::pass::Finding;

/// A leaf that does not render; each variant names the field, the engine's message and the config.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// The text is no template: bad syntax, an unknown function, an undeclared variable.
    #[error("{}", at.line(PARSE, ""))]
    Parse {
        /// Where.
        at: Place,
    },
    /// A field of something that is not set.
    #[error("{}", at.line(RENDER, GUARD))]
    Nil {
        /// Where.
        at: Place,
    },
    /// A field that the type does not have.
    #[error("{}", at.line(RENDER, ""))]
    UnknownField {
        /// Where.
        at: Place,
    },
    /// A key that the map does not have.
    #[error("{}", at.line(RENDER, INDEX))]
    MissingKey {
        /// Where.
        at: Place,
    },
    /// Anything else: wrong argument, index out of range, values that can't be compared.
    #[error("{}", at.line(RENDER, ""))]
    Other {
        /// Where.
        at: Place,
    },
}

const PARSE: &str = "template does not parse: ";
const RENDER: &str = "template does not render: ";
const GUARD: &str = "; guard it with `if`";
const INDEX: &str = "; `index` reads a key that may be missing";

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
    fn line(&self, what: &str, hint: &str) -> String {
        self.finding(what, hint).to_string()
    }

    fn finding(&self, what: &str, hint: &str) -> Finding {
        let message = format!("{what}{}{hint}", self.message);
        Finding { path: self.path.clone(), message, origin: self.config.clone() }
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

    /// The error as a finding, with its path and its config apart from the message.
    pub fn finding(&self) -> Finding {
        match self {
            Self::Parse { at } => at.finding(PARSE, ""),
            Self::Nil { at } => at.finding(RENDER, GUARD),
            Self::MissingKey { at } => at.finding(RENDER, INDEX),
            Self::UnknownField { at } | Self::Other { at } => at.finding(RENDER, ""),
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
        let message = text.strip_prefix("execution error: ").unwrap_or(&text);
        // What the engine takes for a function is a handle of ours, see `view`.
        let words = message.split(' ').map(|w| if w == "func" { "pointer or struct" } else { w });
        let message = words.collect::<Vec<_>>().join(" ");
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
