//! What belongs to a service, as a tree for people.

mod gather;

use std::fmt;
use std::io::{self, IsTerminal as _};

use serde_json::Value;

pub use gather::services;

/// A line and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The line.
    pub line: String,
    /// What stands below it.
    pub below: Vec<Tree>,
}

impl Tree {
    /// A line with nothing below it yet.
    pub fn leaf(line: impl Into<String>) -> Self {
        Self { line: line.into(), below: Vec::new() }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let last = self.below.len().saturating_sub(1);
        for (index, child) in self.below.iter().enumerate() {
            let (here, deeper) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            writeln!(f, "{indent}{here}{}", child.line)?;
            child.write(f, &format!("{indent}{deeper}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.line)?;
        self.write(f, "")
    }
}

/// Colours on a terminal, plain text elsewhere and with `NO_COLOR`.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// As stdout has it.
    pub fn of_stdout() -> Self {
        Self(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }

    /// No colours.
    pub fn plain() -> Self {
        Self(false)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// For names.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// For what matters less.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Green when it is good, else yellow.
    pub fn state(self, good: bool, text: &str) -> String {
        self.with(if good { "32" } else { "33" }, text)
    }
}

/// A string at a JSON pointer, or the empty one.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list at a JSON pointer, or the empty one.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The condition of a type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions").iter().find(|it| text(it, "/type") == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_drawn_to_their_last_child() {
        let deployment =
            Tree { line: "Deployment".into(), below: vec![Tree::leaf("Pod a"), Tree::leaf("Pod b")] };
        let tree = Tree { line: "service".into(), below: vec![deployment, Tree::leaf("Service")] };
        let expected = "service\n├─ Deployment\n│  ├─ Pod a\n│  └─ Pod b\n└─ Service\n";
        assert_eq!(tree.to_string(), expected);
    }

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Paint::plain().bold("x"), "x");
        assert_eq!(Paint(true).state(true, "x"), "\x1b[32mx\x1b[0m");
    }
}
